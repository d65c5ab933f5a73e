/* conv_pad_31.c: the definitions behind conv_pad_31.h, printed by dsplet. */
/* No rights are claimed in this text by the authors of dsplet, the helpers in it included. */
#include "conv_pad_31.h"

/* What stands before every constant: name a section or an alignment here. */
#ifndef CONV_PAD_31_CONST
#define CONV_PAD_31_CONST static const
#endif

/* What happens after every layer, numbered from 1: a checksum, a watchdog, another task's turn. */
#ifndef CONV_PAD_31_LAYER
#define CONV_PAD_31_LAYER(number, name) ((void)0)
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

/* acc, but no less than low and no more than high. */
INLINE int32_t limited(int32_t acc, int32_t low, int32_t high)
{
    return acc < low ? low : (acc > high ? high : acc);
}

CONV_PAD_31_CONST int8_t k01_conv_weight[54] = {
    43, -45, 117, -2, 13, 62, -73, -56, -14, -60, -77, -43, 80, -50, -33, 119, 83, -34, 83, 79, 40,
    -81, 62, -20, 12, -14, -50, -100, 35, 31, 34, 114, -1, -67, 123, 78, 41, -126, 112, 105, 0,
    -108, 34, 56, 51, -4, 65, 113, 5, -40, 83, 105, -113, 59,
};

CONV_PAD_31_CONST int16_t k01_conv_bias[2] = {
    -659, -476,
};

CONV_PAD_31_CONST int8_t v_p_image[192] = {
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
};

/* Input 'x' */
KERNEL void k00_input(const int8_t *in_x, int8_t *v_p)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        for (int32_t i1 = 0; i1 < 5; i1++) {
            for (int32_t i2 = 0; i2 < 6; i2++) {
                d = in_x[30 * i0 + 6 * i1 + i2];
                v_p[64 * i0 + 8 * i1 + i2 + 10] = (int8_t)d;
            }
        }
    }
}

/* Conv 'c', 1944 MACs */
KERNEL void k01_conv(const int8_t *v_p, int8_t *v_y)
{
    int32_t acc;
    for (int32_t i1 = 0; i1 < 2; i1++) {
        for (int32_t i2 = 0; i2 < 6; i2++) {
            for (int32_t i3 = 0; i3 < 6; i3++) {
                acc = k01_conv_bias[i1];
                for (int32_t i4 = 0; i4 < 3; i4++) {
                    for (int32_t i5 = 0; i5 < 3; i5++) {
                        for (int32_t i6 = 0; i6 < 3; i6++) {
                            acc += (int32_t)v_p[8 * i2 + i3 + 64 * i4 + 8 * i5 + i6] *
                                    k01_conv_weight[27 * i1 + 9 * i4 + 3 * i5 + i6];
                        }
                    }
                }
                acc = rounded(acc, 9);
                acc = limited(acc, -128, 127);
                v_y[36 * i1 + 6 * i2 + i3] = (int8_t)acc;
            }
        }
    }
}

/* Output 'y' */
KERNEL void k02_output(int8_t *out_y, const int8_t *v_y)
{
    int32_t d;
    for (int32_t i2 = 0; i2 < 72; i2++) {
        d = v_y[i2];
        out_y[i2] = (int8_t)d;
    }
}

void conv_pad_31_init(conv_pad_31_context *context)
{
    for (int32_t i = 0; i < 192; i++) {
        context->v_p[i] = v_p_image[i];
    }
}

void conv_pad_31_run(conv_pad_31_context *context, const conv_pad_31_input *in_x, conv_pad_31_output
        *out_y)
{
    k00_input(in_x, context->v_p);
    CONV_PAD_31_LAYER(1, "x");
    k01_conv(context->v_p, context->ram.v_y.q);
    CONV_PAD_31_LAYER(2, "c");
    k02_output(out_y, context->ram.v_y.q);
    CONV_PAD_31_LAYER(3, "y");
}
