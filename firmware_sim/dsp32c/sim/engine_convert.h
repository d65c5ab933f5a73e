/* `do` loops of two instructions that multiply numbers kept as bytes or 16 bits:

       aM = ic(*rY++)              or float(*rY++)
       aN = aN + aM * *rP++        aM as it was a turn ago [7], either operand in memory

   A turn is as long as the other; what a conversion gives is a number of few bits, so that sums are
   exact as they are in engine_chain.h. */

/* What `ic` makes of every byte under this dauc. */
static const double *codes(Chip *c) {
    if (c->codes_of != (c->dauc | IS_MADE))
        for (uint32_t word = 0; word < 256; word++) {
            uint32_t flags;
            c->codes[word] = special(c, 0, word, 0, &flags);
        }
    c->codes_of = c->dauc | IS_MADE;
    return c->codes;
}

INLINE double conversion(const double *code, const uint8_t *p) {
    return code ? code[*p] : (int16_t)(p[0] | p[1] << 8);
}

/* The two of a loop's body are what is said above; pointer and step of the second. */
INLINE int multiply(const Op *op, const Op *mac, uint32_t *pointer, uint32_t *by) {
    *pointer = mac->x ? mac->x : mac->y, *by = mac->x ? mac->xi : mac->yi;
    return mac->kind == DA3 && (mac->x ? mac->ya : mac->xa) == op->d && mac->m == mac->d &&
           mac->d != op->d && !mac->store && !mac->negate && *pointer && op->y != *pointer &&
           op->yi != op->y && op->yi != *pointer && *by != op->y && *by != *pointer;
}

/* Whether no sum of a row needs more than 32 bits; `was` is the first factor. */
INLINE int converted_fit(Chip *c, double start, double was, const double *code, const uint8_t *p,
                         int64_t step, int64_t y, int count) {
    const Range from = range_of(start), first = range_of(was);
    Range factors = code ? (Range){-1, 13} : (Range){0, 15}, of_y = NO_NUMBERS;
    if (c->dauc & 4 && code) factors = (Range){0, 8};
    widen(c, &of_y, y, y + count - 1);
    if (exact(from, joined(first, factors), of_y, count)) return 1;
    factors = first, of_y = NO_NUMBERS;
    for (int k = 0; k < count; k++, p += step) {
        factors = joined(factors, range_of(conversion(code, p)));
        of_y = joined(of_y, range_of(*value_of(c, y + k)));
    }
    return exact(from, factors, of_y, count);
}

/* Instructions done, all turns that the `do` has left; 0 where something is not as above, less if
   sums may need more than 32 bits: so many will not be done here. */
static int64_t convert_row(Chip *c, Op *op, uint32_t until, int64_t room) {
    const uint32_t pc = c->pc;
    Op *mac = op + 1;
    uint32_t pointer, by;
    const int64_t n = c->slot, turns = (int64_t)c->do_left + 1;
    if (turns < 2 || 2 * turns > room || until == c->do_end ||
        pc >> PAGE_BITS != c->do_end >> PAGE_BITS || !multiply(op, mac, &pointer, &by)) return 0;
    const int64_t x = c->r[op->y], y = c->r[pointer] >> 2;
    const int64_t x_step = (int32_t)(c->r[op->yi] << 8) >> 8;
    const int64_t x_end = x + (turns - 1) * x_step, size = op->ysize;
    if ((x | x_step) & (size - 1) || c->r[pointer] & 3 || c->r[by] != 4) return 0;
    const uint32_t xp = memory_of(c, x < x_end ? x : x_end, (x < x_end ? x_end : x) + size - 1);
    const uint32_t yp = memory_of(c, 4 * y, 4 * (y + turns - 1));
    if (xp == OUTSIDE || yp == OUTSIDE) return 0;

    const Result *before_last = &c->result[n & 1];
    const double start = c->a[mac->d];
    double was = factor(before_last->k == op->d ? before_last->value : c->seen[op->d]);
    const double *ys = value_of(c, y), *code = op->function ? NULL : codes(c);
    const uint8_t *p = c->memory + x;
    if (!converted_fit(c, start, was, code, p, x_step, y, (int)turns)) return -2 * turns;

    double s[2] = {start + was * ys[0], 0}, before;
    int64_t k = 1;
    for (; k + 2 < turns; k += 2, p += 2 * x_step) {
        s[0] += conversion(code, p) * ys[k];
        s[1] += conversion(code, p + x_step) * ys[k + 1];
    }
    for (s[0] += s[1]; k < turns - 1; k++, p += x_step) s[0] += conversion(code, p) * ys[k];
    before = s[0], was = conversion(code, p), s[0] += was * ys[k];

    settle(c);
    set_accumulator(c, op->d, was, n + 2 * turns - 4);
    set_accumulator(c, mac->d, before, n + 2 * turns - 3);
    set_accumulator(c, op->d, conversion(code, p + x_step), n + 2 * turns - 2);
    set_accumulator(c, mac->d, s[0], n + 2 * turns - 1);
    c->dau_flags = sign_of(was) << 24 | sign_of(before) << 16 | sign_of(c->a[op->d]) << 8 |
                   sign_of(s[0]);
    const uint32_t late = (op->place & 255) == c->hot, op_wait = (op->place >> 8) + (xp >> 8);
    const uint32_t mac_wait = (mac->place >> 8) + (yp >> 8);
    const uint32_t bank = mac->x && (mac->place & 255) == (yp & 255);
    op->count += turns, op->wait_stalls += turns * op_wait, op->bank_stalls += late;
    mac->count += turns, mac->wait_stalls += turns * mac_wait, mac->bank_stalls += turns * bank;
    c->states += turns * (8 + op_wait + mac_wait + bank) + late;
    c->r[op->y] = (uint32_t)(x_end + x_step) & MASK24;
    c->r[pointer] = 4 * (uint32_t)(y + turns) & MASK24;
    c->slot += 2 * turns, c->hot = IDLE, c->hazard = mac->leaves;
    c->pc = (pc + 8) & MASK24, c->do_left = 0, c->do_end = NEVER;
    return 2 * turns;
}
