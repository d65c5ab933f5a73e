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

/* On the line through node * 2^step with this slope, as far from it as u's low bits say; u >= 0. */
static inline int32_t interpolate(int32_t node, int32_t slope, int32_t u, int step)
{
    const int32_t one = (int32_t)1 << step;
    return node * one + slope * (u & (one - 1));
}

/* The larger of two integers. */
static inline int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}
