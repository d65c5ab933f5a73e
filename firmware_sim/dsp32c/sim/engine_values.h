/* Memory as doubles, and between which powers of two the numbers of each block of it lie.

   A float word is exactly a double. Words are converted a block at a time when a row of
   multiply-accumulates (engine_chain.h) asks for them; a write makes its block stale. Where room
   is SPARSE only mapped pages have some for doubles; neighbours in memory are neighbours there. */

static const Range NO_NUMBERS = {1000, -1000};

/* 2^e as a double, for e well inside the doubles' range. */
INLINE double power(int e) {
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double d;
    __builtin_memcpy(&d, &bits, 8);
    return d;
}

INLINE double to_double(Num x) { return x.m ? (double)x.m * power(x.e - 159) : 0; }

/* A double of at most 32 significant bits as an accumulator. */
INLINE Num from_double(double d) {
    int64_t bits;
    __builtin_memcpy(&bits, &d, 8);
    if (d == 0) return ZERO;
    Num x = {(bits & (((int64_t)1 << 52) - 1)) >> 21 | (int64_t)1 << 31,
             (int32_t)(bits >> 52 & 2047) - 1023 + 128, 0};
    if (d < 0) {
        x.m = -x.m;
        if (x.m == -((int64_t)1 << 31)) x.m *= 2, x.e--;
    }
    return x;
}

INLINE Range range_of(Num x) {
    if (!x.m) return NO_NUMBERS;
    return (Range){x.e - 159 + __builtin_ctzll((uint64_t)x.m), x.e - 127};
}

/* The double of a word of a mapped page. */
INLINE double *value_of(const Chip *c, int64_t word) {
    return c->values + (SPARSE ? word - c->gap[word >> (PAGE_BITS - 2)] : word);
}

static void convert(Chip *c, int64_t block) {
    Range r = NO_NUMBERS;
    uint32_t page = block >> (PAGE_BITS - BLOCK_BITS);
    const uint8_t *p = c->memory + (block << BLOCK_BITS);
    double *value = value_of(c, block << (BLOCK_BITS - 2));
    int words = SPARSE && c->map[page] == OUTSIDE ? 0 : 1 << (BLOCK_BITS - 2);
    for (int k = 0; k < words; k++, p += 4) {
        Num x = factor_of_word(get32(p));
        value[k] = x.m ? (double)x.m * power(x.e - 151) : 0;
        if (!x.m) continue;
        int low = x.e - 151 + __builtin_ctzll((uint64_t)x.m), high = x.e - 127;
        if (low < r.low) r.low = low;
        if (high > r.high) r.high = high;
    }
    c->range[block] = r, c->known[block] = 1;
    if (!c->converted[page]) c->converted[page] = 1, c->convert_list[c->convert_count++] = page;
}

/* Of some values, exactly: their neighbours in a block may be no numbers at all. */
static Range range_among(const double *value, const int32_t *at, int count) {
    Range r = NO_NUMBERS;
    for (int k = 0; k < count; k++) {
        Range one = range_of(from_double(value[at[k]]));
        if (one.low < r.low) r.low = one.low;
        if (one.high > r.high) r.high = one.high;
    }
    return r;
}

/* Somebody else may have written to memory since the last run. */
static void forget_values(Chip *c) {
    const uint32_t blocks = 1 << (PAGE_BITS - BLOCK_BITS);
    for (uint32_t i = 0; i < c->convert_count; i++) {
        uint32_t page = c->convert_list[i];
        memset(c->known + (size_t)page * blocks, 0, blocks);
        c->converted[page] = 0;
    }
    c->convert_count = 0;
}
