/* Many turns of a `do` body of multiply-accumulates at once; engine_run.h executes the rest.

   Such a body moves each pointer by the same amount in every turn, so all addresses of all turns are
   checked beforehand, and each turn but the first costs the same states. Integers stay integers:
   while a sum and a product are whole numbers below 2^32 the chip's addition is exact [3.3]. The last
   turns are left to the ordinary loop, which refills the histories of flags and accumulators. */

#define BODY 32 /* at most, K is 5 bits [8] */
#define WHOLE 0x10000 /* exponent of a Sum that holds a whole number */
#define LIMIT32 ((int64_t)1 << 32)

typedef struct {
    int64_t m;
    int32_t e;
} Sum;

typedef struct {
    int64_t low, high, now, delta; /* addresses used in a turn; movement of a turn */
    uint32_t place;
    int used, written;
} Stream;

INLINE Sum to_sum(Num x) {
    int shift = 159 - x.e;
    Sum whole = {x.m >> (shift & 63), WHOLE}, kept = {x.m, x.e};
    if (x.m == 0) whole.m = 0;
    return x.m == 0 || (shift >= 0 && shift < 32 && shift_left(whole.m, shift) == x.m) ? whole : kept;
}

INLINE Num from_sum(Sum x) {
    uint32_t flags;
    Num kept = {x.m, x.e, 0};
    return x.e == WHOLE ? from_integer(x.m, &flags) : kept;
}

/* One access of a pointer: its address, or -1 where one of its turns would be misaligned. */
INLINE int64_t visit(Stream *streams, const uint32_t *r, int pointer, int by, int written) {
    Stream *s = &streams[pointer];
    if (!s->used) s->used = 1, s->now = s->low = s->high = r[pointer];
    int64_t at = s->now;
    if (at < s->low) s->low = at;
    if (at > s->high) s->high = at;
    s->now += (int32_t)(r[by] << 8) >> 8;
    s->written |= written;
    return (r[pointer] | r[by]) & 3 ? -1 : at;
}

/* Whether all turns of a stream lie in one kind of memory, and its stores outside decoded code. */
static int settle(const Chip *c, Stream *s, uint32_t start, int64_t turns) {
    if (!s->used) return 1;
    s->delta = s->now - start;
    int64_t way = (turns - 1) * s->delta;
    int64_t low = s->low + (way < 0 ? way : 0), high = s->high + (way > 0 ? way : 0);
    if (low < 0 || high > (int64_t)MASK24) return 0;
    s->place = c->map[low >> PAGE_BITS];
    if (s->place == OUTSIDE) return 0;
    for (int64_t page = low >> PAGE_BITS; page <= high >> PAGE_BITS; page++)
        if (c->map[page] != s->place || (s->written && c->pages[page] != &blank)) return 0;
    return 1;
}

/* States of one turn, booked `times` times; `hot` as in engine_run.h, always in its quick model. */
static int64_t time_turn(const Chip *c, Op **body, int length, const Stream *streams, int64_t n,
                         uint32_t queued, int first, uint32_t *hot, int64_t times) {
    int64_t states = 0;
    for (int i = 0; i < length; i++) {
        Op *op = body[i];
        uint32_t x = streams[op->x].place, y = streams[op->y].place, z = IDLE, bank = op->bank;
        if (first && i < 3) {
            if (queued >> (2 - i) & 1) z = c->queue[(n + i + 1) & 3].place;
        } else if (length > 3 && body[(i + length - 3) % length]->store)
            z = streams[body[(i + length - 3) % length]->z].place;
        int64_t stall = (bank == *hot) + ((x & 255) == bank) + ((y & 255) == (x & 255));
        int64_t wait = op->wait + (x >> 8) + (y >> 8);
        if (z != IDLE) stall += (z & 255) == (y & 255), wait += z >> 8;
        *hot = z & 255;
        op->count += times, op->bank_stalls += times * stall, op->wait_stalls += times * wait;
        states += 4 + stall + wait;
    }
    return states * times;
}

/* Exponent to the right shift that makes a mantissa whole; FAR where no shift below 64 does. */
#define FAR 128
static uint8_t whole_shift[256];

static void prepare_shifts(void) {
    for (int e = 0; e < 256; e++) whole_shift[e] = e == 0 ? 0 : e > 151 || e < 88 ? FAR : 151 - e;
}

typedef struct {
    uint32_t x, y; /* addresses in this turn */
    int32_t dx, dy;
} Tap;

INLINE int64_t mantissa(uint32_t word) {
    int32_t s = (int32_t)word >> 8;
    return word & 255 ? s + ((s >> 31) & -(1 << 24)) + (1 << 23) : 0;
}

/* Whole sums of `count` taps; *bad becomes nonzero where one may not be what the chip computes. */
INLINE int64_t sum_taps(const uint8_t *memory, Tap *taps, int count, int64_t sum, uint64_t *bad) {
    for (Tap *tap = taps; tap < taps + count; tap++) {
        uint32_t x = get32(memory + tap->x), y = get32(memory + tap->y);
        uint32_t shift = whole_shift[x & 255] + whole_shift[y & 255];
        int64_t product = mantissa(x) * mantissa(y), whole = product >> (shift & 63);
        sum += whole;
        *bad |= (shift_left(whole, shift & 63) ^ product) | shift >> 6 |
                (uint64_t)(sum + LIMIT32) >> 33;
        tap->x += tap->dx, tap->y += tap->dy;
    }
    return sum;
}

/* Turns of one running sum, sum[d] = sum[m] + ..., stored at most by the last operation, for as long
   as all is whole. Leaves everything as at the head of the first turn that is not, but for the
   pointers of X and Y; returns the turns done. */
static int64_t run_chain(Chip *c, const Op *first, const Op *last, Tap *taps, int length,
                         int64_t turns, Sum *sum, int64_t n, uint32_t *queued,
                         const Stream *streams) {
    Sum *result = &sum[last->d], *start = &sum[first->m];
    Pending z = *queued & 1 ? c->queue[(n - 1) & 3] : (Pending){0, 0, 0, 0};
    int64_t turn;
    for (turn = 0; turn < turns && start->e == WHOLE; turn++) {
        uint64_t bad = 0;
        int early = length < 3 ? length : 3;
        int64_t value = sum_taps(c->memory, taps, early, start->m, &bad);
        uint32_t before = 0; /* the last turn's store lands after the third operation */
        if (z.size) before = get32(c->memory + z.address), put32(c->memory + z.address, z.word);
        value = sum_taps(c->memory, taps + early, length - early, value, &bad);
        if (UNLIKELY(bad)) {
            if (z.size) put32(c->memory + z.address, before);
            break;
        }
        result->m = value, result->e = WHOLE;
        if (last->store) {
            z.address = c->r[last->z], z.word = to_word(from_sum(*result)), z.size = 4;
            z.place = streams[last->z].place;
            c->r[last->z] = (c->r[last->z] + c->r[last->zi]) & MASK24;
        }
    }
    if (turn) {
        *queued = z.size && last->store;
        if (*queued) c->queue[(n + turn * length - 1) & 3] = z;
    }
    return turn;
}

/* Turns of any such body, operation by operation; returns the Z writes then queued. */
static uint32_t run_turns(Chip *c, Op **body, int length, int64_t turns, Sum *sum, int64_t n,
                          uint32_t queued) {
    const uint8_t *memory = c->memory;
    uint32_t *r = c->r, f;
    for (int64_t turn = 0; turn < turns; turn++)
        for (int i = 0; i < length; i++) {
            const Op *op = body[i];
            uint32_t at = r[op->x], x = get32(memory + at);
            r[op->x] = (at + r[op->xi]) & MASK24;
            at = r[op->y];
            uint32_t y = get32(memory + at);
            r[op->y] = (at + r[op->yi]) & MASK24;
            Num xf = factor_of_word(x), yf = factor_of_word(y);
            int64_t product = xf.m * yf.m;
            if (op->negate & 1) product = -product;
            Sum *result = &sum[op->d];
            Num addend = {sum[op->m].m, sum[op->m].e, 0};
            if (addend.e == WHOLE) {
                int shift = product ? 302 - xf.e - yf.e : 0;
                int64_t whole = product >> (shift & 63);
                int64_t value = (op->negate & 2 ? -addend.m : addend.m) + whole;
                if (!(shift & ~63) && shift_left(whole, shift & 63) == product &&
                    !((uint64_t)(value + LIMIT32) >> 33)) {
                    result->m = value, result->e = WHOLE;
                    goto stored;
                }
                addend = from_integer(addend.m, &f);
            }
            if (op->negate & 2) addend = negate(addend);
            addend = accumulate(addend, product, xf.e + yf.e - 128, 1, &f);
            result->m = addend.m, result->e = addend.e;
        stored:
            queued <<= 1;
            if (op->store) {
                Pending z = {r[op->z], to_word(from_sum(*result)), 4, 0};
                z.place = c->map[z.address >> PAGE_BITS];
                r[op->z] = (z.address + r[op->zi]) & MASK24;
                c->queue[n & 3] = z, queued |= 1;
            }
            if (queued & 8) {
                const Pending *z = &c->queue[(n + 1) & 3];
                put32(c->memory + z->address, z->word);
            }
            queued &= 7, n++;
        }
    return queued;
}

/* At the head of a `do` body with do_left + 1 turns to go: runs most of them and returns their
   instructions, 0 where the body is something else. Sets *hopeless where a later turn need not ask. */
static int64_t burst(Chip *c, int length, uint32_t until, int64_t room, uint64_t hazard, int64_t n,
                     int64_t *t, uint32_t *hot, uint32_t *queued, int *hopeless) {
    int64_t turns = (int64_t)c->do_left + 1 - (length > 3 ? 1 : 4);
    Stream streams[REGISTERS] = {{0, 0, 0, 0, 0, 0, 0}};
    Op *body[BODY];
    Tap taps[BODY];
    int stores = *queued != 0, written = 0, chain = 1, i;
    *hopeless = 1;
    if (length > BODY || turns < 2 || turns * length + 4 > room || !c->truncates ||
        until - c->do_start < 4u * length) return 0;
    for (i = 0; i < length; i++) {
        uint32_t pc = (c->do_start + 4 * i) & MASK24;
        Op *op = body[i] = &c->pages[pc >> PAGE_BITS]->op[(pc >> 2) & (PAGE_WORDS - 1)];
        if (op->kind == DECODE) op = body[i] = decode_at(c, pc);
        if ((op->kind != MAC && op->kind != MAC_STORE) || op->reversed || op->z == 15 ||
            hazard & op->uses) return 0;
        hazard = op->leaves, written |= 1 << op->d, stores |= op->store;
        int64_t x = visit(streams, c->r, op->x, op->xi, 0);
        int64_t y = visit(streams, c->r, op->y, op->yi, 0);
        if (op->negate || op->d != body[0]->d || (i && op->m != op->d) ||
            (op->store && (i < length - 1 || streams[op->z].used))) chain = 0;
        if (x < 0 || y < 0 || (op->store && visit(streams, c->r, op->z, op->zi, 1) < 0)) return 0;
        taps[i].x = x, taps[i].y = y;
    }
    if (hazard & body[0]->uses) return 0;
    if (stores && length < 4) {
        *hopeless = *queued == 0;
        return 0;
    }
    for (i = 0; i < 15; i++)
        if (!settle(c, &streams[i], c->r[i], turns)) return 0;
    for (i = 0; i < 3; i++)
        if (*queued >> i & 1) {
            const Pending *z = &c->queue[(n - 1 - i) & 3];
            if (z->size != 4 || c->pages[z->address >> PAGE_BITS] != &blank) return 0;
        }
    *hopeless = 0;

    Sum sum[6];
    for (i = 0; i < 4; i++) sum[i] = to_sum(c->a[i].now);
    sum[4].m = 0, sum[5].m = 1, sum[4].e = sum[5].e = WHOLE;
    *t += time_turn(c, body, length, streams, n, *queued, 1, hot, 1);
    *t += time_turn(c, body, length, streams, n, 0, 0, hot, turns - 1);
    *queued = run_turns(c, body, length, 1, sum, n, *queued);
    int64_t done = 1, last = n + turns * length;
    if (chain) { /* a sum that goes on through all turns may take several of them for one */
        int times = !stores && body[0]->m == body[0]->d ? BODY / length : 1;
        for (i = 0; i < times * length; i++) {
            const Tap *before = i < length ? &taps[i] : &taps[i - length];
            int32_t dx = streams[body[i % length]->x].delta, dy = streams[body[i % length]->y].delta;
            taps[i] = (Tap){before->x + dx, before->y + dy, times * dx, times * dy};
        }
        int64_t ran = times * run_chain(c, body[0], body[length - 1], taps, times * length,
                                        (turns - 1) / times, sum, n + length, queued, streams);
        for (i = 1; i < 15; i++)
            if (streams[i].used && !streams[i].written)
                c->r[i] = (c->r[i] + ran * streams[i].delta) & MASK24;
        done += ran;
    }
    *queued = run_turns(c, body, length, turns - done, sum, n + done * length, *queued);
    for (i = 0; i < 4; i++)
        if (written >> i & 1) set_accumulator(&c->a[i], from_sum(sum[i]), last - 1);
    c->do_left -= turns;
    return turns * length;
}
