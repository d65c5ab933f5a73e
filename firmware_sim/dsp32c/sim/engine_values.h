/* Memory as doubles, and between which powers of two the numbers of each block of it lie.

   A float word is exactly a double. Words are converted a block at a time when a row of
   multiply-accumulates (engine_chain.h) asks for them; a write makes its block stale. Where room
   is SPARSE only mapped pages have some for doubles; neighbours in memory are neighbours there. */

static const Range NO_NUMBERS = {1000, -1000};

/* Of one number. */
INLINE Range range_of(double d) {
    uint64_t b = bits_of(d);
    int e = (int)(b >> 52 & 2047) - 1023;
    if (d == 0) return NO_NUMBERS;
    return (Range){e - 52 + __builtin_ctzll(b | (uint64_t)1 << 52), e + 1};
}

INLINE Range joined(Range a, Range b) {
    return (Range){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
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
        uint32_t word = get32(p);
        value[k] = value_of_word(c->scale, word);
        if (!(word & 255)) continue;
        int e = word & 255, low = e - 151 + __builtin_ctz(word >> 8 | 1 << 23), high = e - 127;
        if (low < r.low) r.low = low;
        if (high > r.high) r.high = high;
    }
    c->range[block] = r, c->known[block] = 1;
    if (!c->converted[page]) c->converted[page] = 1, c->convert_list[c->convert_count++] = page;
}

/* Of a group's words, whatever they are. */
static void convert_group(Chip *c, int64_t group) {
    Range r = NO_NUMBERS;
    int64_t b = group << (GROUP_BITS - BLOCK_BITS), end = (group + 1) << (GROUP_BITS - BLOCK_BITS);
    for (; b < end; b++) {
        if (!c->known[b]) convert(c, b);
        if (c->range[b].low < r.low) r.low = c->range[b].low;
        if (c->range[b].high > r.high) r.high = c->range[b].high;
    }
    c->group_range[group] = r, c->group_known[group] = 1;
}

/* To the numbers of the groups that words `low` to `high` are in. */
INLINE void widen(Chip *c, Range *r, int64_t low, int64_t high) {
    for (int64_t g = low >> (GROUP_BITS - 2); g <= high >> (GROUP_BITS - 2); g++) {
        if (UNLIKELY(!c->group_known[g])) convert_group(c, g);
        *r = joined(*r, c->group_range[g]);
    }
}

/* Of words `word` to `last` alone, which are known: their neighbours may be no numbers at all. */
INLINE Range range_within(const Chip *c, int64_t word, int64_t last) {
    const int64_t words = 1 << (BLOCK_BITS - 2);
    Range r = NO_NUMBERS;
    while (word <= last)
        if (word & (words - 1) || word + words > last + 1)
            r = joined(r, range_of(*value_of(c, word++)));
        else r = joined(r, c->range[word >> (BLOCK_BITS - 2)]), word += words;
    return r;
}

/* Somebody else may have written to memory since the last run. */
static void forget_values(Chip *c) {
    const uint32_t blocks = 1 << (PAGE_BITS - BLOCK_BITS), groups = 1 << (PAGE_BITS - GROUP_BITS);
    for (uint32_t i = 0; i < c->convert_count; i++) {
        uint32_t page = c->convert_list[i];
        memset(c->known + (size_t)page * blocks, 0, blocks);
        memset(c->group_known + (size_t)page * groups, 0, groups);
        c->converted[page] = 0;
    }
    c->convert_count = 0;
}
