/* Sums of products of all numbers of a sample, as they lie in memory: a number a lane, added up
 * across the lanes at the end. PAIR samples share each weight that is read, TILE sums each number;
 * samples AHEAD come from far away meanwhile. */
#define PAIR 2
#define AHEAD 4
#if defined(__AVX512F__) || defined(__aarch64__)
#define TILE 12
#else
#define TILE 4
#endif

INLINE floats clamped(floats q, float low, float high)
{
#if LANES == 16 && defined(__AVX512F__)
    return (floats)_mm512_max_ps(_mm512_min_ps((__m512)q, _mm512_set1_ps(high)),
                                 _mm512_set1_ps(low));
#elif LANES == 8 && defined(__AVX2__)
    return (floats)_mm256_max_ps(_mm256_min_ps((__m256)q, _mm256_set1_ps(high)),
                                 _mm256_set1_ps(low));
#else
    const ints above = q > high, below = q < low;
    return (floats)chosen(below, (ints)every(low), chosen(above, (ints)every(high), (ints)q));
#endif
}

/* Lane k: what the lanes of vector k add up to. */
INLINE floats totals(floats *q)
{
#if defined(__clang__)
    floats sum = {0};
    for (int k = 0; k < LANES; k++) {
        for (int i = 0; i < LANES; i++) {
            sum[k] += q[k][i];
        }
    }
    return sum;
#else
#pragma GCC unroll 4
    for (int step = LANES / 2; step > 0; step /= 2) {
        const ints odd = (NUMBERS & step) != 0;
        const ints low = chosen(odd, NUMBERS + LANES - step, NUMBERS);
        const ints high = chosen(odd, NUMBERS + LANES, NUMBERS + step);
#pragma GCC unroll 8
        for (int k = 0; k < step; k++) {
            const floats a = q[k], b = q[k + step];
            q[k] = __builtin_shuffle(a, b, low) + __builtin_shuffle(a, b, high);
        }
    }
    return q[0];
#endif
}

/* `sums` of them, of a tile of those whose weights lie side by side, for a vector of samples. */
#define DOTS(name, type) \
INLINE void name(ints *to, const type *from, int64_t size, const int64_t *row, \
                 float low, float high, const float *weights, int64_t all, const int sums) \
{ \
    typedef type given __attribute__((vector_size(sizeof(type) * LANES))); \
    const int64_t wide = (size + LANES - 1) / LANES * LANES; \
    floats parts[TILE][LANES]; \
    for (int k = 0; k < LANES; k += PAIR) { \
        floats sum[PAIR][TILE] = {{{0}}}; \
        for (int64_t i = 0; i < wide; i += LANES) { \
            floats x[PAIR]; \
            _Pragma("GCC unroll 2") \
            for (int p = 0; p < PAIR; p++) { \
                given q = {0}; \
                __builtin_prefetch(from + row[k + p] + i + AHEAD * size); \
                if (i + LANES <= size) { \
                    memcpy(&q, from + row[k + p] + i, sizeof q); \
                } else { \
                    memcpy(&q, from + row[k + p] + i, (size_t)(size - i) * sizeof(type)); \
                } \
                x[p] = clamped(real(q), low, high); \
            } \
            _Pragma("GCC unroll 16") \
            for (int o = 0; o < sums; o++) { \
                floats w; \
                memcpy(&w, weights + i * all + o * LANES, sizeof w); \
                _Pragma("GCC unroll 2") \
                for (int p = 0; p < PAIR; p++) { \
                    sum[p][o] += x[p] * w; \
                } \
            } \
        } \
        _Pragma("GCC unroll 16") \
        for (int o = 0; o < sums; o++) { \
            for (int p = 0; p < PAIR; p++) { \
                parts[o][k + p] = sum[p][o]; \
            } \
        } \
    } \
    for (int o = 0; o < sums; o++) { \
        to[o * GROUP] = whole(totals(parts[o])); \
    } \
}

DOTS(dots_int64, int64_t)
DOTS(dots_float32, float)

INLINE void dots(ints *to, const void *from, int type, int64_t size, int64_t first,
                 int64_t samples, int32_t low, int32_t high, const float *weights, const int sums)
{
    for (int v = 0; v < GROUP; v++) {
        int64_t row[LANES];
        for (int k = 0; k < LANES; k++) {
            const int64_t sample = first + v * LANES + k;
            row[k] = size * (sample < samples ? sample : samples - 1);
        }
#define TILE_OF(count) \
        switch (type) { \
        case 0: dots_int64(to + o * GROUP + v, from, size, row, (float)low, (float)high, \
                           weights + o * LANES, sums, count); break; \
        case 1: dots_float32(to + o * GROUP + v, from, size, row, (float)low, (float)high, \
                             weights + o * LANES, sums, count); break; \
        }
        int o = 0;
        for (; o + TILE <= sums; o += TILE) {
            TILE_OF(TILE)
        }
        if (o < sums) {
            TILE_OF(sums % TILE)
        }
    }
}
