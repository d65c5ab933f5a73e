/* A row of multiply-accumulates into one accumulator, in fixed point; engine_run.h executes the rest.

   A sum is kept as a whole number of units of 2^-28. The chip's additions lose nothing while every
   product and every partial sum fits 32 significant bits above the lowest bit that any of them uses
   [3.3]: that is checked once, after the row. Where it does not hold the row has not happened, and
   the ordinary loop executes it. Rows shorter than the histories of accumulators and flags [7] are
   left to it as well. */

#define UNIT 28
#define SHORTEST 4
#define LONGEST 64

INLINE int64_t mantissa(uint32_t word) { /* 23 fraction bits; 0 where the exponent is 0 */
    int32_t s = (int32_t)word >> 8;
    return word & 255 ? s + ((s >> 31) & -(1 << 24)) + (1 << 23) : 0;
}

INLINE int links(const Op *op, const Op *first, uint64_t hazard) {
    return op->kind == MAC && op->d == first->d && op->m == first->d && !op->negate &&
           !(hazard & op->uses);
}

INLINE Op *op_at(Chip *c, uint32_t pc) {
    return &c->pages[pc >> PAGE_BITS]->op[(pc >> 2) & (PAGE_WORDS - 1)];
}

/* Instructions done from `first` on, through the turns of a `do` too; 0 if none. */
static int64_t chain(Chip *c, Op *first, uint32_t *pc, uint32_t *do_end, uint32_t until,
                     int64_t room, int64_t n, int64_t *t, uint32_t *hot, uint32_t *dau,
                     uint64_t *hazard) {
    int64_t most = room < LONGEST ? room : LONGEST;
    uint32_t at = *pc, end = *do_end, left = c->do_left;
    const Num start = first->m < 4 ? c->a[first->m].now : constant(first->m);
    int up = start.m ? start.e - 159 + UNIT : 0, length = 0;
    if (first->negate || up < -31 || up > 28) return 0;
    int64_t sum = up < 0 ? start.m >> -up : shift_left(start.m, up), kept[4], states = 0;
    if (up < 0 && shift_left(sum, -up) != start.m) return 0;
    uint64_t bad = 0, size = sum ^ (sum >> 63), used = sum;

    uint32_t r[REGISTERS], before = *hot;
    Op *done[LONGEST], *op = first;
    uint8_t banks[LONGEST], waits[LONGEST];
    memcpy(r, c->r, sizeof r);
    for (;;) {
        uint32_t xa = r[op->x];
        r[op->x] = (xa + r[op->xi]) & MASK24;
        uint32_t ya = r[op->y];
        r[op->y] = (ya + r[op->yi]) & MASK24;
        uint32_t xp = c->map[xa >> PAGE_BITS], yp = c->map[ya >> PAGE_BITS];
        if (((xa | ya) & 3) || xp == OUTSIDE || yp == OUTSIDE) return 0;
        uint32_t x = get32(c->memory + xa), y = get32(c->memory + ya);
        int64_t product = mantissa(x) * mantissa(y);
        int down = 302 - UNIT - (int)(x & 255) - (int)(y & 255);
        int64_t whole = product >> (down & 63);
        bad |= product ? (uint64_t)(down & ~63) | (shift_left(whole, down & 63) ^ product) : 0;
        sum += whole;
        size |= (uint64_t)(sum ^ (sum >> 63)) | (uint64_t)(whole ^ (whole >> 63));
        used |= (uint64_t)whole;
        kept[length & 3] = sum;
        banks[length] = (op->bank == before) + ((xp & 255) == op->bank) + ((yp & 255) == (xp & 255));
        waits[length] = op->wait + (xp >> 8) + (yp >> 8);
        before = IDLE;
        done[length++] = op;
        if (at != end) at += 4;
        else if (left) left--, at = c->do_start;
        else end = NEVER, at += 4;
        if (length == most || at == until || at > MASK24) break;
        Op *next = op_at(c, at);
        if (!links(next, first, op->leaves)) break;
        op = next;
    }
    int top = 64 - __builtin_clzll(size | 1), low = __builtin_ctzll(used | (uint64_t)1 << 62);
    if (bad || length < SHORTEST || top - low > 32) return 0;
    memcpy(c->r, r, sizeof r);
    for (int k = 0; k < length; k++) {
        done[k]->count++, done[k]->bank_stalls += banks[k], done[k]->wait_stalls += waits[k];
        states += 4 + banks[k] + waits[k];
    }
    for (int k = length - 4; k < length; k++) {
        uint32_t f;
        set_accumulator(&c->a[first->d], normalise(kept[k & 3], 128 + 46 - UNIT, 1, &f), n + k);
        *dau = *dau << 8 | f;
    }
    *pc = at & MASK24, *do_end = end, c->do_left = left;
    *t += states, *hot = IDLE, *hazard = op->leaves;
    return length;
}
