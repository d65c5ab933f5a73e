/* softmax_many.c: the definitions behind softmax_many.h, printed by dsplet. */
/* No rights are claimed in this text by the authors of dsplet, the helpers in it included. */
#include "softmax_many.h"

/* Exact-width integers are two's complement (C99 7.18.1.1), so ~x is -x - 1 and the shifts below
 * only ever see values that are not negative: no result depends on the compiler. */

/* acc * 2^-shift, rounded half up, then limited to [low, high]; shift in -31..31.
 * The overflow proof keeps acc + 2^(shift-1) below 2^31; a left shift is exact in 64 bits. */
static inline int32_t requantize(int32_t acc, int shift, int32_t low, int32_t high)
{
    if (shift < 0) {
        const int64_t wide = (int64_t)acc * ((int64_t)1 << -shift);
        return wide < low ? low : wide > high ? high : (int32_t)wide;
    }
    if (shift > 0) {
        acc += (int32_t)1 << (shift - 1);
        acc = acc < 0 ? ~(~acc >> shift) : acc >> shift;
    }
    return acc < low ? low : acc > high ? high : acc;
}

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

static const int16_t k01_softmax_exp_table[64] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 5,
    7, 9, 12, 15, 19, 25, 32, 41, 52, 67, 86, 110, 142, 182, 234, 300, 385, 495, 635, 816, 1047,
    1345, 1727, 2217, 2847, 3656, 4694, 6027, 7739, 9937, 12760, 16384,
};

static int8_t v_x[40];

static int16_t v_y[40];

static int32_t k01_softmax_cells[2];

static int16_t k01_softmax_exp[40];

/* Input 'x' */
static void k00_input(const int8_t *in_x)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 40; i0++) {
        d = in_x[i0];
        v_x[i0] = (int8_t)d;
    }
}

/* Softmax 's' */
static void k01_softmax(void)
{
    int32_t d;
    d = v_x[0];
    for (int32_t i0 = 0; i0 < 40; i0++) {
        d = larger(d, v_x[i0]);
    }
    k01_softmax_cells[0] = d;
    for (int32_t i1 = 0; i1 < 40; i1++) {
        d = v_x[i1];
        d -= k01_softmax_cells[0];
        d = k01_softmax_exp_table[d + 63];
        k01_softmax_exp[i1] = (int16_t)d;
    }
    d = 0;
    for (int32_t i2 = 0; i2 < 40; i2++) {
        d += k01_softmax_exp[i2];
    }
    k01_softmax_cells[1] = d;
    for (int32_t i3 = 0; i3 < 40; i3++) {
        d = 0;
        d += (int32_t)k01_softmax_exp[i3] * 32768;
        d = divide_half_up(d, k01_softmax_cells[1]);
        d = requantize(d, 0, -32768, 32767);
        v_y[i3] = (int16_t)d;
    }
}

/* Output 'y' */
static void k02_output(int16_t *out_y)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 40; i0++) {
        d = v_y[i0];
        out_y[i0] = (int16_t)d;
    }
}

void softmax_many_run(const int8_t *in_x, int16_t *out_y)
{
    k00_input(in_x);
    k01_softmax();
    k02_output(out_y);
}
