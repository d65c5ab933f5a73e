/* two_in_two_out.c: the definitions behind two_in_two_out.h, printed by dsplet. */
/* No rights are claimed in this text by the authors of dsplet, the helpers in it included. */
#include "two_in_two_out.h"

/* What stands before every constant: name a section or an alignment here. */
#ifndef TWO_IN_TWO_OUT_CONST
#define TWO_IN_TWO_OUT_CONST static const
#endif

/* What happens after every layer, numbered from 1: a checksum, a watchdog, another task's turn. */
#ifndef TWO_IN_TWO_OUT_LAYER
#define TWO_IN_TWO_OUT_LAYER(number, name) ((void)0)
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

/* acc * 2^-shift, rounded down; shift in 0..31. Compilers see one arithmetic shift, which they do
 * not where the numbers are unsigned. */
INLINE int32_t shifted(int32_t acc, int shift)
{
    return acc < 0 ? ~(~acc >> shift) : acc >> shift;
}

/* acc * 2^-shift, rounded half up; shift in 0..31, and the overflow proof keeps acc + 2^(shift-1)
 * below 2^31. */
INLINE int32_t rounded(int32_t acc, int shift)
{
    const uint32_t half = ((uint32_t)1 << (uint32_t)shift) >> 1;
    return shifted(acc + (int32_t)half, shift);
}

/* Input 'left.in' */
KERNEL void k00_input(const int8_t *in_left_in, int8_t *v_left_in)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        d = in_left_in[i0];
        v_left_in[i0] = (int8_t)d;
    }
}

/* Input 'left_in' */
KERNEL void k01_input(const int8_t *in_left_in_, int8_t *v_left_in_)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        d = in_left_in_[i0];
        v_left_in_[i0] = (int8_t)d;
    }
}

/* Add 's' */
KERNEL void k02_add(const int8_t *v_left_in, const int8_t *v_left_in_, int8_t *v_sum)
{
    int32_t acc;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        acc = v_left_in[i0];
        acc += (int32_t)v_left_in_[i0] * 4;
        acc = rounded(acc, 3);
        v_sum[i0] = (int8_t)acc;
    }
}

/* Sub 'd' */
KERNEL void k03_sub(const int8_t *v_left_in, const int8_t *v_left_in_, int16_t *v_difference)
{
    int32_t acc;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        acc = v_left_in[i0];
        acc -= (int32_t)v_left_in_[i0] * 4;
        v_difference[i0] = (int16_t)acc;
    }
}

/* Output 'sum' */
KERNEL void k04_output(int8_t *out_sum, const int8_t *v_sum)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        d = v_sum[i0];
        out_sum[i0] = (int8_t)d;
    }
}

/* Output 'difference' */
KERNEL void k05_output(int16_t *out_difference, const int16_t *v_difference)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        d = v_difference[i0];
        out_difference[i0] = (int16_t)d;
    }
}

void two_in_two_out_init(two_in_two_out_context *context)
{
    (void)context;
}

void two_in_two_out_run(two_in_two_out_context *context, const two_in_two_out_input0 *in_left_in,
        const two_in_two_out_input1 *in_left_in_, two_in_two_out_output0 *out_sum,
        two_in_two_out_output1 *out_difference)
{
    k00_input(in_left_in, context->ram.v_left_in.q);
    TWO_IN_TWO_OUT_LAYER(1, "left.in");
    k01_input(in_left_in_, context->ram.v_left_in_.q);
    TWO_IN_TWO_OUT_LAYER(2, "left_in");
    k02_add(context->ram.v_left_in.q, context->ram.v_left_in_.q, context->ram.v_sum.q);
    TWO_IN_TWO_OUT_LAYER(3, "s");
    k03_sub(context->ram.v_left_in.q, context->ram.v_left_in_.q, context->ram.v_difference.q);
    TWO_IN_TWO_OUT_LAYER(4, "d");
    k04_output(out_sum, context->ram.v_sum.q);
    TWO_IN_TWO_OUT_LAYER(5, "sum");
    k05_output(out_difference, context->ram.v_difference.q);
    TWO_IN_TWO_OUT_LAYER(6, "difference");
}
