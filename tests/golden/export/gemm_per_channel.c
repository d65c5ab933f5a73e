/* gemm_per_channel.c: the definitions behind gemm_per_channel.h, printed by dsplet. */
/* No rights are claimed in this text by the authors of dsplet, the helpers in it included. */
#include "gemm_per_channel.h"

/* What stands before every constant: name a section or an alignment here. */
#ifndef GEMM_PER_CHANNEL_CONST
#define GEMM_PER_CHANNEL_CONST static const
#endif

/* What happens after every layer, numbered from 1: a checksum, a watchdog, another task's turn. */
#ifndef GEMM_PER_CHANNEL_LAYER
#define GEMM_PER_CHANNEL_LAYER(number, name) ((void)0)
#endif

/* The address space of constants, where it is not that of variables: on an AVR, __memx here and
 * behind GEMM_PER_CHANNEL_CONST's "static const" leaves them in flash (gcc, -std=gnu99). */
#ifdef GEMM_PER_CHANNEL_SPACE
#define SPACE GEMM_PER_CHANNEL_SPACE
#else
#define SPACE
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

/* Two products of 16 bits in one instruction, where the processor has it. */
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_UNALIGNED) && defined(__GNUC__)
#define PAIRS
INLINE uint32_t word(const void *p)
{
    uint32_t w;
    __builtin_memcpy(&w, p, 4);
    return w;
}
INLINE uint32_t even_unsigned(uint32_t w)
{
    uint32_t pair;
    __asm__("uxtb16 %0, %1" : "=r"(pair) : "r"(w));
    return pair;
}
INLINE uint32_t odd_unsigned(uint32_t w)
{
    uint32_t pair;
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(w));
    return pair;
}
INLINE uint32_t even_signed(uint32_t w)
{
    uint32_t pair;
    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(w));
    return pair;
}
INLINE uint32_t odd_signed(uint32_t w)
{
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(w));
    return pair;
}
INLINE int32_t pairs(uint32_t x, uint32_t w, int32_t acc)
{
    int32_t sum;
    __asm__("smlad %0, %1, %2, %3" : "=r"(sum) : "r"(x), "r"(w), "r"(acc));
    return sum;
}
#endif

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

/* acc + x[0] * w[0] + .. + x[3] * w[3]; sums of products are exact in any order. */
INLINE int32_t dot4_int8_int8(int32_t acc, const int8_t *x, const int8_t SPACE *w)
{
#ifdef PAIRS
    const uint32_t p = word(x), q = word(w);
    return pairs(odd_signed(p), odd_signed(q), pairs(even_signed(p), even_signed(q), acc));
#else
    return acc + ((int32_t)x[0] * w[0]) + ((int32_t)x[1] * w[1])
           + ((int32_t)x[2] * w[2]) + ((int32_t)x[3] * w[3]);
#endif
}

GEMM_PER_CHANNEL_CONST int8_t k01_gemm_weight[48] = {
    43, -45, 117, -2, 13, 62, -73, -56, -14, -60, -77, -43, 80, -50, -33, 119, 83, -34, 83, 79, 40,
    -81, 62, -20, 12, -14, -50, -100, 35, 31, 34, 114, -1, -67, 123, 78, 41, -126, 112, 105, 0,
    -108, 34, 56, 51, -4, 65, 113,
};

GEMM_PER_CHANNEL_CONST int16_t k01_gemm_bias[4] = {
    652, 787, 490, -30,
};

GEMM_PER_CHANNEL_CONST int8_t k01_gemm_shift[4] = {
    5, 7, 9, 11,
};

/* Input 'x' */
KERNEL void k00_input(const int8_t *in_x, int8_t *v_x)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 12; i0++) {
        d = in_x[i0];
        v_x[i0] = (int8_t)d;
    }
}

/* Gemm 'g', 48 MACs */
KERNEL void k01_gemm(const int8_t *v_x, int8_t *v_y)
{
    int32_t acc;
    for (int32_t i0 = 0; i0 < 4; i0++) {
        acc = k01_gemm_bias[i0];
        for (int32_t i1 = 0; i1 < 12; i1 += 4) {
            acc = dot4_int8_int8(acc, &v_x[i1], &k01_gemm_weight[12 * i0 + i1]);
        }
        acc = rounded(acc, k01_gemm_shift[i0]);
        acc = limited(acc, -128, 127);
        v_y[i0] = (int8_t)acc;
    }
}

/* Output 'y' */
KERNEL void k02_output(int8_t *out_y, const int8_t *v_y)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 4; i0++) {
        d = v_y[i0];
        out_y[i0] = (int8_t)d;
    }
}

void gemm_per_channel_init(gemm_per_channel_context *context)
{
    (void)context;
}

void gemm_per_channel_run(gemm_per_channel_context *context, const gemm_per_channel_input *in_x,
        gemm_per_channel_output *out_y)
{
    k00_input(in_x, context->ram.v_x.q);
    GEMM_PER_CHANNEL_LAYER(1, "x");
    k01_gemm(context->ram.v_x.q, context->ram.v_y.q);
    GEMM_PER_CHANNEL_LAYER(2, "g");
    k02_output(out_y, context->ram.v_y.q);
    GEMM_PER_CHANNEL_LAYER(3, "y");
}
