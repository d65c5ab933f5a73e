/* A vector holds one integer of each sample of a block. Instructions are named where gcc 12 finds no
 * single one. */
#include <stdint.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__clang__) || !defined(__has_attribute)
#define KERNEL __attribute__((noinline)) static
#else
#define KERNEL __attribute__((noipa)) static
#endif
#define INLINE __attribute__((always_inline)) static inline

#if LANES == 16
#define NUMBERS ((ints){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
#elif LANES == 8
#define NUMBERS ((ints){0, 1, 2, 3, 4, 5, 6, 7})
#else
#define NUMBERS ((ints){0, 1, 2, 3})
#endif
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef float floats __attribute__((vector_size(4 * LANES)));

#define whole(x) __builtin_convertvector(x, ints)
#define real(x) __builtin_convertvector(x, floats)

INLINE ints all(int32_t q)
{
    return (ints){0} + q;
}

INLINE floats every(float q)
{
    return (floats){0} + q;
}

/* Lane by lane, a where the mask is all ones, else b. */
INLINE ints chosen(ints mask, ints a, ints b)
{
    return (mask & a) | (~mask & b);
}

INLINE ints largest(ints a, ints b)
{
#if LANES == 16 && defined(__AVX512F__)
    return (ints)_mm512_max_epi32((__m512i)a, (__m512i)b);
#elif LANES == 8 && defined(__AVX2__)
    return (ints)_mm256_max_epi32((__m256i)a, (__m256i)b);
#else
    return chosen(a > b, a, b);
#endif
}

INLINE ints smallest(ints a, ints b)
{
#if LANES == 16 && defined(__AVX512F__)
    return (ints)_mm512_min_epi32((__m512i)a, (__m512i)b);
#elif LANES == 8 && defined(__AVX2__)
    return (ints)_mm256_min_epi32((__m256i)a, (__m256i)b);
#else
    return chosen(a < b, a, b);
#endif
}

INLINE ints larger(ints a, int32_t b)
{
    return largest(a, all(b));
}

INLINE ints smaller(ints a, int32_t b)
{
    return smallest(a, all(b));
}

INLINE ints limited(ints acc, int32_t low, int32_t high)
{
    return larger(smaller(acc, high), low);
}

/* acc * 2^-shift, rounded half up; shift in 0..30, and the overflow proof keeps acc + 2^(shift-1)
 * below 2^31. */
INLINE ints rounded(ints acc, int32_t shift)
{
    const int32_t half = (int32_t)(((uint32_t)1 << (uint32_t)shift) >> 1);
    return (acc + half) >> shift;
}

/* acc * 2^-shift, rounded half up, then limited to [low, high]; shift in -31..31. */
INLINE ints requantize(ints acc, int32_t shift, int32_t low, int32_t high)
{
    ints out;
    for (int i = 0; i < LANES; i++) {
        int64_t wide = acc[i];
        wide = shift < 0 ? wide * ((int64_t)1 << -shift)
                         : (wide + (((int64_t)1 << shift) >> 1)) >> shift;
        out[i] = (int32_t)(wide < low ? low : wide > high ? high : wide);
    }
    return out;
}

INLINE ints lookup(const int32_t *table, ints at)
{
#if LANES == 16 && defined(__AVX512F__)
    return (ints)_mm512_i32gather_epi32((__m512i)at, table, 4);
#elif LANES == 8 && defined(__AVX2__)
    return (ints)_mm256_i32gather_epi32(table, (__m256i)at, 4);
#else
    ints out;
    for (int i = 0; i < LANES; i++) {
        out[i] = table[at[i]];
    }
    return out;
#endif
}

/* On the line through table[i] * 2^step with the slope slopes[i], for i = u * 2^-step. */
INLINE ints interpolate(const int32_t *table, const int32_t *slopes, ints u, int step)
{
    const ints at = u >> step;
    return (lookup(table, at) << step) + lookup(slopes, at) * (u - (at << step));
}

/* The vector `offset` places after this one, each lane by its own offset. */
INLINE ints fetched(const ints *from, ints offset)
{
    ints out;
    for (int i = 0; i < LANES; i++) {
        out[i] = from[offset[i]][i];
    }
    return out;
}

INLINE ints fetched_real(const floats *from, ints offset)
{
    ints out;
    for (int i = 0; i < LANES; i++) {
        out[i] = (int32_t)from[offset[i]][i];
    }
    return out;
}

/* n / d rounded half up; d > 0. */
INLINE ints divided(ints n, ints d)
{
    ints out;
    for (int i = 0; i < LANES; i++) {
        const int64_t twice = 2 * (int64_t)n[i] + d[i], unit = 2 * (int64_t)d[i];
        out[i] = (int32_t)(twice / unit - (twice % unit < 0));
    }
    return out;
}

/* Number k of vector j becomes number j of vector k. */
INLINE void transpose(ints *q)
{
#if defined(__clang__)
    ints turned[LANES];
    for (int j = 0; j < LANES; j++) {
        for (int k = 0; k < LANES; k++) {
            turned[j][k] = q[k][j];
        }
    }
    memcpy(q, turned, sizeof turned);
#else
#pragma GCC unroll 4
    for (int step = LANES / 2; step > 0; step /= 2) {
        const ints odd = (NUMBERS & step) != 0;
        const ints low = chosen(odd, NUMBERS + LANES - step, NUMBERS);
        const ints high = chosen(odd, NUMBERS + LANES, NUMBERS + step);
#pragma GCC unroll 16
        for (int j = 0; j < LANES; j++) {
            if (!(j & step)) {
                const ints a = q[j], b = q[j + step];
                q[j] = __builtin_shuffle(a, b, low);
                q[j + step] = __builtin_shuffle(a, b, high);
            }
        }
    }
#endif
}
