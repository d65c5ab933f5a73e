/* softmax_many.c: the definitions behind softmax_many.h, printed by dsplet. */
/* No rights are claimed in this text by the authors of dsplet, the helpers in it included. */
#include "softmax_many.h"

/* What stands before every constant: name a section or an alignment here. */
#ifndef SOFTMAX_MANY_CONST
#define SOFTMAX_MANY_CONST static const
#endif

/* What happens after every layer, numbered from 1: a checksum, a watchdog, another task's turn. */
#ifndef SOFTMAX_MANY_LAYER
#define SOFTMAX_MANY_LAYER(number, name) ((void)0)
#endif

/* Small enough to be part of its caller, whatever the compiler is told to save. */
#if defined(__GNUC__)
#define INLINE __attribute__((always_inline)) static inline
#else
#define INLINE static inline
#endif

/* A function of its own: its loops then have the registers to themselves. Nothing is inferred
 * across its border, either: gcc 12 took functions that only write to memory of this file for
 * functions without effect, and left out their calls. */
#if defined(__GNUC__) && defined(__has_attribute)
#if __has_attribute(noipa)
#define KERNEL __attribute__((noipa)) static
#else
#define KERNEL __attribute__((noinline)) static
#endif
#else
#define KERNEL static
#endif

/* A loop whose turns are as long as its registers allow. At -O3, gcc 12 writes out all of a short
 * one and keeps numbers on the stack. */
#if defined(__GNUC__) && !defined(__clang__) && (__GNUC__ >= 8)
#define ROLLED _Pragma("GCC unroll 1")
#else
#define ROLLED
#endif

/* Exact-width integers are two's complement (C99 7.18.1.1), so ~x is -x - 1 and the shifts below
 * only ever see values that are not negative: no result depends on the compiler. */

/* n / d rounded half up; d > 0, and the overflow proof keeps 2|n| + d below 2^31. */
INLINE int32_t divide_half_up(int32_t n, int32_t d)
{
    const int32_t twice = (2 * n) + d;
    const int32_t quotient = twice / (2 * d);
    return (twice % (2 * d)) < 0 ? quotient - 1 : quotient;
}

/* The larger of two integers. */
INLINE int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The smaller of two integers. */
INLINE int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

SOFTMAX_MANY_CONST int16_t k01_softmax_exp_table[64] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 5,
    7, 9, 12, 15, 19, 25, 32, 41, 52, 67, 86, 110, 142, 182, 234, 300, 385, 495, 635, 816, 1047,
    1345, 1727, 2217, 2847, 3656, 4694, 6027, 7739, 9937, 12760, 16384,
};

/* Input 'x' */
KERNEL void k00_input(const int8_t *in_x, int8_t *v_x)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 40; i0++) {
        d = in_x[i0];
        v_x[i0] = (int8_t)d;
    }
}

/* Softmax 's' */
KERNEL void k01_softmax(const int8_t *v_x, int16_t *v_y, int32_t *k01_softmax_cells, int16_t
        *k01_softmax_exp)
{
    int32_t d;
    d = v_x[0];
    for (int32_t i0 = 0; i0 < 40; i0++) {
        d = larger(d, v_x[i0]);
    }
    k01_softmax_cells[0] = d;
    for (int32_t i1 = 0; i1 < 40; i1++) {
        d = v_x[i1];
        d -= (int32_t)k01_softmax_cells[0];
        d = k01_softmax_exp_table[d + 63];
        k01_softmax_exp[i1] = (int16_t)d;
    }
    d = 0;
    for (int32_t i2 = 0; i2 < 40; i2++) {
        d += (int32_t)k01_softmax_exp[i2];
    }
    k01_softmax_cells[1] = d;
    for (int32_t i3 = 0; i3 < 40; i3++) {
        d = 0;
        d += (int32_t)k01_softmax_exp[i3] * 32768;
        d = divide_half_up(d, k01_softmax_cells[1]);
        d = smaller(d, 32767);
        v_y[i3] = (int16_t)d;
    }
}

/* Output 'y' */
KERNEL void k02_output(int16_t *out_y, const int16_t *v_y)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 40; i0++) {
        d = v_y[i0];
        out_y[i0] = (int16_t)d;
    }
}

void softmax_many_init(softmax_many_context *context)
{
    (void)context;
}

void softmax_many_run(softmax_many_context *context, const softmax_many_input *in_x,
        softmax_many_output *out_y)
{
    k00_input(in_x, context->ram.v_x.q);
    SOFTMAX_MANY_LAYER(1, "x");
    k01_softmax(context->ram.v_x.q, context->ram.v_y.q, context->ram.k01_softmax_cells.q,
            context->ram.k01_softmax_exp.q);
    SOFTMAX_MANY_LAYER(2, "s");
    k02_output(out_y, context->ram.v_y.q);
    SOFTMAX_MANY_LAYER(3, "y");
}
