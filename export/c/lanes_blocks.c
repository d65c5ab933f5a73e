/* Blocks of samples, row by row in memory, to vectors and back. GROUP vectors stand for each number.
 */
#define BLOCK (LANES * GROUP)

int block(void)
{
    return BLOCK;
}

#ifdef _OPENMP
int omp_get_thread_num(void);
int omp_get_max_threads(void);
#define THREAD omp_get_thread_num()
#define THREADS omp_get_max_threads()
#else
#define THREAD 0
#define THREADS 1
#endif

int threads(void)
{
    return THREADS;
}

/* The numbers of a block of samples, kept in [low, high]; the last sample's where there are no
 * more. */
#define LOAD(name, type) \
static void name(void *to, const type *from, int64_t size, const int64_t *row, int32_t low, \
                 int32_t high, int is_real) \
{ \
    const int64_t count = size < LANES ? size : LANES; \
    for (int64_t start = 0; start < size; start += LANES) { \
        const int64_t i = start + count > size ? size - count : start; \
        for (int v = 0; v < GROUP; v++) { \
            ints q[LANES]; \
            for (int k = 0; k < LANES; k++) { \
                type given __attribute__((vector_size(sizeof(type) * LANES))) = {0}; \
                if (count == LANES) { \
                    memcpy(&given, from + row[v * LANES + k] + i, sizeof given); \
                } else { \
                    memcpy(&given, from + row[v * LANES + k] + i, count * sizeof(type)); \
                } \
                q[k] = limited(whole(given), low, high); \
            } \
            transpose(q); \
            for (int64_t j = 0; j < count; j++) { \
                if (is_real) { \
                    ((floats *)to)[(i + j) * GROUP + v] = real(q[j]); \
                } else { \
                    ((ints *)to)[(i + j) * GROUP + v] = q[j]; \
                } \
            } \
        } \
    } \
}

LOAD(load_int64, int64_t)
LOAD(load_float32, float)

static void load(void *to, const void *from, int type, int64_t size, int64_t first,
                 int64_t samples, int32_t low, int32_t high, int is_real)
{
    int64_t row[BLOCK];
    for (int k = 0; k < BLOCK; k++) {
        row[k] = size * (first + k < samples ? first + k : samples - 1);
    }
    switch (type) {
    case 0: load_int64(to, from, size, row, low, high, is_real); break;
    case 1: load_float32(to, from, size, row, low, high, is_real); break;
    }
}

static void save(int64_t *to, const ints *from, int64_t size, int64_t first, int64_t count,
                 int is_real)
{
    for (int64_t i = 0; i < size; i += LANES) {
        const int64_t numbers = size - i < LANES ? size - i : LANES;
        for (int64_t v = 0; v * LANES < count; v++) {
            ints q[LANES] = {{0}};
            for (int64_t j = 0; j < numbers; j++) {
                const ints *at = from + (i + j) * GROUP + v;
                q[j] = is_real ? whole(*(const floats *)at) : *at;
            }
            transpose(q);
            for (int64_t k = v * LANES; k < (v + 1) * LANES && k < count; k++) {
                for (int64_t j = 0; j < numbers; j++) {
                    to[(first + k) * size + i + j] = q[k % LANES][j];
                }
            }
        }
    }
}
