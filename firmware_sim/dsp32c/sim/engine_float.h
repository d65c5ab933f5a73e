/* The DAU's numbers: 40-bit accumulators and 32-bit words as exact integers (dsp32c.md 3.1-3.3).

   Num is m * 2^(e - 128 - 31) with m normalised to [2^31, 2^32) or [-2^32, -2^31); zero is m = 0 with
   an exponent so small that alignment never shifts the other operand. */
#ifndef ENGINE_FLOAT_H
#define ENGINE_FLOAT_H

#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define ZERO_EXPONENT (-4096)

enum { DAU_N = 8, DAU_Z = 4, DAU_U = 2, DAU_V = 1 };
enum { DOWN = 1, TOWARD_ZERO }; /* ways to truncate: dauc[4] */

typedef struct {
    int64_t m;
    int32_t e;
} Num;

static const Num ZERO = {0, ZERO_EXPONENT};

INLINE int64_t shift_left(int64_t value, int by) { return (int64_t)((uint64_t)value << by); }

INLINE int clamp63(int by) { return by > 63 ? 63 : by; }

/* 40-bit accumulator image <-> Num; e = 0 is zero whatever the rest holds. */
INLINE Num from40(uint64_t image) {
    int32_t e = image & 255, s = (int32_t)(uint32_t)(image >> 8);
    Num x = {(int64_t)s + (s >> 31) * ((int64_t)1 << 32) + ((int64_t)1 << 31), e};
    return e ? x : ZERO;
}

INLINE uint64_t to40(Num x) {
    return x.m ? (uint64_t)((uint32_t)x.m ^ 0x80000000u) << 8 | (uint32_t)x.e : 0;
}

/* s * 2^(e - 128 - 46) to an accumulator: normalise, floor to 31 fraction bits, saturate or flush;
   sets N Z U V. `truncates` off rounds half up instead (the target's switch). */
INLINE Num normalise(int64_t s, int32_t e, int truncates, uint32_t *flags) {
    int lead = __builtin_clzll(((uint64_t)(s ^ (s >> 63)) << 1) | 1);
    int64_t top = shift_left(s, lead);
    Num x = {top >> 31, e + 16 - lead};
    if (!truncates) {
        x.m += (top >> 30) & 1;
        if (x.m == (int64_t)1 << 32) x.m >>= 1, x.e++;
        if (x.m == -((int64_t)1 << 31)) x.m *= 2, x.e--;
    }
    *flags = s < 0 ? DAU_N : 0;
    if (__builtin_expect(s == 0 || (uint32_t)(x.e - 1) >= 255, 0)) {
        if (s == 0 || x.e < 1) {
            *flags = DAU_Z | (s ? DAU_U : 0);
            return ZERO;
        }
        *flags |= DAU_V;
        x.m = s < 0 ? -((int64_t)1 << 32) : ((int64_t)1 << 32) - 1;
        x.e = 255;
    }
    return x;
}

/* addend + p * 2^(pe - 128 - 46): align the smaller exponent by an arithmetic right shift (3.3). */
INLINE Num accumulate(Num addend, int64_t p, int32_t pe, int truncates, uint32_t *flags) {
    int d = addend.e - pe;
    int64_t s = shift_left(addend.m, 15);
    if (d >= 0) return normalise(s + (p >> clamp63(d)), addend.e, truncates, flags);
    return normalise((s >> clamp63(-d)) + p, pe, truncates, flags);
}

INLINE Num from_integer(int64_t value, uint32_t *flags) {
    return normalise(value, 128 + 46, 1, flags);
}

/* ITU-T G.711 on whole numbers, as in g711.py. */
static int32_t expand(uint32_t code, int a_law) {
    code ^= a_law ? 0x55 : 0xff;
    int32_t segment = code >> 4 & 7, q = 2 * (code & 15), magnitude;
    if (!a_law) magnitude = ((q + 33) << segment) - 33;
    else magnitude = segment ? (q + 33) << (segment - 1) : q + 1;
    return (code >> 7 & 1) != (uint32_t)a_law ? -magnitude : magnitude;
}

static uint32_t compress(int32_t value, int a_law) {
    uint32_t negative = value < 0, segment, code;
    uint32_t magnitude = !negative ? value : a_law ? ~value : -value;
    if (a_law) {
        if (magnitude > 0xfff) magnitude = 0xfff;
        segment = magnitude > 31 ? 27 - __builtin_clz(magnitude) : 0;
        code = segment << 4 | (magnitude >> (segment ? segment : 1) & 15) | (negative ? 0 : 0x80);
        return code ^ 0x55;
    }
    magnitude = magnitude + 33 > 0x1fff ? 0x1fff : magnitude + 33;
    segment = 26 - __builtin_clz(magnitude);
    code = segment << 4 | (magnitude >> (segment + 1) & 15) | (negative ? 0x80 : 0);
    return code ^ 0xff;
}

/* IEEE single <-> word (3.1). */
INLINE uint32_t word_to_ieee(uint32_t word) {
    uint32_t e = word & 255, f = (word >> 8) & 0x7fffff, sign = word & 0x80000000u;
    int32_t exponent = (int32_t)e - (sign && f == 0 ? 0 : 1);
    if (e == 0 || exponent <= 0) return 0;
    if (exponent >= 255) return sign | 0x7f800000u;
    if (sign) f = (0x800000u - f) & 0x7fffff;
    return sign | (uint32_t)exponent << 23 | f;
}

INLINE uint32_t ieee_to_word(uint32_t bits, uint32_t *flags) {
    uint32_t e = (bits >> 23) & 255, f = bits & 0x7fffff, sign = bits & 0x80000000u, word;
    int over = e == 255;
    if (e == 0) {
        *flags = DAU_Z | (f ? DAU_U : 0);
        return 0;
    }
    if (sign && f == 0) word = sign | e;
    else over |= e + 1 > 255, word = sign | (sign ? 0x800000u - f : f) << 8 | (e + 1);
    *flags = (sign ? DAU_N : 0) | (over ? DAU_V : 0);
    if (over) return sign ? 0x800000ffu : 0x7fffffffu;
    return word;
}

#endif
