/* Rows of multiply-accumulates into one accumulator, in doubles; engine_run.h executes the rest.

   What a row reads and what it waits for follows from its pointers alone, so it is worked out once
   and kept as a plan; a plan may go through several turns of a `do`. The chip's additions lose
   nothing while every product and every partial sum fits 32 significant bits above the lowest bit
   that any of them uses [3.3]; then doubles lose nothing either, in whatever order they are added.
   Whether that must be so is known from the blocks of memory that the operands lie in
   (engine_values.h). Where it need not the row has not happened, and the ordinary loop executes it.
   Rows shorter than the histories of accumulators and flags [7] are left to it as well. */

#define SHORTEST 4
#define LONGEST 512
#define STRETCHES 96

/* Operands one after another in memory: words `low` to `high` from the pointer's first place. */
typedef struct { int32_t from, low, high; } Stretch; /* from: which operand comes first */
typedef struct { Stretch at[STRETCHES]; int count; } Stretches;

struct Plan {
    Op *op[LONGEST];
    int32_t dx[LONGEST + 1], dy[LONGEST + 1]; /* words from where the pointers stand first */
    int32_t x_low, x_high, y_low, y_high;
    Stretches x, y;
    uint32_t version, do_start, do_end, low_pc, high_pc, increment[8];
    uint8_t px, py, increments, which[8], odd, full; /* odd: steps that are no whole words */
    int length, body, closes; /* body: of whole turns of so many; closes: ends at do_end */
    int64_t times, bank_stalls, wait_stalls, first_stalls; /* of each op, not booked yet */
    struct Plan *next;
};

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

static int reach(Stretches *s, int from, int32_t word) {
    Stretch *last = s->at + s->count - 1;
    if (s->count && word >= last->low - 1 && word <= last->high + 1) {
        if (word < last->low) last->low = word;
        if (word > last->high) last->high = word;
        return 1;
    }
    if (s->count == STRETCHES) return 0;
    s->at[s->count++] = (Stretch){from, word, word};
    return 1;
}

/* Instructions in the turns that the `do` has left, as many as there is room for. */
INLINE int whole_turns(const Chip *c, int body) {
    int turns = LONGEST / body;
    return body * (c->do_left < (uint32_t)turns ? (int)c->do_left + 1 : turns);
}

static Plan *make_plan(Chip *c, Op *first, uint32_t pc, uint32_t do_end) {
    Plan *p = first->plan;
    if (p) book(p);
    else {
        p = first->plan = room_or_abort(sizeof *p);
        p->next = c->plans, c->plans = p;
    }
    p->version = c->version, p->do_start = c->do_start, p->do_end = do_end;
    p->px = first->x, p->py = first->y, p->increments = p->odd = p->full = 0;
    p->length = p->body = p->closes = 0;
    p->low_pc = p->high_pc = pc;
    int32_t x = 0, y = 0;
    p->x_low = p->x_high = p->y_low = p->y_high = 0;
    p->x.count = p->y.count = 0;
    if (first->negate || first->x == first->y) return p;
    int64_t limit = LONGEST;
    for (Op *op = first; p->length < LONGEST; ) {
        if (!reach(&p->x, p->length, x) || !reach(&p->y, p->length, y)) {
            p->full = 1, p->length -= p->body ? p->length % p->body : 0;
            return p;
        }
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
        int32_t x_step = rely_on(p, c, op->xi), y_step = rely_on(p, c, op->yi);
        p->odd |= (x_step | y_step) & 3;
        x += x_step >> 2, y += y_step >> 2;
        p->dx[n + 1] = x, p->dy[n + 1] = y;
        if (pc > p->high_pc) p->high_pc = pc;
        Op *next = op + 1;
        if (pc == do_end) {
            if (!p->body && p->op[0] == &c->pages[c->do_start >> PAGE_BITS]
                                            ->op[(c->do_start >> 2) & (PAGE_WORDS - 1)])
                p->body = p->length, limit = whole_turns(c, p->body);
            if (!p->body || p->length > limit - p->body) {
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
    if (p->body && !p->full && p->length < whole_turns(c, p->body)) return 0;
    for (int k = 0; k < p->increments; k++)
        if (c->r[p->which[k]] != p->increment[k]) return 0;
    return 1;
}

/* Of the first `length` operands, and of the rest of their stretches and blocks. */
INLINE Range range(Chip *c, int64_t base, const Stretches *s, int length) {
    Range r = NO_NUMBERS;
    for (int i = 0; i < s->count && s->at[i].from < length; i++) {
        int64_t b = (base + s->at[i].low) >> (BLOCK_BITS - 2);
        for (; b <= (base + s->at[i].high) >> (BLOCK_BITS - 2); b++) {
            if (UNLIKELY(!c->known[b])) convert(c, b);
            if (c->range[b].low < r.low) r.low = c->range[b].low;
            if (c->range[b].high > r.high) r.high = c->range[b].high;
        }
    }
    return r;
}

/* The one kind of memory from byte `low` to `high`; OUTSIDE: there is none or more than one. */
INLINE uint32_t memory_of(const Chip *c, int64_t low, int64_t high) {
    if (low < 0 || high > (int64_t)MASK24) return OUTSIDE;
    uint32_t place = c->map[low >> PAGE_BITS];
    for (int64_t page = (low >> PAGE_BITS) + 1; page <= high >> PAGE_BITS; page++)
        if (c->map[page] != place) return OUTSIDE;
    return place;
}

/* Whether no sum of `start` and so many products needs more than 32 bits. */
INLINE int exact(Range start, Range x, Range y, int products) {
    int high = x.high + y.high + 32 - __builtin_clz(products), low = x.low + y.low;
    if (start.high > high) high = start.high;
    if (start.low < low) low = start.low;
    return high - low < 32 && high <= 100 && low >= -100;
}

/* The Z writes on their way when a row begins: land them and book their stalls, or 0: wait. */
INLINE int land(Chip *c, Plan *p, uint32_t queued, int64_t x, int64_t y, uint32_t fetch,
                uint32_t y_bank, int64_t *t) {
    if (!queued) return 1;
    for (int k = 2; k >= 0; k--) {
        if (!(queued >> k & 1)) continue;
        uint32_t at = c->queue[(c->slot - 1 - k) & 3].address;
        int64_t word = at >> 2;
        if (c->pages[at >> PAGE_BITS] != &blank ||
            (word >= x + p->x_low && word <= x + p->x_high) ||
            (word >= y + p->y_low && word <= y + p->y_high)) return 0;
    }
    for (int k = 2; k >= 0; k--) {
        if (!(queued >> k & 1)) continue;
        const Pending *z = &c->queue[(c->slot - 1 - k) & 3];
        uint32_t place = c->map[z->address >> PAGE_BITS], bank = place & 255;
        put(c, z->address, z->word, z->size);
        Op *op = p->op[2 - k], *next = p->op[3 - k];
        op->bank_stalls += bank == y_bank, op->wait_stalls += place >> 8;
        next->bank_stalls += bank == fetch;
        *t += (bank == y_bank) + (place >> 8) + (bank == fetch);
    }
    return 1;
}

/* Instructions done from `first` at *pc on, through the turns of a `do` too; 0 if there is no row,
   -1 if its sums may need more than 32 bits. */
static int64_t chain(Chip *c, Op *first, uint32_t *pc, uint32_t *do_end, uint32_t until,
                     int64_t room, int64_t n, int64_t *t, uint32_t *hot, uint32_t *dau,
                     uint64_t *hazard, uint32_t queued, uint32_t *cached) {
    Plan *p = first->plan;
    if (!p || !stands(c, p, *do_end)) p = make_plan(c, first, *pc, *do_end);
    int length = p->length;
    if (p->body && (int64_t)length > ((int64_t)c->do_left + 1) * p->body)
        length = (int)(c->do_left + 1) * p->body;
    if (length < SHORTEST || length > room || (until >= p->low_pc && until <= p->high_pc)) return 0;
    uint32_t x0 = c->r[p->px], y0 = c->r[p->py];
    if ((x0 | y0 | p->odd) & 3) return 0;
    int64_t x = x0 >> 2, y = y0 >> 2;
    const int32_t *dx = p->dx, *dy = p->dy;
    int32_t x_low = p->x_low, x_high = p->x_high, y_low = p->y_low, y_high = p->y_high;
    if (length < p->length) { /* the rest of the plan need not even lie in memory */
        int64_t beyond = (x + x_low) | (y + y_low) | (WORDS - 1 - x - x_high);
        if (UNLIKELY((beyond | (WORDS - 1 - y - y_high)) < 0)) return 0;
        x_low = x_high = y_low = y_high = 0;
        for (int k = 0; k < length; k++) {
            if (dx[k] < x_low) x_low = dx[k];
            if (dx[k] > x_high) x_high = dx[k];
            if (dy[k] < y_low) y_low = dy[k];
            if (dy[k] > y_high) y_high = dy[k];
        }
    }
    uint32_t xp = memory_of(c, 4 * (x + x_low), 4 * (x + x_high));
    uint32_t yp = memory_of(c, 4 * (y + y_low), 4 * (y + y_high));
    if (xp == OUTSIDE || yp == OUTSIDE) return 0;

    const Num start = first->m < 4 ? c->a[first->m].now : constant(first->m);
    const double *xs = value_of(c, x), *ys = value_of(c, y);
    if (!exact(range_of(start), range(c, x, &p->x, length), range(c, y, &p->y, length), length) &&
        !exact(range_of(start), range_among(xs, dx, length), range_among(ys, dy, length), length))
        return -1;
    /* a `do 0,n` fetches its instruction in its first turn alone */
    const int once = p->body == 1 && c->assumed & CACHES_DO_OF_ONE;
    c->slot = n;
    if (!land(c, p, queued, x, y, once ? IDLE : first->bank, yp & 255, t)) return 0;

    double s[4] = {to_double(start), 0, 0, 0}, kept[4];
    int k = 0;
    for (; k + 4 <= length - 4; k += 4)
        for (int j = 0; j < 4; j++) s[j] += xs[dx[k + j]] * ys[dy[k + j]];
    double total = s[0] + s[1] + (s[2] + s[3]);
    for (; k < length; k++) kept[k & 3] = total += xs[dx[k]] * ys[dy[k]];

    uint32_t bank = (yp & 255) == (xp & 255), wait = (xp >> 8) + (yp >> 8), late = 0;
    if (!once) {
        bank += (xp & 255) == first->bank, wait += first->wait, late = first->bank == *hot;
    } else if (!*cached) {
        uint32_t busy = ((xp & 255) == first->bank) + (first->bank == *hot);
        first->bank_stalls += busy, first->wait_stalls += first->wait, *t += busy + first->wait;
    }
    if (length == p->length)
        p->times++, p->bank_stalls += bank, p->wait_stalls += wait, p->first_stalls += late;
    else {
        for (k = 0; k < length; k++)
            p->op[k]->count++, p->op[k]->bank_stalls += bank, p->op[k]->wait_stalls += wait;
        first->bank_stalls += late;
    }
    c->r[p->px] = (x0 + 4 * (uint32_t)dx[length]) & MASK24;
    c->r[p->py] = (y0 + 4 * (uint32_t)dy[length]) & MASK24;
    for (k = length - 4; k < length; k++) {
        set_accumulator(&c->a[first->d], from_double(kept[k & 3]), n + k);
        *dau = *dau << 8 | (kept[k & 3] < 0 ? DAU_N : kept[k & 3] == 0 ? DAU_Z : 0);
    }
    const Op *last = p->op[length - 1];
    uint32_t passes = p->body ? (uint32_t)(length / p->body) : (uint32_t)p->closes;
    if (!passes) *pc = (*pc + 4 * (uint32_t)length) & MASK24;
    else if (c->do_left >= passes) c->do_left -= passes, *pc = c->do_start, *cached = once;
    else c->do_left = 0, *cached = 0, *pc = (*do_end + 4) & MASK24, *do_end = NEVER;
    *t += (int64_t)length * (4 + bank + wait) + late, *hot = IDLE, *hazard = last->leaves;
    return length;
}
