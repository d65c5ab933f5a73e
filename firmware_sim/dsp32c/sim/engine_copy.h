/* `do` loops of one instruction that copies words: *rZ++ = aN = *rY++, a turn a slot.

   Once three of its stores are on their way every turn is alike: it reads a word, the oldest store
   lands, and the accesses cost the same; the chip may fetch the instruction each time, or no more.
   Read and landing are done in the order of the slot, so that overlapping copies come out as the
   chip makes them. */

/* Turns done, 0 where something is not as above; the last turn is left to the ordinary loop. */
static int64_t copy(Chip *c, Op *op, uint32_t until, int64_t room) {
    uint32_t pc = c->pc;
    int64_t n = c->slot;
    int z = op->z == 15 ? 0 : op->z;
    int64_t turns = c->do_left < room ? c->do_left : room;
    if (turns < 4 || until == pc || !z || z == op->y || op->reversed || op->yi == z ||
        op->zi == z || op->yi == op->y || op->zi == op->y) return 0;
    int64_t y = c->r[op->y], at = c->r[z];
    int64_t y_step = (int32_t)(c->r[op->yi] << 8) >> 8, z_step = (int32_t)(c->r[op->zi] << 8) >> 8;
    int64_t y_end = y + (turns - 1) * y_step, z_end = at + (turns - 1) * z_step;
    uint32_t from = y < y_end ? memory_of(c, y, y_end) : memory_of(c, y_end, y);
    uint32_t to = at < z_end ? memory_of(c, at, z_end) : memory_of(c, z_end, at);
    if ((y | at | y_step | z_step) & 3 || from == OUTSIDE || to == OUTSIDE) return 0;
    int64_t low = at < z_end ? at : z_end, high = at < z_end ? z_end : at;
    for (int64_t page = low >> PAGE_BITS; page <= high >> PAGE_BITS; page++)
        if (c->pages[page] != &blank) return 0;
    for (int k = 0; k < 3; k++) {
        const Pending *q = &c->queue[(n - 1 - k) & 3];
        if (q->address != ((at - (k + 1) * z_step) & MASK24) || q->size != 4 ||
            c->map[q->address >> PAGE_BITS] != to || c->pages[q->address >> PAGE_BITS] != &blank)
            return 0;
    }
    const int fetched = !(c->assumed & CACHES_DO_OF_ONE);
    uint32_t bank = ((from & 255) == (to & 255)) + (fetched && (op->place & 255) == (to & 255));
    uint32_t wait = (fetched ? op->place >> 8 : 0) + (from >> 8) + (to >> 8);
    if (c->hot != (to & 255)) return 0;
    settle(c);
    for (int64_t k = n; k < n + turns; k++, y += y_step, at += z_step) {
        uint32_t word = get32(c->memory + y);
        const Pending *q = &c->queue[(k + 1) & 3];
        put32(c->memory + q->address, q->word), c->known[q->address >> BLOCK_BITS] = 0;
        c->group_known[q->address >> GROUP_BITS] = 0;
        c->queue[k & 3] = (Pending){(uint32_t)at, word & 255 ? word : 0, 4, 0};
        if (k < n + turns - 4) continue;
        double copied = word & 255 ? value_of_word(c->scale, word) : 0;
        set_accumulator(c, op->d, copied, k);
        c->dau_flags = c->dau_flags << 8 | sign_of(copied);
    }
    c->r[op->y] = y & MASK24, c->r[z] = at & MASK24;
    op->count += turns, op->bank_stalls += turns * bank, op->wait_stalls += turns * wait;
    c->late = (Late){n + turns - 1, (uint32_t)z, (uint32_t)(at - z_step) & MASK24, 0, 0};
    c->states += turns * (4 + bank + wait), c->do_left -= (uint32_t)turns;
    c->slot = n + turns, c->hazard = op->leaves;
    return turns;
}
