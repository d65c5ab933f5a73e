/* The DAU's numbers as doubles, which hold 40 bits exactly: what engine_float.h defines, done by
   the processor at hand wherever nothing is lost on the way.

   A product of two factors has 48 bits, so it is a double. A sum that a double holds exactly
   differs from the chip's only by the chip's last step, which drops what is below 32 bits; whether
   a double lost something shows (Knuth's two-sum). The chip loses bits before it adds too, but
   those 15 places and more below the sum, unless a product of more than 46 bits cancels: then, and
   near the ends of the exponents, engine_float.h computes. An adder that truncates goes down to 32
   bits, and so it does from the next double below where the double was rounded up: it was rounded
   at all only if one is 16 times the other, where next to nothing cancels.

   A zero that was loaded with a mantissa keeps it, for nobody but a store: it is the double whose
   bits are that mantissa, less than any number that the chip has and than DBL_MIN. A sum with one
   loses something, so that engine_float.h computes it, where it is zero. */
#ifndef ENGINE_DOUBLE_H
#define ENGINE_DOUBLE_H

#include <float.h>

#include "engine_float.h"

_Static_assert(FLT_EVAL_METHOD == 0, "sums of doubles are to be doubles");

INLINE uint64_t bits_of(double d) {
    uint64_t bits;
    __builtin_memcpy(&bits, &d, 8);
    return bits;
}

INLINE double of_bits(uint64_t bits) {
    double d;
    __builtin_memcpy(&d, &bits, 8);
    return d;
}

/* 2^e, for e well inside the doubles' range. */
INLINE double power(int e) { return of_bits((uint64_t)(e + 1023) << 52); }

INLINE double to_double(Num x) { return x.m ? (double)x.m * power(x.e - 159) : 0; }

/* Of at most 32 significant bits. */
INLINE Num from_double(double d) {
    uint64_t bits = bits_of(d);
    if (!(bits << 1 >> 53)) return ZERO;
    Num x = {(int64_t)(bits << 12 >> 33 | (uint64_t)1 << 31), (int32_t)(bits >> 52 & 2047) - 895};
    if (d < 0) {
        x.m = -x.m;
        if (x.m == -((int64_t)1 << 31)) x.m *= 2, x.e--;
    }
    return x;
}

/* The lowest `bits` bits dropped, toward minus infinity. */
INLINE double floored(double d, int bits) {
    uint64_t low = ((uint64_t)1 << bits) - 1, b = bits_of(d);
    return of_bits((b + (low & -(b >> 63))) & ~low);
}

#define DROPPED 21 /* of a double's bits, those that an accumulator has no room for */

/* A multiplier operand (3.2). */
INLINE double factor(double d) { return floored(d, 29); }

/* scale: of each exponent byte what a mantissa's unit is worth, 0 of 0. */
INLINE double value_of_word(const double *scale, uint32_t word) {
    int32_t s = (int32_t)word >> 8;
    return (double)(s + (s < 0 ? -(1 << 23) : 1 << 23)) * scale[word & 255];
}

/* Guard bits dropped. Negative numbers' words count down. */
INLINE uint32_t to_word(double d) {
    uint64_t b = bits_of(d), negative = b >> 63;
    if (!(b << 1 >> 53)) return (uint32_t)b & 0xffffff00u;
    uint64_t v = ((b << 1 >> 1) - negative) >> 29;
    uint32_t mantissa = ((uint32_t)v & 0x7fffff) ^ (0xffffff & -(uint32_t)negative);
    return mantissa << 8 | (uint32_t)((v >> 23) - 895);
}

typedef struct { double value; uint32_t flags; } Sum;

/* addend + x * y, the signs of addend (2) and product (1) changed first. */
static __attribute__((noinline)) Sum sum_in_full(double addend, double x, double y, int negate,
                                                 int truncates) {
    Sum sum;
    Num a = from_double(negate & 2 ? -addend : addend), p = from_double(x), q = from_double(y);
    int64_t product = (p.m >> 8) * (q.m >> 8);
    a = accumulate(a, negate & 1 ? -product : product, p.e + q.e - 128, truncates, &sum.flags);
    sum.value = to_double(a);
    return sum;
}

/* The same. bump: by sign, what makes dropping bits the adder's rounding. */
INLINE Sum sum(double addend, double x, double y, int negate, const uint64_t *bump) {
    double p = negate & 1 ? -(x * y) : x * y, a = negate & 2 ? -addend : addend;
    double s = a + p, back = s - a, lost = (a - (s - back)) + (p - back);
    uint64_t b = bits_of(s), inexact = bits_of(lost) << 1 | (bits_of(p) & 127);
    if (__builtin_expect(inexact || (b >> 52 & 2047) - 903 > 240, 0)) {
        if (s == 0) return (Sum){0, DAU_Z};
        if (bump[0] || bits_of(p) & 127 || (b >> 52 & 2047) - 903 > 240 ||
            (bits_of(lost) >> 52 & 2047) < 523) /* 2^-500: no number of the chip is lost */
            return sum_in_full(addend, x, y, negate, !bump[0]);
        if (lost < 0) b += b >> 63 ? 1 : -1; /* the next double down: dropping bits does the rest */
    }
    return (Sum){of_bits((b + bump[b >> 63]) >> DROPPED << DROPPED), (uint32_t)(b >> 63) * DAU_N};
}

/* Nearest with ties upward, or truncated, then saturated to `bits`. */
INLINE int32_t to_integer(double d, int bits, int truncate) {
    double top = (double)(((int64_t)1 << (bits - 1)) - 1);
    if (!truncate) d += 0.5;
    d = d > top ? top : d < -top - 1 ? -top - 1 : d;
    int32_t whole = (int32_t)d;
    return truncate == TOWARD_ZERO ? whole : whole - (whole > d);
}

#endif
