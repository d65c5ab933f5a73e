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

/* acc * 2^-shift, rounded half up, then limited to [low, high]; shift in -31..31.
 * The overflow proof keeps acc + 2^(shift-1) below 2^31; a left shift is exact in 64 bits. */
INLINE int32_t requantize(int32_t acc, int shift, int32_t low, int32_t high)
{
    int32_t sum = acc;
    if (shift < 0) {
        const uint64_t power = (uint64_t)1 << (uint32_t)-shift;
        const int64_t wide = (int64_t)acc * (int64_t)power;
        return wide < low ? low : (wide > high ? high : (int32_t)wide);
    }
    if (shift > 0) {
        sum = rounded(acc, shift);
    }
    return sum < low ? low : (sum > high ? high : sum);
}

/* n / d rounded half up; d > 0, and the overflow proof keeps 2|n| + d below 2^31. */
INLINE int32_t divide_half_up(int32_t n, int32_t d)
{
    const int32_t twice = (2 * n) + d;
    const int32_t quotient = twice / (2 * d);
    return (twice % (2 * d)) < 0 ? quotient - 1 : quotient;
}

/* On the line through node * 2^step with this slope, as far from it as u's low bits say; u >= 0. */
INLINE int32_t interpolate(int32_t node, int32_t slope, int32_t u, int step)
{
    const uint32_t one = (uint32_t)1 << (uint32_t)step;
    const uint32_t beyond = (uint32_t)u & (one - 1u);
    return (node * (int32_t)one) + (slope * (int32_t)beyond);
}

/* acc, but no less than low and no more than high. */
INLINE int32_t limited(int32_t acc, int32_t low, int32_t high)
{
    return acc < low ? low : (acc > high ? high : acc);
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

/* acc + x[0] * w[0] + .. + x[3] * w[3]; sums of products are exact in any order. */
INLINE int32_t dot4_uint8_int8(int32_t acc, const uint8_t *x, const int8_t SPACE *w)
{
#ifdef PAIRS
    const uint32_t p = word(x), q = word(w);
    return pairs(odd_unsigned(p), odd_signed(q), pairs(even_unsigned(p), even_signed(q), acc));
#else
    return acc + ((int32_t)x[0] * w[0]) + ((int32_t)x[1] * w[1])
           + ((int32_t)x[2] * w[2]) + ((int32_t)x[3] * w[3]);
#endif
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

/* acc + x[0] * w[0] + x[1] * w[1]; sums of products are exact in any order. */
INLINE int32_t dot2_int16_int16(int32_t acc, const int16_t *x, const int16_t SPACE *w)
{
#ifdef PAIRS
    return pairs(word(x), word(w), acc);
#else
    return acc + ((int32_t)x[0] * w[0]) + ((int32_t)x[1] * w[1]);
#endif
}

/* acc + x[0] * w[0] + x[1] * w[1], of a long straight piece. Compilers shuffle it well where they
 * know the instruction, gcc for Arm also where it is told to save; for RISC-V, it would read all
 * numbers first and run out of registers. */
#if defined(PAIRS) && defined(__has_builtin)
#if __has_builtin(__builtin_arm_smlad)
#define PAIR(acc, x, w) __builtin_arm_smlad((int32_t)word(x), (int32_t)word(w), acc)
#endif
#endif
#if defined(PAIRS) && !defined(PAIR)
#define PAIR(acc, x, w) pairs(word(x), word(w), acc)
#endif
#if defined(__GNUC__) && !defined(__clang__)
#if defined(__riscv)
#pragma GCC optimize("no-schedule-insns")
#elif defined(__arm__)
#pragma GCC optimize("schedule-insns")
#endif
#endif
INLINE int32_t pair_int16_int16(int32_t acc, const int16_t *x, const int16_t SPACE *w)
{
#ifdef PAIR
    return PAIR(acc, x, w);
#else
    return acc + ((int32_t)x[0] * w[0]) + ((int32_t)x[1] * w[1]);
#endif
}
