/* softmax_many.c: the definitions behind softmax_many.h, printed by dsplet. */
#include "softmax_many.h"

/* Exact-width integers are two's complement (C99 7.18.1.1), so ~x is -x - 1 and the shifts below
 * only ever see values that are not negative: no result depends on the compiler. */

/* n / d rounded half up; d > 0, and the overflow proof keeps 2|n| + d below 2^31. */
static inline int32_t divide_half_up(int32_t n, int32_t d)
{
    const int32_t twice = 2 * n + d;
    const int32_t quotient = twice / (2 * d);
    return twice % (2 * d) < 0 ? quotient - 1 : quotient;
}

/* The larger of two integers. */
static inline int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The smaller of two integers. */
static inline int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* A function of its own: its loops then have the registers to themselves. */
#if defined(__GNUC__)
#define KERNEL __attribute__((noinline)) static
#else
#define KERNEL static
#endif

static const int16_t k01_softmax_exp_table[64] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 5,
    7, 9, 12, 15, 19, 25, 32, 41, 52, 67, 86, 110, 142, 182, 234, 300, 385, 495, 635, 816, 1047,
    1345, 1727, 2217, 2847, 3656, 4694, 6027, 7739, 9937, 12760, 16384,
};

/* What is never alive at one time lies in one place. */
static union {
    struct { int16_t q[40]; } k01_softmax_exp;
    struct { uint8_t before[80]; int16_t q[40]; } v_y;
    struct { uint8_t before[160]; int8_t q[40]; } v_x;
    struct { uint8_t before[200]; int32_t q[2]; } k01_softmax_cells;
} ram;

/* Input 'x' */
KERNEL void k00_input(const int8_t *in_x)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 40; i0++) {
        d = in_x[i0];
        ram.v_x.q[i0] = (int8_t)d;
    }
}

/* Softmax 's' */
KERNEL void k01_softmax(void)
{
    int32_t d;
    d = ram.v_x.q[0];
    for (int32_t i0 = 0; i0 < 40; i0++) {
        d = larger(d, ram.v_x.q[i0]);
    }
    ram.k01_softmax_cells.q[0] = d;
    for (int32_t i1 = 0; i1 < 40; i1++) {
        d = ram.v_x.q[i1];
        d -= ram.k01_softmax_cells.q[0];
        d = k01_softmax_exp_table[d + 63];
        ram.k01_softmax_exp.q[i1] = (int16_t)d;
    }
    d = 0;
    for (int32_t i2 = 0; i2 < 40; i2++) {
        d += ram.k01_softmax_exp.q[i2];
    }
    ram.k01_softmax_cells.q[1] = d;
    for (int32_t i3 = 0; i3 < 40; i3++) {
        d = 0;
        d += (int32_t)ram.k01_softmax_exp.q[i3] * 32768;
        d = divide_half_up(d, ram.k01_softmax_cells.q[1]);
        d = smaller(d, 32767);
        ram.v_y.q[i3] = (int16_t)d;
    }
}

/* Output 'y' */
KERNEL void k02_output(int16_t *out_y)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 40; i0++) {
        d = ram.v_y.q[i0];
        out_y[i0] = (int16_t)d;
    }
}

void softmax_many_run(const int8_t *in_x, int16_t *out_y)
{
    k00_input(in_x);
    k01_softmax();
    k02_output(out_y);
}
