/* The doors: all that Python, wasmtime and a page know of the engine. Included by engine.c.

   Every number fits a uint32 or is a whole number in a double, which JavaScript has (it takes a
   uint32 for signed: `>>> 0`). Times are clock states, an undisturbed instruction takes four;
   addresses are the chip's, in bytes. doors.py has the same list, README.md what each is for. */

#ifdef __wasm__
DOOR void *chip_room(uint32_t bytes) { return room(bytes); }
#endif

DOOR void chip_free(Chip *c) {
    for (uint32_t i = 0; i < c->used_count; i++) give_back(c->pages[c->used[i]]);
    for (Plan *p = c->plans, *next; p; p = next) next = p->next, give_back(p);
    give_back(c->values), give_back(c->range), give_back(c->known);
    give_back(c->group_range), give_back(c->group_known);
    give_back(c);
}

/* memory: 2^24 bytes; map, partition: of each 2 KB page, as in Chip. NULL where there is no room. */
DOOR Chip *chip_new(uint8_t *memory, const uint16_t *map, const uint8_t *partition) {
    Chip *c = room(sizeof *c);
    uint32_t mapped = 0;
    if (!c) return NULL;
    c->memory = memory;
    memcpy(c->map, map, sizeof c->map), memcpy(c->partition, partition, sizeof c->partition);
    for (uint32_t i = 0; i < PAGES; i++) {
        c->pages[i] = &blank;
        c->gap[i] = (i - mapped) * PAGE_WORDS;
        mapped += !SPARSE || map[i] != OUTSIDE;
    }
    c->values = room(mapped * PAGE_WORDS * sizeof *c->values);
    c->range = room(BLOCKS * sizeof *c->range), c->known = room(BLOCKS);
    c->group_range = room(GROUPS * sizeof *c->range), c->group_known = room(GROUPS);
    if (!c->values || !c->range || !c->known || !c->group_range || !c->group_known)
        return chip_free(c), NULL;
    for (int e = 1; e < 256; e++) c->scale[e] = power(e - 151);
    c->a[5] = c->seen[5] = 1;
    return c;
}

/* What the chip's page is unsure of, and pcw at reset; in force from the next reset on. assumed: a
   sum of TRUNCATES and its like; waits, order: as in Chip. */
DOOR void chip_assume(Chip *c, uint32_t busy, uint32_t assumed, uint32_t pcw, const uint8_t *waits,
                      const uint8_t *order) {
    c->busy = busy, c->assumed = assumed, c->boot_pcw = pcw;
    c->codes_of = 0;
    c->bump[0] = assumed & TRUNCATES ? 0 : (uint64_t)1 << (DROPPED - 1);
    c->bump[1] = ((uint64_t)1 << (assumed & TRUNCATES ? DROPPED : DROPPED - 1)) - 1;
    memcpy(c->waits, waits, sizeof c->waits), memcpy(c->order, order, sizeof c->order);
}

/* ---- state ---- */

DOOR double chip_states(const Chip *c) { return (double)c->states; }

DOOR uint32_t chip_pc(const Chip *c) { return c->pc; }

DOOR void chip_set_pc(Chip *c, uint32_t pc) { c->pc = pc & MASK24; }

/* By the register's code in instructions [2]. */
DOOR uint32_t chip_register(const Chip *c, uint32_t code) { return c->r[code & 31]; }

DOOR void chip_set_register(Chip *c, uint32_t code, uint32_t value) {
    c->r[code & 31] = value & MASK24;
}

/* Its 40 bits. */
DOOR double chip_accumulator(const Chip *c, uint32_t index) {
    double a = c->a[index & 3];
    return (double)(a < 0 || a >= DBL_MIN ? to40(from_double(a)) : bits_of(a) << 8);
}

/* With its history. */
DOOR void chip_set_accumulator(Chip *c, uint32_t index, double image) {
    uint64_t bits = (uint64_t)image;
    double a = bits & 255 ? to_double(from40(bits)) : of_bits((uint32_t)(bits >> 8));
    c->a[index & 3] = c->seen[index & 3] = a;
    for (int i = 0; i < 2; i++)
        if (c->result[i].k == (index & 3)) c->result[i].k = NONE;
}

/* n z v c as bits 8 4 2 1; N Z U V likewise. */
DOOR uint32_t chip_flags(const Chip *c) { return c->flags; }

DOOR void chip_set_flags(Chip *c, uint32_t flags) { c->flags = flags & 15; }

DOOR uint32_t chip_dau_flags(const Chip *c) { return c->dau_flags & 15; }

/* With their history. */
DOOR void chip_set_dau_flags(Chip *c, uint32_t flags) { c->dau_flags = (flags & 15) * 0x01010101u; }

DOOR uint32_t chip_dauc(const Chip *c) { return c->dauc; }

DOOR void chip_set_dauc(Chip *c, uint32_t value) { c->dauc = value & 31; }

/* The word at an address, as memory has it once the Z writes on their way have landed. */
DOOR uint32_t chip_peek(const Chip *c, uint32_t address) {
    const uint32_t at = address & MASK24 & ~3u;
    uint32_t word = get32(c->memory + at);
    for (int k = 2; k >= 0; k--) {
        const Pending *z = &c->queue[(c->slot - 1 - k) & 3];
        if (!(c->queued >> k & 1) || (z->address & ~3u) != at) continue;
        uint32_t shift = 8 * (z->address & 3), mask = 0xffffffffu >> (32 - 8 * z->size) << shift;
        word = (word & ~mask) | (z->word << shift & mask);
    }
    return word;
}

/* Why the last run ended where it should not. 0: pc; 1: the address; 2, 3: the low and the high half
   of the hazards met (engine_decode.h). */
DOOR uint32_t chip_error(const Chip *c, uint32_t what) {
    switch (what) {
    case 0: return c->error_pc;
    case 1: return c->error_address;
    case 2: return (uint32_t)c->error_mask;
    default: return (uint32_t)(c->error_mask >> 32);
    }
}

/* ---- running ---- */

/* Everything but memory and counters as after power-up. */
DOOR void chip_reset(Chip *c, uint32_t pc) {
    memset(c->r, 0, sizeof c->r);
    c->r[CONSTANT_MINUS] = MASK24, c->r[CONSTANT_PLUS] = 1;
    c->r[PLUS2] = 2, c->r[MINUS2] = -2u & MASK24, c->r[PLUS4] = 4, c->r[MINUS4] = -4u & MASK24;
    for (int i = 0; i < 4; i++) chip_set_accumulator(c, i, 0);
    c->pcw = c->boot_pcw;
    program_waits(c);
    c->quick = c->busy == 2 && c->assumed & WAIT_STALLS;
    for (int i = 0; i < 4; i++) c->quick &= c->order[i] == i;
    memset(c->free, 0, sizeof c->free);
    c->dauc = c->flags = c->dau_flags = c->queued = 0;
    c->states = 0, c->hot = IDLE;
    c->pc = pc, c->branch = NO_BRANCH;
    c->do_end = NEVER, c->do_left = c->cached = 0;
    c->hazard = LOOK, c->late.slot = LONG_AGO;
    settle(c);
}

/* Code that somebody else wrote into memory since the last run is decoded again. */
static void refresh(Chip *c) {
    forget_values(c);
    for (uint32_t i = 0; i < c->used_count; i++) {
        Page *page = c->pages[c->used[i]];
        const uint8_t *p = c->memory + ((size_t)page->number << PAGE_BITS);
        for (int j = 0; j < PAGE_WORDS; j++)
            if (page->op[j].word != get32(p + 4 * j)) undecode(&page->op[j]), c->version++;
    }
}

/* Runs until pc == until (before executing it) or `limit` instructions, whichever is first; how it
   ended: DONE, LIMIT or an error. strict: refuse section 7's illegal sequences. */
DOOR uint32_t chip_run(Chip *c, uint32_t until, double limit, uint32_t strict) {
    refresh(c);
    return go(c, until, (int64_t)limit, (int)strict);
}

/* The same where nobody but the chip has written to memory since the last run. */
DOOR uint32_t chip_continue(Chip *c, uint32_t until, double limit, uint32_t strict) {
    return go(c, until, (int64_t)limit, (int)strict);
}

/* Z writes still on their way land; no time passes. */
DOOR void chip_drain(Chip *c) { drain(c); }

/* The same program from reset for `images` inputs, row after row as are outputs and states; returns
   how many ran before an error, and how it ended in `status`. */
DOOR uint32_t chip_batch(Chip *c, uint32_t start, uint32_t until, double limit, uint32_t strict,
                         uint32_t input_address, const uint32_t *inputs, uint32_t input_words,
                         uint32_t output_address, uint32_t *outputs, uint32_t output_words,
                         double *states, uint32_t images, uint32_t *status) {
    refresh(c);
    *status = DONE;
    for (uint32_t k = 0; k < images; k++) {
        for (uint32_t i = 0; i < input_words; i++)
            put(c, (input_address + 4 * i) & MASK24, *inputs++, 4);
        chip_reset(c, start);
        *status = go(c, until, (int64_t)limit, (int)strict);
        if (*status != DONE) return k;
        drain(c);
        for (uint32_t i = 0; i < output_words; i++)
            *outputs++ = get32(c->memory + ((output_address + 4 * i) & MASK24));
        states[k] = (double)c->states;
    }
    return images;
}

/* ---- counters ---- */

DOOR void chip_clear_counters(Chip *c) {
    for (Plan *p = c->plans; p; p = p->next) book(p);
    for (uint32_t i = 0; i < c->used_count; i++) {
        Page *page = c->pages[c->used[i]];
        for (int j = 0; j < PAGE_WORDS; j++)
            page->op[j].count = page->op[j].bank_stalls = page->op[j].wait_stalls = 0;
    }
}

/* Rows of (address, count, bank stalls, wait stalls) for every word executed since; returns their
   number, of which there are `room` in `rows`. */
DOOR uint32_t chip_counters(Chip *c, double *rows, uint32_t room_rows) {
    uint32_t n = 0;
    for (Plan *p = c->plans; p; p = p->next) book(p);
    for (uint32_t i = 0; i < c->used_count; i++) {
        const Page *page = c->pages[c->used[i]];
        for (int j = 0; j < PAGE_WORDS; j++) {
            const Op *op = &page->op[j];
            if (!op->count) continue;
            if (n++ >= room_rows) continue;
            *rows++ = (double)(((uint32_t)page->number << PAGE_BITS) + 4 * j);
            *rows++ = (double)op->count;
            *rows++ = (double)op->bank_stalls, *rows++ = (double)op->wait_stalls;
        }
    }
    return n;
}
