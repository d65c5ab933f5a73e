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
#define FEW 128
#define NEAR 32 /* words: in groups that are looked at anyway */

/* Operands one after another in memory: words `low` to `high` from the pointer's first place. */
typedef struct { int32_t from, low, high; } Stretch; /* from: which operand comes first */
typedef struct { Stretch at[STRETCHES]; int count; } Stretches;

struct Plan {
    Op *op[LONGEST];
    int32_t dx[LONGEST + 1], dy[LONGEST + 1]; /* words from where the pointers stand first */
    int32_t x_low, x_high, y_low, y_high;
    Stretches x, y, x_near, y_near; /* those with neighbours that are near taken together */
    uint32_t version, do_start, do_end, low_pc, high_pc, increment[8];
    uint8_t px, py, increments, which[8], odd, even, full; /* odd: steps that are no whole words;
                                                             even: all but the last are one word */
    int length, body, most, passes; /* body: of whole turns of so many; most: that there is room
                                       for; passes: of do_end */
    int64_t times, bank_stalls, wait_stalls, first_stalls; /* of each op, not booked yet */
    struct Plan *next;
};

INLINE int links(const Op *op, const Op *first, uint64_t hazard) {
    return op->kind == MAC && op->d == first->d && op->m == first->d && !op->negate &&
           op->x == first->x && op->y == first->y && !(hazard & op->uses & ~LOOK);
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

static int reach(Stretches *s, int from, int32_t word, int near) {
    Stretch *last = s->at + s->count - 1;
    if (s->count && word >= last->low - near && word <= last->high + near) {
        if (word < last->low) last->low = word;
        if (word > last->high) last->high = word;
        return 1;
    }
    if (s->count == STRETCHES) return 0;
    s->at[s->count++] = (Stretch){from, word, word};
    return 1;
}

/* Instructions in the turns that the `do` has left, as many as there is room for. */
INLINE int whole_turns(const Chip *c, const Plan *p) {
    int left = ((int)c->do_left + 1) * p->body;
    return left < p->most ? left : p->most;
}

static Plan *make_plan(Chip *c, Op *first) {
    Plan *p = first->plan;
    uint32_t pc = c->pc, do_end = c->do_end;
    if (p) book(p);
    else {
        p = first->plan = room_or_abort(sizeof *p);
        p->next = c->plans, c->plans = p;
    }
    p->version = c->version, p->do_start = c->do_start, p->do_end = do_end;
    p->px = first->x, p->py = first->y, p->increments = p->odd = p->full = 0, p->even = 1;
    p->length = p->body = p->passes = 0;
    p->low_pc = p->high_pc = pc;
    int32_t x = 0, y = 0;
    p->x_low = p->x_high = p->y_low = p->y_high = 0;
    p->x.count = p->y.count = p->x_near.count = p->y_near.count = 0;
    if (first->negate || first->x == first->y) return p;
    int64_t limit = LONGEST;
    for (Op *op = first; p->length < LONGEST; ) {
        if (!reach(&p->x, p->length, x, 1) || !reach(&p->y, p->length, y, 1)) {
            p->full = 1;
            if (p->body) p->passes = p->length / p->body, p->length = p->passes * p->body;
            return p;
        }
        reach(&p->x_near, p->length, x, NEAR), reach(&p->y_near, p->length, y, NEAR);
        int n = p->length++;
        p->even &= x == n && y == n;
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
                {
                p->body = p->length, p->most = LONGEST / p->body * p->body;
                limit = whole_turns(c, p);
            }
            if (!p->body || p->length > limit - p->body) {
                p->passes = p->body ? p->length / p->body : 1;
                return p;
            }
            next = first, pc = c->do_start - 4;
        } else if (((pc >> 2) & (PAGE_WORDS - 1)) == PAGE_WORDS - 1) return p;
        if (next->kind == DECODE) decode_at(c, pc + 4);
        if (!links(next, first, op->leaves)) {
            if (next == first) p->passes = 1, p->body = 0;
            return p;
        }
        op = next, pc += 4;
    }
    return p;
}

INLINE int stands(const Chip *c, const Plan *p) {
    if (p->version != c->version || p->do_end != c->do_end) return 0;
    if (c->do_end != NEVER && p->do_start != c->do_start) return 0;
    if (p->body && !p->full && p->length < whole_turns(c, p)) return 0;
    for (int k = 0; k < p->increments; k++)
        if (c->r[p->which[k]] != p->increment[k]) return 0;
    return 1;
}

/* Of the first `length` operands, and of the rest of their stretches and blocks. */
INLINE Range range(Chip *c, int64_t base, const Stretches *s, int length) {
    Range r = NO_NUMBERS;
    for (int i = 0; i < s->count && s->at[i].from < length; i++) {
        int64_t b = (base + s->at[i].low) >> (BLOCK_BITS - 2);
        const int64_t last = (base + s->at[i].high) >> (BLOCK_BITS - 2);
        for (; b <= last; b++) {
            if (UNLIKELY(!c->known[b])) convert(c, b);
            r = joined(r, c->range[b]);
        }
    }
    return r;
}

/* Of the stretches' words alone, after `range` of them. */
INLINE Range close_range(const Chip *c, int64_t base, const Stretches *s, int length) {
    Range r = NO_NUMBERS;
    for (int i = 0; i < s->count && s->at[i].from < length; i++)
        r = joined(r, range_within(c, base + s->at[i].low, base + s->at[i].high));
    return r;
}

/* The same by groups: sooner had, and wider. */
INLINE Range wide_range(Chip *c, int64_t base, const Stretches *s, int length) {
    Range r = NO_NUMBERS;
    for (int i = 0; i < s->count && s->at[i].from < length; i++)
        widen(c, &r, base + s->at[i].low, base + s->at[i].high);
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

/* Whether that is so of a plan's first products, from word x and word y on. */
INLINE int fits(Chip *c, const Plan *p, double start, int64_t x, int64_t y, int length) {
    const Range from = range_of(start);
    const int few = p->even && length < FEW; /* blocks are: groups would save little */
    if (!few && exact(from, wide_range(c, x, &p->x_near, length),
                      wide_range(c, y, &p->y_near, length), length)) return 1;
    if (exact(from, range(c, x, &p->x, length), range(c, y, &p->y, length), length)) return 1;
    return exact(from, close_range(c, x, &p->x, length), close_range(c, y, &p->y, length), length);
}

/* The Z writes on their way when a row begins: land them and book their stalls, or 0: wait. */
static int land(Chip *c, Plan *p, int64_t x, int64_t y, uint32_t fetch, uint32_t y_bank) {
    for (int k = 2; k >= 0; k--) {
        if (!(c->queued >> k & 1)) continue;
        uint32_t at = c->queue[(c->slot - 1 - k) & 3].address;
        int64_t word = at >> 2;
        if (c->pages[at >> PAGE_BITS] != &blank ||
            (word >= x + p->x_low && word <= x + p->x_high) ||
            (word >= y + p->y_low && word <= y + p->y_high)) return 0;
    }
    for (int k = 2; k >= 0; k--) {
        if (!(c->queued >> k & 1)) continue;
        const Pending *z = &c->queue[(c->slot - 1 - k) & 3];
        uint32_t place = c->map[z->address >> PAGE_BITS], bank = place & 255;
        put(c, z->address, z->word, z->size);
        Op *op = p->op[2 - k], *next = p->op[3 - k];
        op->bank_stalls += bank == y_bank, op->wait_stalls += place >> 8;
        next->bank_stalls += bank == fetch;
        c->states += (bank == y_bank) + (place >> 8) + (bank == fetch);
    }
    c->queued = 0;
    return 1;
}

/* The products' sum, in as many parts as the processor at hand adds at once, and its last four
   values one by one. */
INLINE void add_up(double kept[4], const Plan *p, const double *x, const double *y, int length) {
    const int32_t *dx = p->dx, *dy = p->dy;
    double s[4] = {kept[3], 0, 0, 0};
    int k = 0;
    if (p->even)
        for (; k + 4 <= length - 4; k += 4)
            for (int j = 0; j < 4; j++) s[j] += x[k + j] * y[k + j];
    for (; k + 4 <= length - 4; k += 4)
        for (int j = 0; j < 4; j++) s[j] += x[dx[k + j]] * y[dy[k + j]];
    double total = s[0] + s[1] + (s[2] + s[3]);
    for (; k < length - 4; k++) total += x[dx[k]] * y[dy[k]];
    for (int j = 0; j < 4; j++, k++) kept[j] = total += x[dx[k]] * y[dy[k]];
}

/* A row that happened: what its accesses cost, where the pointers and pc are, what is left of its
   `do`. x, y: the kinds of memory that it read. */
INLINE void pass(Chip *c, Plan *p, uint32_t x, uint32_t y, int length) {
    Op *first = p->op[0];
    const uint32_t code = first->place & 255, code_wait = first->place >> 8;
    /* a `do 0,n` fetches its instruction in its first turn alone */
    const int once = p->body == 1 && c->assumed & CACHES_DO_OF_ONE;
    uint32_t bank = (y & 255) == (x & 255), wait = (x >> 8) + (y >> 8), late = code == c->hot;
    if (!once) bank += (x & 255) == code, wait += code_wait;
    else if (c->cached) late = 0;
    else {
        late += (x & 255) == code;
        first->wait_stalls += code_wait, c->states += code_wait;
    }
    if (length == p->length)
        p->times++, p->bank_stalls += bank, p->wait_stalls += wait, p->first_stalls += late;
    else {
        for (int k = 0; k < length; k++)
            p->op[k]->count++, p->op[k]->bank_stalls += bank, p->op[k]->wait_stalls += wait;
        first->bank_stalls += late;
    }
    c->states += (int64_t)length * (4 + bank + wait) + late, c->slot += length;
    c->hot = IDLE, c->hazard = p->op[length - 1]->leaves, c->cached = 0;
    c->r[p->px] = (c->r[p->px] + 4 * (uint32_t)p->dx[length]) & MASK24;
    c->r[p->py] = (c->r[p->py] + 4 * (uint32_t)p->dy[length]) & MASK24;
    uint32_t passes = length == p->length ? p->passes : length / p->body;
    if (!passes) c->pc = (c->pc + 4 * (uint32_t)length) & MASK24;
    else if (c->do_left >= passes) c->do_left -= passes, c->pc = c->do_start, c->cached = once;
    else c->do_left = 0, c->pc = (c->do_end + 4) & MASK24, c->do_end = NEVER;
}

/* Instructions done from `first` at pc on, through the turns of a `do` too; 0 if there is no row,
   less if its sums may need more than 32 bits: so many will not be done here. */
static int64_t chain(Chip *c, Op *first, uint32_t until, int64_t room) {
    Plan *p = first->plan;
    if (!p || !stands(c, p)) p = make_plan(c, first);
    int length = p->length;
    if (length < SHORTEST && !p->body && !p->passes) first->uses &= ~LOOK; /* no need again */
    if (p->body && (int64_t)length > ((int64_t)c->do_left + 1) * p->body)
        length = (int)(c->do_left + 1) * p->body;
    if (length < SHORTEST || length > room || (until >= p->low_pc && until <= p->high_pc)) return 0;
    if ((c->r[p->px] | c->r[p->py] | p->odd) & 3) return 0;
    int64_t x = c->r[p->px] >> 2, y = c->r[p->py] >> 2;
    int32_t x_low = p->x_low, x_high = p->x_high, y_low = p->y_low, y_high = p->y_high;
    if (length < p->length) { /* the rest of the plan need not even lie in memory */
        int64_t beyond = (x + x_low) | (y + y_low) | (WORDS - 1 - x - x_high);
        if (UNLIKELY((beyond | (WORDS - 1 - y - y_high)) < 0)) return 0;
        x_low = x_high = y_low = y_high = 0;
        for (int k = 0; k < length; k++) {
            if (p->dx[k] < x_low) x_low = p->dx[k];
            if (p->dx[k] > x_high) x_high = p->dx[k];
            if (p->dy[k] < y_low) y_low = p->dy[k];
            if (p->dy[k] > y_high) y_high = p->dy[k];
        }
    }
    uint32_t xp = memory_of(c, 4 * (x + x_low), 4 * (x + x_high));
    uint32_t yp = memory_of(c, 4 * (y + y_low), 4 * (y + y_high));
    if (xp == OUTSIDE || yp == OUTSIDE) return 0;
    double kept[4];
    kept[3] = c->a[first->m];
    if (!fits(c, p, kept[3], x, y, length)) return -length;
    const int once = p->body == 1 && c->assumed & CACHES_DO_OF_ONE;
    if (c->queued && !land(c, p, x, y, once ? IDLE : first->place & 255, yp & 255)) return 0;

    add_up(kept, p, value_of(c, x), value_of(c, y), length);
    uint32_t dau = 0;
    for (int k = 0; k < 4; k++) dau = dau << 8 | sign_of(kept[k]);
    c->dau_flags = dau;
    settle(c);
    for (int k = 1; k < 4; k++) set_accumulator(c, first->d, kept[k], c->slot + length + k - 4);
    pass(c, p, xp, yp, length);
    return length;
}
