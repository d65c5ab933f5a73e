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

/* Leaves the loop; registers stay as the refused instruction found or half changed them. */
#define FAULT(kind, where) do { status = (kind), c->error_address = (where); goto out; } while (0)

/* One access of the slot (0 fetch, 1 X, 2 Y, 3 Z). With two busy states, waits that stop the
   machine and this order only the bank of the state just past can be busy: `hot` says it all. Otherwise the
   accesses are noted, and timed in their order when the slot ends. */
#define TOUCH(where, access) do { \
    uint32_t bank_ = (where) & 255, w_ = (where) >> 8; \
    if (quick) bank_stall += bank_ == hot, hot = bank_, wait_stall += w_; \
    else noted[access] = (where) + 1; \
} while (0)
#define TIME_NOTED() do { \
    for (int state_ = 0; state_ < 4; state_++) { \
        if (!noted[c->order[state_]]) continue; \
        uint32_t where_ = noted[c->order[state_]] - 1, bank_ = where_ & 255, w_ = where_ >> 8; \
        int64_t at_ = t + state_ + bank_stall + wait_stall, late_ = c->free[bank_] - at_; \
        if (late_ < 0) late_ = 0; \
        bank_stall += late_, c->free[bank_] = at_ + late_ + c->busy + w_; \
        if (c->assumed & WAIT_STALLS) wait_stall += w_; \
    } \
} while (0)
#define REST() (hot = IDLE)

/* A register and the flags as this instruction sees them. When strict, too early a use has been
   refused already; otherwise the slot after a load or a Z step sees the value before it [7]. */
#define R(code) (!strict && (code) == late.reg ? late.value : r[code])
#define FLAGS_SEEN() (!strict && late.loaded ? late.flags : flags)

#define LOCATE(found, address, size) do { \
    found = c->map[(address) >> PAGE_BITS]; \
    if (UNLIKELY((address) & ((size) - 1))) FAULT(MISALIGNED, address); \
    if (UNLIKELY(found == OUTSIDE)) FAULT(OUTSIDE_BOARD, address); \
} while (0)

/* A DAU operand in memory: read, then post-modify. */
#define READ(word, pointer, by, bytes, state) do { \
    uint32_t place_; \
    address = R(pointer); \
    LOCATE(place_, address, bytes); \
    TOUCH(place_, state); \
    word = (bytes) == 4 ? get32(memory + address) \
         : (bytes) == 2 ? memory[address] | (uint32_t)memory[address + 1] << 8 : memory[address]; \
    if (strict || (by)) r[pointer] = (address + R(by)) & MASK24; \
} while (0)

/* A Z operand: stepped now, stored three slots later. p = 15 stores at the address Y was read from. */
#define ISSUE_Z(stored) do { \
    uint32_t pointer_ = op->z == 15 ? op->y : op->z, place_; \
    uint32_t now_ = !strict && late.loaded && pointer_ == late.reg ? late.value : r[pointer_]; \
    uint32_t at_ = op->z == 15 ? address : now_; \
    LOCATE(place_, at_, op->size); \
    if (op->zi) { \
        next_late.reg = pointer_, next_late.value = r[pointer_]; \
        r[pointer_] = step(now_, R(op->zi), op->reversed); \
    } \
    Pending z_ = {at_, (stored), op->size}; \
    c->queue[n & 3] = z_, queued |= 1; \
} while (0)

/* A load's result: n and z from the value, v and c clear [6]. */
#define LOADED(value_) do { \
    next_late = (Late){op->d, r[op->d], 1, flags}; \
    r[op->d] = (value_); \
    flags = ((value_) & (op->wide == 3 ? 0x800000 : 0x8000) ? CAU_N : 0) | ((value_) ? 0 : CAU_Z); \
} while (0)

#define FORBIDDEN_IN_DO() do { if (strict && do_end != NEVER) FAULT(TRANSFER_IN_DO, pc); } while (0)

/* What an instruction uses indeed: a false condition leaves the operands alone. */
static uint64_t used(const Op *op, const uint32_t *r, uint32_t flags, uint32_t dau) {
    if ((op->kind == GOTO || (op->kind == ALU && op->conditional)) &&
        !condition_holds(op->condition, flags, dau >> 24)) return op->uses & USES_FLAGS;
    if (op->kind == LOOP && r[op->s2] & 0x8000) return reads(op->s2);
    return op->uses;
}

/* AT&T's own ROM branches on the flags of the first of two loads: they are still there [15.1]. */
INLINE int branches_on_first(const Op *op, uint64_t hazard, uint64_t met) {
    return op->kind == GOTO && met == USES_FLAGS && hazard & LOADED_TWICE;
}

INLINE int run_slots(Chip *c, uint32_t until, int64_t limit, const int strict, const int quick) {
    uint8_t *memory = c->memory;
    uint32_t *r = c->r;
    int64_t n = c->slot, t = c->states;
    uint32_t pc = c->pc, branch = c->branch, flags = c->flags, dau = c->dau_flags, queued = c->queued;
    uint32_t hot = c->hot, do_end = c->do_end, cached = c->cached;
    uint64_t hazard = c->hazard;
    Late late = c->late;
    const int truncates = c->assumed & TRUNCATES, caches = c->assumed & CACHES_DO_OF_ONE;
    int status = DONE;
    int64_t plain = n; /* the slot from which on a row may be tried */
    Op *op = NULL;

    for (int64_t end = n + limit; pc != until; n++) {
        uint32_t bank_stall = 0, wait_stall = 0, target = NO_BRANCH, address = 0, word, f;
        uint32_t other, place, noted[4] = {0};
        Late next_late = NOT_LATE;
        if (UNLIKELY(n == end)) FAULT(LIMIT, pc);
        if (UNLIKELY(pc & 3)) FAULT(MISALIGNED, pc);
        op = &c->pages[pc >> PAGE_BITS]->op[(pc >> 2) & (PAGE_WORDS - 1)];
        if (UNLIKELY(op->kind == DECODE)) op = decode_at(c, pc);
        if (UNLIKELY(hazard & op->uses) && strict) {
            c->error_mask = hazard & used(op, r, late.loaded ? late.flags : flags, dau);
            if (c->error_mask && !branches_on_first(op, hazard, c->error_mask)) FAULT(HAZARD, pc);
        }
        if (strict && quick && op->kind == MAC && branch == NO_BRANCH && n >= plain) {
            int64_t done = chain(c, op, &pc, &do_end, until, end - n, n, &t, &hot, &dau, &hazard,
                                 queued, &cached);
            if (done > 0) {
                n += done - 1, late = NOT_LATE, queued = 0;
                continue;
            }
            if (done) plain = n + op->plan->length; /* such numbers seldom come alone */
        }
        if (strict && quick && op->kind == COPY && queued == 7 && pc == do_end &&
            c->do_start == pc && branch == NO_BRANCH) {
            int64_t done = copy(c, op, until, pc, end - n, n, &t, hot, &dau);
            if (done) {
                n += done - 1, hazard = op->leaves;
                continue;
            }
        }
        queued <<= 1;
        if (UNLIKELY(cached)) REST(), cached = 0;
        else TOUCH((uint32_t)op->bank | (uint32_t)op->wait << 8, 0);

        switch (op->kind) {
        case MAC: case MAC_STORE: {
            READ(other, op->x, op->xi, 4, 1);
            READ(word, op->y, op->yi, 4, 2);
            Num x = factor_of_word(other), y = factor_of_word(word);
            Accumulator *sum = &c->a[op->d];
            Num addend = constant(op->m);
            if (op->m < 4) addend.m = c->a[op->m].now.m, addend.e = c->a[op->m].now.e;
            int64_t product = x.m * y.m;
            if (op->negate & 1) product = -product;
            if (op->negate & 2) addend = negate(addend);
            Num result = accumulate(addend, product, x.e + y.e - 128, truncates, &f);
            set_accumulator(sum, result, n);
            dau = dau << 8 | f;
            if (op->kind == MAC_STORE) ISSUE_Z(to_word(result));
            break;
        }
        case COPY: { /* [Z=] aN = *rY */
            REST();
            READ(word, op->y, op->yi, 4, 2);
            Num y = from_word(word);
            if (!y.m) y.dirty = word = 0;
            set_accumulator(&c->a[op->d], y, n);
            dau = dau << 8 | (y.m < 0 ? DAU_N : y.m ? 0 : DAU_Z);
            if (op->store) ISSUE_Z(word);
            break;
        }
        case ADD: { /* [Z=] aN = [-]aY {+,-} *rX */
            READ(other, op->x, op->xi, 4, 1);
            REST();
            Num x = factor_of_word(other), addend = c->a[op->ya].now;
            if (op->negate & 1) x.m = -x.m;
            if (op->negate & 2) addend = negate(addend);
            Num result = accumulate(addend, x.m * ((int64_t)1 << 23), x.e, truncates, &f);
            set_accumulator(&c->a[op->d], result, n);
            dau = dau << 8 | f;
            if (op->store) ISSUE_Z(to_word(result));
            break;
        }
        case SELECT: { /* [Z=] aN = ifalt(Y) and its like */
            REST();
            Num y;
            if (op->y) {
                READ(word, op->y, op->yi, 4, 2);
                y = from_word(word);
            } else REST(), y = c->a[op->ya].now;
            f = dau & 255;
            int taken = op->function == 5 ? f & DAU_N : op->function == 6 ? f & DAU_Z
                      : !(f & (DAU_N | DAU_Z));
            Num result = taken ? y : c->a[op->d].now;
            set_accumulator(&c->a[op->d], result, n);
            dau = dau << 8 | f;
            if (op->store) ISSUE_Z(to_word(result));
            break;
        }
        case DA1: case DA2: case DA3: case DA4: {
            Num x, y, addend, result;
            if (op->x) {
                READ(other, op->x, op->xi, 4, 1);
                x = factor_of_word(other);
            } else REST(), x = factor(multiplicand(&c->a[op->xa], n));
            int adds_y = op->kind == DA1 || op->kind == DA4;
            if (op->y) {
                READ(word, op->y, op->yi, 4, 2);
                y = from_word(word);
            } else {
                REST();
                y = adds_y ? c->a[op->ya].now : multiplicand(&c->a[op->ya], n);
                word = to_word(c->assumed & TAPS_ARE_LIVE ? c->a[op->ya].now : y);
            }
            Num m = op->kind == DA4 || op->m == 5 ? ONE : op->m == 4 ? ZERO
                  : adds_y ? multiplicand(&c->a[op->m], n) : c->a[op->m].now;
            Num by = factor(adds_y ? m : y);
            addend = adds_y ? y : m;
            int64_t product = x.m * by.m;
            if (op->negate & 1) product = -product;
            if (op->negate & 2) addend = negate(addend);
            result = accumulate(addend, product, x.e + by.e - 128, truncates, &f);
            set_accumulator(&c->a[op->d], result, n);
            dau = dau << 8 | f;
            if (op->store) ISSUE_Z(op->kind == DA2 || op->kind == DA4 ? word : to_word(result));
            break;
        }
        case DA5: {
            Num y;
            REST();
            if (op->y) {
                READ(word, op->y, op->yi, op->ysize, 2);
                y = from_word(word);
            } else {
                REST();
                y = c->a[op->ya].now;
                word = converted(op->function, c->assumed, to_word(y));
            }
            f = dau & 255;
            special(op->function, c->dauc, c->assumed, word, &y, &f);
            set_accumulator(&c->a[op->d], y, n);
            dau = dau << 8 | f;
            if (op->store) ISSUE_Z(to_word(y));
            break;
        }
        default:
            r[PC] = (pc + 8) & MASK24;
            f = dau >> 24; /* as of four slots ago */
            dau = dau << 8 | (dau & 255);
            switch (op->kind) {
            case NOP: REST(); break;
            case GOTO:
                FORBIDDEN_IN_DO();
                REST();
                if (condition_holds(op->condition, late.loaded ? late.flags : flags, f))
                    target = (R(op->s1) + op->immediate) & MASK24;
                break;
            case LOOP:
                FORBIDDEN_IN_DO();
                REST();
                word = R(op->s2), r[op->d] = sign16(word - 1);
                if (!(word & 0x8000)) target = (R(op->s1) + op->immediate) & MASK24;
                break;
            case CALL:
                FORBIDDEN_IN_DO();
                REST();
                target = (R(op->s1) + op->immediate) & MASK24;
                r[op->d] = r[PC];
                break;
            case DO:
                FORBIDDEN_IN_DO();
                REST();
                r[LITERAL] = op->immediate;
                c->do_start = r[PC] - 4, do_end = pc + 4 + 4 * op->function;
                c->do_left = R(op->s1) & 0x7ff;
                break;
            case ADD_IMMEDIATE:
                REST();
                r[op->d] = alu(0, R(op->s2), op->immediate, op->wide, &flags);
                break;
            case SET24: REST(); r[op->d] = op->immediate; break;
            case SET_DAUC: REST(); c->dauc = op->immediate; break;
            case ALU:
                REST();
                if (op->conditional && !condition_holds(op->condition, FLAGS_SEEN(), 0)) break;
                r[LITERAL] = op->immediate;
                word = R(op->s2), other = R(op->s1), f = FLAGS_SEEN();
                r[op->d] = alu(op->function, word, other, op->wide, &f), flags = f;
                break;
            case LOAD: case MOVE_TO_IO:
                r[LITERAL] = op->immediate, address = R(op->y);
                LOCATE(place, address, op->size);
                TOUCH(place, 1);
                REST();
                if (op->wide == 3) word = get32(memory + address) & MASK24;
                else if (op->wide == 2) word = sign16(memory[address] | memory[address + 1] << 8);
                else word = op->wide ? memory[address] : sign16(memory[address] << 8);
                if (op->z) r[op->z] = step(address, R(op->yi), op->reversed);
                if (op->kind == LOAD) LOADED(word);
                else c->pcw = word & 0xffff;
                break;
            case STORE: case MOVE_FROM_IO:
                r[LITERAL] = op->immediate, address = R(op->y);
                word = op->kind == STORE ? R(op->s1) : c->pcw;
                LOCATE(place, address, op->size);
                REST();
                TOUCH(place, 2);
                if (op->wide == 3) word = (uint32_t)((int32_t)(word << 8) >> 8);
                else if (op->wide == 0) word >>= 8;
                put(c, address, word, op->size);
                if (op->z) r[op->z] = step(address, R(op->yi), op->reversed);
                break;
            case LOAD_IO:
                REST();
                word = op->wide == 0 ? sign16(c->pcw << 8) : op->wide == 1 ? c->pcw & 255
                     : op->wide == 2 ? sign16(c->pcw) : c->pcw;
                LOADED(word);
                break;
            case STORE_IO:
                REST();
                word = R(op->s1);
                c->pcw = (op->wide ? word : word >> 8) & 0xffff;
                break;
            case UNMAPPED: FAULT(OUTSIDE_BOARD, pc);
            default: FAULT(ILLEGAL_WORD, pc);
            }
        }

        if (queued & 8) {
            const Pending *z = &c->queue[(n + 1) & 3];
            TOUCH(c->map[z->address >> PAGE_BITS], 3);
            put(c, z->address, z->word, z->size);
        } else REST();
        queued &= 7;
        if (!quick) TIME_NOTED();
        t += 4 + bank_stall + wait_stall;
        op->count++;
        if (bank_stall | wait_stall) op->bank_stalls += bank_stall, op->wait_stalls += wait_stall;
        if (UNLIKELY(op->kind == STORE_IO || op->kind == MOVE_TO_IO)) program_waits(c);
        hazard = op->leaves | (hazard & op->leaves & USES_FLAGS ? LOADED_TWICE : 0);
        late = next_late;
        word = branch == NO_BRANCH ? (pc + 4) & MASK24 : branch, branch = target;
        if (UNLIKELY(pc == do_end)) {
            if (c->do_left) c->do_left--, word = c->do_start, cached = caches && word == pc;
            else do_end = NEVER;
        }
        pc = word;
    }
out:
    if (!quick) { /* keep both views of busy banks, so that strict may change between runs */
        hot = IDLE;
        for (int b = 0; b < IDLE; b++)
            if (c->free[b] > t) hot = b;
    } else if (hot != IDLE) c->free[hot] = t + 1;
    c->slot = n, c->states = t, c->pc = pc, c->branch = branch, c->flags = flags, c->dau_flags = dau;
    c->queued = queued, c->hot = hot, c->do_end = do_end, c->hazard = hazard, c->late = late;
    c->cached = cached;
    c->error_pc = pc;
    return status;
}

static int go(Chip *c, uint32_t until, int64_t limit, int strict) {
    if (strict && c->quick) return run_slots(c, until, limit, 1, 1);
    return run_slots(c, until, limit, strict, 0); /* seldom: one compilation for both is enough */
}
