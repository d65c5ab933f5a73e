/* Rows of multiply-accumulates into one accumulator, in fixed point; engine_run.h executes the rest.

   What a row reads and what it waits for follows from its pointers alone, so it is worked out once
   and kept as a plan; a plan may go through several turns of a `do`. A sum is kept as a whole number
   of units of 2^-28. The chip's additions lose nothing while every product and every partial sum fits
   32 significant bits above the lowest bit that any of them uses [3.3]: that is checked after the row.
   Where it does not hold the row has not happened, and the ordinary loop executes it. Rows shorter
   than the histories of accumulators and flags [7] are left to it as well. */

#define UNIT 28
#define SHORTEST 4
#define LONGEST 64

struct Plan {
    Op *op[LONGEST];
    int32_t dx[LONGEST + 1], dy[LONGEST + 1]; /* bytes from where the pointers stand first */
    int32_t x_low, x_high, y_low, y_high;
    uint32_t version, do_start, do_end, low_pc, high_pc, increment[8];
    uint8_t px, py, increments, which[8];
    int length, body, closes; /* body: of whole turns of so many; closes: ends at do_end */
    int64_t times, bank_stalls, wait_stalls, first_stalls; /* of each op, not booked yet */
    struct Plan *next;
};

INLINE int64_t mantissa(uint32_t word) { /* 23 fraction bits; 0 where the exponent is 0 */
    int32_t s = (int32_t)word >> 8;
    return word & 255 ? s + ((s >> 31) & -(1 << 24)) + (1 << 23) : 0;
}

INLINE int links(const Op *op, const Op *first, uint64_t hazard) {
    return op->kind == MAC && op->d == first->d && op->m == first->d && !op->negate &&
           op->x == first->x && op->y == first->y && !(hazard & op->uses);
}

static void book(Plan *p) {
    for (int k = 0; k < p->length; k++)
        p->op[k]->count += p->times, p->op[k]->bank_stalls += p->bank_stalls,
            p->op[k]->wait_stalls += p->wait_stalls;
    if (p->length) p->op[0]->bank_stalls += p->first_stalls;
    p->times = p->bank_stalls = p->wait_stalls = p->first_stalls = 0;
}

/* A pointer's step as a signed number; the plan holds only while its register keeps that value. */
static int32_t rely_on(Plan *p, const Chip *c, int by) {
    if (among(GENERAL, by)) {
        int k = 0;
        while (k < p->increments && p->which[k] != by) k++;
        if (k == p->increments && k < 8)
            p->which[k] = by, p->increment[k] = c->r[by], p->increments++;
    }
    return (int32_t)(c->r[by] << 8) >> 8;
}

static Plan *make_plan(Chip *c, Op *first, uint32_t pc, uint32_t do_end) {
    Plan *p = first->plan;
    if (p) book(p);
    else {
        p = first->plan = calloc(1, sizeof *p);
        if (!p) abort();
        p->next = c->plans, c->plans = p;
    }
    p->version = c->version, p->do_start = c->do_start, p->do_end = do_end;
    p->px = first->x, p->py = first->y, p->increments = 0;
    p->length = p->body = p->closes = 0;
    p->low_pc = p->high_pc = pc;
    int32_t x = 0, y = 0;
    p->x_low = p->x_high = p->y_low = p->y_high = 0;
    if (first->negate || first->x == first->y) return p;
    for (Op *op = first; p->length < LONGEST; ) {
        int n = p->length++;
        p->op[n] = op, p->dx[n] = x, p->dy[n] = y;
        if (x < p->x_low) p->x_low = x;
        if (x > p->x_high) p->x_high = x;
        if (y < p->y_low) p->y_low = y;
        if (y > p->y_high) p->y_high = y;
        if (op->xi == p->px || op->xi == p->py || op->yi == p->px || op->yi == p->py) {
            p->length = 0;
            return p;
        }
        x += rely_on(p, c, op->xi), y += rely_on(p, c, op->yi);
        p->dx[n + 1] = x, p->dy[n + 1] = y;
        if (pc > p->high_pc) p->high_pc = pc;
        Op *next = op + 1;
        if (pc == do_end) {
            if (!p->body && p->op[0] == &c->pages[c->do_start >> PAGE_BITS]
                                            ->op[(c->do_start >> 2) & (PAGE_WORDS - 1)])
                p->body = p->length;
            if (!p->body || p->length + p->body > LONGEST) {
                p->closes = 1;
                return p;
            }
            next = first, pc = c->do_start - 4;
        } else if (((pc >> 2) & (PAGE_WORDS - 1)) == PAGE_WORDS - 1) return p;
        if (next->kind == DECODE) decode_at(c, pc + 4);
        if (!links(next, first, op->leaves)) {
            if (next == first) p->closes = 1, p->body = 0;
            return p;
        }
        op = next, pc += 4;
    }
    return p;
}

INLINE int stands(const Chip *c, const Plan *p, uint32_t do_end) {
    if (p->version != c->version || p->do_end != do_end) return 0;
    if (do_end != NEVER && p->do_start != c->do_start) return 0;
    for (int k = 0; k < p->increments; k++)
        if (c->r[p->which[k]] != p->increment[k]) return 0;
    return 1;
}

/* The one kind of memory from `low` to `high`, OUTSIDE where there is none or more than one. */
INLINE uint32_t memory_of(const Chip *c, int64_t low, int64_t high) {
    if (low < 0 || high > (int64_t)MASK24 || high - low >= 1 << PAGE_BITS) return OUTSIDE;
    uint32_t place = c->map[low >> PAGE_BITS];
    return place == c->map[high >> PAGE_BITS] ? place : OUTSIDE;
}

/* Instructions done from `first` at *pc on, through the turns of a `do` too; 0 if there is no row,
   -1 if its numbers are no whole units. */
static int64_t chain(Chip *c, Op *first, uint32_t *pc, uint32_t *do_end, uint32_t until,
                     int64_t room, int64_t n, int64_t *t, uint32_t *hot, uint32_t *dau,
                     uint64_t *hazard) {
    Plan *p = first->plan;
    if (!p || !stands(c, p, *do_end)) p = make_plan(c, first, *pc, *do_end);
    int length = p->length;
    if (p->body && (int64_t)length > ((int64_t)c->do_left + 1) * p->body)
        length = (int)(c->do_left + 1) * p->body;
    if (length < SHORTEST || length > room || (until >= p->low_pc && until <= p->high_pc)) return 0;
    uint32_t x0 = c->r[p->px], y0 = c->r[p->py];
    uint32_t xp = memory_of(c, (int64_t)x0 + p->x_low, (int64_t)x0 + p->x_high);
    uint32_t yp = memory_of(c, (int64_t)y0 + p->y_low, (int64_t)y0 + p->y_high);
    if (xp == OUTSIDE || yp == OUTSIDE) return 0;

    const Num start = first->m < 4 ? c->a[first->m].now : constant(first->m);
    int up = start.m ? start.e - 159 + UNIT : 0;
    if (up < -31 || up > 28) return -1;
    int64_t sum = up < 0 ? start.m >> -up : shift_left(start.m, up), kept[4];
    uint64_t bad = up < 0 ? (uint64_t)(shift_left(sum, -up) ^ start.m) : 0;
    uint64_t size = sum ^ (sum >> 63), used = sum;
    uint32_t odd = x0 | y0;
    const uint8_t *xs = c->memory + x0, *ys = c->memory + y0;
    for (int k = 0; k < length; k++) {
        uint32_t x = get32(xs + p->dx[k]), y = get32(ys + p->dy[k]);
        int64_t product = mantissa(x) * mantissa(y);
        int down = 302 - UNIT - (int)(x & 255) - (int)(y & 255);
        int64_t whole = product >> (down & 63);
        bad |= (uint64_t)(shift_left(whole, down & 63) ^ product) |
               (product ? (uint64_t)(down & ~63) : 0);
        sum += whole;
        size |= (uint64_t)(sum ^ (sum >> 63)) | (uint64_t)(whole ^ (whole >> 63));
        used |= (uint64_t)whole;
        odd |= p->dx[k] | p->dy[k];
        kept[k & 3] = sum;
    }
    int top = 64 - __builtin_clzll(size | 1), low = __builtin_ctzll(used | (uint64_t)1 << 62);
    if (odd & 3) return 0;
    if (bad || top - low > 32) return -1;

    uint32_t bank = ((xp & 255) == first->bank) + ((yp & 255) == (xp & 255));
    uint32_t wait = first->wait + (xp >> 8) + (yp >> 8), late = first->bank == *hot;
    if (length == p->length)
        p->times++, p->bank_stalls += bank, p->wait_stalls += wait, p->first_stalls += late;
    else {
        for (int k = 0; k < length; k++)
            p->op[k]->count++, p->op[k]->bank_stalls += bank, p->op[k]->wait_stalls += wait;
        first->bank_stalls += late;
    }
    c->r[p->px] = (x0 + p->dx[length]) & MASK24, c->r[p->py] = (y0 + p->dy[length]) & MASK24;
    for (int k = length - 4; k < length; k++) {
        uint32_t f;
        set_accumulator(&c->a[first->d], normalise(kept[k & 3], 128 + 46 - UNIT, 1, &f), n + k);
        *dau = *dau << 8 | f;
    }
    const Op *last = p->op[length - 1];
    uint32_t passes = p->body ? (uint32_t)(length / p->body) : (uint32_t)p->closes;
    if (!passes) *pc = (*pc + 4 * (uint32_t)length) & MASK24;
    else if (c->do_left >= passes) c->do_left -= passes, *pc = c->do_start;
    else c->do_left = 0, *pc = (*do_end + 4) & MASK24, *do_end = NEVER;
    *t += (int64_t)length * (4 + bank + wait) + late, *hot = IDLE, *hazard = last->leaves;
    return length;
}
