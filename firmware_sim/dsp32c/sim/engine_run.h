/* The interpreter loop. Included by engine.c, where Chip and its helpers are. */

/* Z writes still queued, oldest first. */
static void drain(Chip *c) {
    for (int k = 2; k >= 0; k--)
        if (c->queued >> k & 1) {
            const Pending *z = &c->queue[(c->slot - 1 - k) & 3];
            put(c, z->address, z->word, z->size);
        }
    c->queued = 0;
}

/* What the loop keeps in registers; t: states beyond four for each slot. */
#define KEEP() (c->slot = n, c->states = t + 4 * n, c->pc = pc, c->flags = flags, \
                c->dau_flags = dau, c->queued = queued, c->hot = hot, c->hazard = hazard)
#define RESUME() (n = c->slot, t = c->states - 4 * n, pc = c->pc, dau = c->dau_flags, \
                  queued = c->queued, hot = c->hot, hazard = c->hazard)

INLINE int run_slots(Chip *c, uint32_t until, int64_t limit, const int strict, const int quick) {
    uint8_t *memory = c->memory;
    uint32_t *r = c->r, pc, flags = c->flags, dau, queued, hot;
    int64_t n, t, end = c->slot + limit, plain = c->slot; /* the slot from which a row may be tried */
    uint64_t hazard;
    const uint32_t caches = c->assumed & CACHES_DO_OF_ONE;
    int status = DONE;
    RESUME();
    Op *op = NULL, *first = NULL, *stop;

    while (pc != until) {
        first = op;
        if (UNLIKELY(n == end)) FAULT(LIMIT, pc);
        if (UNLIKELY(pc & 3)) FAULT(MISALIGNED, pc);
        op = first = &c->pages[pc >> PAGE_BITS]->op[(pc >> 2) & (PAGE_WORDS - 1)];
        if (UNLIKELY(op->kind == DECODE)) op = first = decode_at(c, pc);
        stop = op + straight(c, pc, until, end - n);
        uint32_t target = NO_BRANCH, cached = c->cached;
        c->cached = 0;

    turn:
        for (; op < stop; op++, n++) {
            uint32_t lost = 0, address = 0, word, other, place, f, noted[4] = {0};
            uint64_t twice = 0;
            if (UNLIKELY(hazard & op->uses)) {
                if (op->kind == DECODE) decode_at(c, HERE());
                if (strict && hazard & op->uses & ~LOOK) {
                    c->error_mask = hazard & used(op, r, FLAGS_BEFORE(), dau) & ~LOOK;
                    if (c->error_mask && !branches_on_first(op, hazard, c->error_mask))
                        FAULT(HAZARD, HERE());
                }
                if (strict && quick && n >= plain && begins(c, op, HERE(), queued)) {
                    KEEP();
                    c->pc = HERE(), c->cached = cached;
                    int64_t done = op->kind == MAC ? chain(c, op, until, end - n)
                                 : op->kind == COPY ? copy(c, op, until, end - n)
                                                    : convert_row(c, op, until, end - n);
                    if (done > 0) {
                        RESUME();
                        goto next;
                    }
                    c->cached = 0;
                    if (done) plain = n - done; /* such numbers seldom come alone */
                }
            }
            queued <<= 1;
            if (UNLIKELY(cached)) REST(), cached = 0;
            else TOUCH(op->place, 0);

            switch (op->kind) {
            case MAC: case MAC_STORE: {
                READ(other, op->x, op->xi, 4, 1);
                READ(word, op->y, op->yi, 4, 2);
                Sum result = sum(c->a[op->m], NUMBER(other), NUMBER(word), op->negate, c->bump);
                set_accumulator(c, op->d, result.value, n);
                dau = dau << 8 | result.flags;
                if (op->kind == MAC_STORE) ISSUE_Z(to_word(result.value));
                break;
            }
            case COPY: { /* [Z=] aN = *rY */
                REST();
                READ(word, op->y, op->yi, 4, 2);
                if (!(word & 255)) word = 0;
                double y = from_word(c, word);
                set_accumulator(c, op->d, y, n);
                dau = dau << 8 | sign_of(y);
                if (op->store) ISSUE_Z(word);
                break;
            }
            case ADD: { /* [Z=] aN = [-]aY {+,-} *rX */
                READ(other, op->x, op->xi, 4, 1);
                REST();
                Sum result = sum(c->a[op->ya], NUMBER(other), 1, op->negate, c->bump);
                set_accumulator(c, op->d, result.value, n);
                dau = dau << 8 | result.flags;
                if (op->store) ISSUE_Z(to_word(result.value));
                break;
            }
            case SELECT: { /* [Z=] aN = ifalt(Y) and its like */
                REST();
                double y;
                if (op->y) {
                    READ(word, op->y, op->yi, 4, 2);
                    y = from_word(c, word);
                } else REST(), y = c->a[op->ya];
                f = dau & 255;
                int taken = op->function == 5 ? f & DAU_N : op->function == 6 ? f & DAU_Z
                          : !(f & (DAU_N | DAU_Z));
                if (!taken) y = c->a[op->d];
                set_accumulator(c, op->d, y, n);
                dau = dau << 8 | f;
                if (op->store) ISSUE_Z(to_word(y));
                break;
            }
            case DA1: { /* [Z=] aN = [-]Y {+,-} aM * X */
                double x, y;
                FACTOR_X(x);
                READ_Y(y, a);
                Sum result = sum(y, x, factor(c->seen[op->m]), op->negate, c->bump);
                set_accumulator(c, op->d, result.value, n);
                dau = dau << 8 | result.flags;
                if (op->store) ISSUE_Z(to_word(result.value));
                break;
            }
            case DA3: { /* [Z=] aN = [-]aM {+,-} Y * X */
                double x, y;
                FACTOR_X(x);
                READ_Y(y, seen);
                Sum result = sum(c->a[op->m], x, factor(y), op->negate, c->bump);
                set_accumulator(c, op->d, result.value, n);
                dau = dau << 8 | result.flags;
                if (op->store) ISSUE_Z(to_word(result.value));
                break;
            }
            case DA2: case DA4: { /* aN = [-]aM {+,-} (Z=Y) * X, aN = [-](Z=Y) {+,-} X */
                double x, y, addend = c->a[op->m], tap;
                FACTOR_X(x);
                if (op->kind == DA2) READ_Y(y, seen);
                else READ_Y(y, a);
                tap = c->assumed & TAPS_ARE_LIVE ? c->a[op->ya] : y;
                if (op->kind == DA4) addend = y, y = 1;
                Sum result = sum(addend, x, factor(y), op->negate, c->bump);
                set_accumulator(c, op->d, result.value, n);
                dau = dau << 8 | result.flags;
                if (!op->y) word = to_word(tap);
                ISSUE_Z(word);
                break;
            }
            case ROUND: { /* [Z=] aN = int(aM), int24(aM) */
                REST();
                int bits = op->function == 3 ? 16 : 24;
                word = (uint32_t)to_integer(c->a[op->ya], bits, truncation(c));
                set_accumulator(c, op->d, from_word(c, word), n);
                dau = dau << 8 | (dau & 255);
                if (op->store) ISSUE_Z(word);
                break;
            }
            case CONVERT: { /* aN = ic(*rY), float(*rY) */
                REST();
                READ(word, op->y, op->yi, op->ysize, 2);
                double y = op->function ? (double)(int16_t)word : codes(c)[word];
                set_accumulator(c, op->d, y, n);
                dau = dau << 8 | sign_of(y);
                break;
            }
            case DA5: {
                double y;
                REST();
                if (op->y) {
                    READ(word, op->y, op->yi, op->ysize, 2);
                    y = from_word(c, word);
                } else {
                    REST();
                    y = c->a[op->ya];
                    word = converted(op->function, c->assumed, to_word(y));
                }
                f = dau & 255;
                y = special(c, op->function, word, y, &f);
                set_accumulator(c, op->d, y, n);
                dau = dau << 8 | f;
                if (op->store) ISSUE_Z(to_word(y));
                break;
            }
            case NOP: CAU(); break;
            case GOTO:
                FORBIDDEN_IN_DO();
                f = dau >> 24; /* as of four slots ago */
                CAU();
                if (condition_holds(op->condition, FLAGS_BEFORE(), f))
                    target = (R(op->s1) + op->immediate) & MASK24, stop = op + 1;
                break;
            case LOOP:
                FORBIDDEN_IN_DO();
                CAU();
                word = R(op->s2), r[op->d] = sign16(word - 1);
                if (!(word & 0x8000)) target = (R(op->s1) + op->immediate) & MASK24, stop = op + 1;
                break;
            case CALL:
                FORBIDDEN_IN_DO();
                CAU();
                target = (R(op->s1) + op->immediate) & MASK24, stop = op + 1;
                r[op->d] = (HERE() + 8) & MASK24;
                break;
            case DO:
                FORBIDDEN_IN_DO();
                CAU();
                r[LITERAL] = op->immediate;
                c->do_start = (HERE() + 4) & MASK24, c->do_end = c->do_start + 4 * op->function;
                c->do_left = R(op->s1) & 0x7ff;
                stop = op + 1;
                break;
            case ADD_IMMEDIATE:
                CAU();
                r[PC] = (HERE() + 8) & MASK24;
                r[op->d] = alu(0, R(op->s2), op->immediate, op->wide, &flags);
                break;
            case SET24: CAU(); r[op->d] = op->immediate; break;
            case SET_DAUC: CAU(); c->dauc = op->immediate; break;
            case ALU:
                CAU();
                if (op->conditional && !condition_holds(op->condition, FLAGS_SEEN(), 0)) break;
                r[LITERAL] = op->immediate, r[PC] = (HERE() + 8) & MASK24;
                word = R(op->s2), other = R(op->s1), f = FLAGS_SEEN();
                r[op->d] = alu(op->function, word, other, op->wide, &f), flags = f;
                break;
            case LOAD: case MOVE_TO_IO:
                r[LITERAL] = op->immediate, address = R(op->y);
                LOCATE(place, address, op->size);
                TOUCH(place, 1);
                CAU();
                if (op->wide == 3) word = get32(memory + address) & MASK24;
                else if (op->wide == 2) word = sign16(memory[address] | memory[address + 1] << 8);
                else word = op->wide ? memory[address] : sign16(memory[address] << 8);
                if (op->z) r[op->z] = step(address, R(op->yi), op->reversed);
                if (op->kind == LOAD) LOADED(word);
                else c->pcw = word & 0xffff, stop = op + 1;
                break;
            case STORE: case MOVE_FROM_IO:
                r[LITERAL] = op->immediate, address = R(op->y);
                word = op->kind == STORE ? R(op->s1) : c->pcw;
                LOCATE(place, address, op->size);
                CAU();
                TOUCH(place, 2);
                if (op->wide == 3) word = (uint32_t)((int32_t)(word << 8) >> 8);
                else if (op->wide == 0) word >>= 8;
                put(c, address, word, op->size);
                if (op->z) r[op->z] = step(address, R(op->yi), op->reversed);
                break;
            case LOAD_IO:
                CAU();
                word = op->wide == 0 ? sign16(c->pcw << 8) : op->wide == 1 ? c->pcw & 255
                     : op->wide == 2 ? sign16(c->pcw) : c->pcw;
                LOADED(word);
                break;
            case STORE_IO:
                CAU();
                word = R(op->s1);
                c->pcw = (op->wide ? word : word >> 8) & 0xffff, stop = op + 1;
                break;
            case UNMAPPED: FAULT(OUTSIDE_BOARD, HERE());
            default: FAULT(ILLEGAL_WORD, HERE());
            }

            if (queued & 8) {
                const Pending *z = &c->queue[(n + 1) & 3];
                TOUCH(c->map[z->address >> PAGE_BITS], 3);
                put(c, z->address, z->word, z->size);
                queued &= 7;
            } else REST();
            if (!quick) TIME_NOTED();
            op->count++;
            if (UNLIKELY(lost)) {
                t += stalls_of(lost);
                op->bank_stalls += lost % ONE_WAIT, op->wait_stalls += lost / ONE_WAIT;
            }
            hazard = op->leaves | twice;
        }
        program_waits(c);
        uint32_t last = HERE() - 4, word;
        if (last == c->do_end && c->do_left && pc == c->do_start && end - n >= stop - first &&
            c->branch == NO_BRANCH && target == NO_BRANCH) { /* the next turn is as long */
            c->do_left--, cached = caches && last == pc, op = first;
            goto turn;
        }
        pc = last, word = c->branch == NO_BRANCH ? (pc + 4) & MASK24 : c->branch;
        c->branch = target;
        if (pc == c->do_end) {
            if (c->do_left) c->do_left--, word = c->do_start, c->cached = caches && word == pc;
            else c->do_end = NEVER;
        }
        pc = word;
    next:;
    }
    first = op;
out:
    KEEP();
    if (!quick) { /* keep both views of busy banks, so that strict may change between runs */
        c->hot = IDLE;
        for (int b = 0; b < IDLE; b++)
            if (c->free[b] > c->states) c->hot = b;
    } else if (hot != IDLE) c->free[hot] = c->states + 1;
    c->error_pc = pc;
    return status;
}

static int go(Chip *c, uint32_t until, int64_t limit, int strict) {
    if (strict && c->quick) return run_slots(c, until, limit, 1, 1);
    return run_slots(c, until, limit, strict, 0); /* seldom: one compilation for both is enough */
}
