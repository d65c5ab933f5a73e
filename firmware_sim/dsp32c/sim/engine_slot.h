/* What the interpreter loop of engine_run.h does in a slot: accesses and what they cost, operands in
   memory, hazards [7]. The macros are its own: they name its variables. */

/* Where in the chip's memory the loop is: `op` in a straight piece that began with `first`. */
#define HERE() (pc + 4 * (uint32_t)(op - first))

/* Leaves the loop; registers stay as the refused instruction found or half changed them. */
#define FAULT(kind, where) do { \
    status = (kind), c->error_address = (where), pc = HERE(); \
    goto out; \
} while (0)

/* One access of the slot (0 fetch, 1 X, 2 Y, 3 Z). With two busy states, waits that stop the machine
   and this order only the bank of the state just past can be busy: `hot` says it all. Otherwise
   the accesses are noted, and timed in their order when the slot ends. `lost`: see stalls_of. */
#define TOUCH(where, access) do { \
    uint32_t where_ = (where), bank_ = where_ & 255; \
    if (!quick) noted[access] = where_ + 1; \
    else if (UNLIKELY(where_ == hot || where_ > 255)) \
        lost += (bank_ == hot) + (where_ >> 8) * ONE_WAIT; \
    hot = bank_; \
} while (0)
#define TIME_NOTED() do { \
    for (int state_ = 0; state_ < 4; state_++) { \
        if (!noted[c->order[state_]]) continue; \
        uint32_t where_ = noted[c->order[state_]] - 1, bank_ = where_ & 255, w_ = where_ >> 8; \
        int64_t at_ = t + 4 * n + state_ + stalls_of(lost), late_ = c->free[bank_] - at_; \
        if (late_ < 0) late_ = 0; \
        lost += (uint32_t)late_, c->free[bank_] = at_ + late_ + c->busy + w_; \
        if (c->assumed & WAIT_STALLS) lost += w_ * ONE_WAIT; \
    } \
} while (0)
#define REST() (hot = IDLE)

/* What an instruction of the CAU is to the DAU. */
#define CAU() (set_none(c, n), dau = dau << 8 | (dau & 255), REST())

/* A register and the flags as this instruction sees them. When strict, too early a use has been
   refused already; otherwise the slot after a load or a Z step sees the value before it [7]. */
#define IS_LATE(code) (!strict && c->late.slot == n - 1 && (code) == c->late.reg)
#define R(code) (IS_LATE(code) ? c->late.value : r[code])
#define FLAGS_BEFORE() (c->late.slot == n - 1 && c->late.loaded ? c->late.flags : flags)
#define FLAGS_SEEN() (strict ? flags : FLAGS_BEFORE())

#define LOCATE(found, address, size) do { \
    found = c->map[(address) >> PAGE_BITS]; \
    if (UNLIKELY((address) & ((size) - 1))) FAULT(MISALIGNED, address); \
    if (UNLIKELY(found == OUTSIDE)) FAULT(OUTSIDE_BOARD, address); \
} while (0)

/* A DAU operand in memory: read, then post-modify. */
#define READ(word, pointer, by, bytes, state) do { \
    uint32_t place_; \
    address = R(pointer); \
    place_ = c->map[address >> PAGE_BITS]; \
    if (UNLIKELY(place_ >= OUTSIDE || address & ((bytes) - 1))) { \
        LOCATE(place_, address, bytes); \
        TOUCH(place_, state); \
    } else TOUCH(place_, state); /* known to be without wait states */ \
    word = (bytes) == 4 ? get32(memory + address) \
         : (bytes) == 2 ? memory[address] | (uint32_t)memory[address + 1] << 8 : memory[address]; \
    if (strict || (by)) r[pointer] = (address + R(by)) & MASK24; \
} while (0)
#define NUMBER(word) value_of_word(c->scale, word)

/* X as a multiplier operand; Y, from the accumulators of `kept` where it is none of memory. */
#define FACTOR_X(x) do { \
    if (op->x) { \
        READ(other, op->x, op->xi, 4, 1); \
        x = NUMBER(other); \
    } else REST(), x = factor(c->seen[op->xa]); \
} while (0)
#define READ_Y(y, kept) do { \
    if (op->y) { \
        READ(word, op->y, op->yi, 4, 2); \
        y = NUMBER(word); \
    } else REST(), y = c->kept[op->ya]; \
} while (0)

/* A Z operand: stepped now, stored three slots later. p = 15 stores at the address Y was read from. */
#define ISSUE_Z(stored) do { \
    uint32_t pointer_ = op->z == 15 ? op->y : op->z, place_; \
    uint32_t now_ = IS_LATE(pointer_) && c->late.loaded ? c->late.value : r[pointer_]; \
    uint32_t at_ = op->z == 15 ? address : now_; \
    LOCATE(place_, at_, op->size); \
    if (op->zi) { \
        uint32_t next_ = step(now_, R(op->zi), op->reversed); \
        c->late = (Late){n, pointer_, r[pointer_], 0, 0}; \
        r[pointer_] = next_; \
    } \
    Pending z_ = {at_, (stored), op->size, 0}; \
    c->queue[n & 3] = z_, queued |= 1; \
} while (0)

/* A load's result: n and z from the value, v and c clear [6]. */
#define LOADED(value_) do { \
    c->late = (Late){n, op->d, r[op->d], 1, flags}; \
    twice = hazard & USES_FLAGS ? LOADED_TWICE : 0; \
    r[op->d] = (value_); \
    flags = ((value_) & (op->wide == 3 ? 0x800000 : 0x8000) ? CAU_N : 0) | ((value_) ? 0 : CAU_Z); \
} while (0)

#define FORBIDDEN_IN_DO() do { if (strict && c->do_end != NEVER) FAULT(TRANSFER_IN_DO, HERE()); } while (0)

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

/* States lost by an instruction: to busy banks, and ONE_WAIT times those to wait states. */
#define ONE_WAIT 65536u

INLINE uint32_t stalls_of(uint32_t lost) { return lost % ONE_WAIT + lost / ONE_WAIT; }

/* How many instructions from pc on are one after another, whatever they are: the last one may be at
   the end of a `do` or of a page, the next one be `until`. */
static int64_t straight(const Chip *c, uint32_t pc, uint32_t until, int64_t room) {
    int64_t most = PAGE_WORDS - ((pc >> 2) & (PAGE_WORDS - 1));
    uint32_t to_until = ((until - pc - 1) >> 2) + 1, to_end = ((c->do_end - pc) >> 2) + 1;
    if (c->branch != NO_BRANCH) most = 1;
    if (to_end < most) most = to_end;
    if (to_until < most) most = to_until;
    return room < most ? room : most;
}

/* Whether a row may begin here. */
INLINE int begins(const Chip *c, const Op *op, uint32_t pc, uint32_t queued) {
    if (op->kind < MAC || c->branch != NO_BRANCH) return 0;
    if (op->kind == MAC) return op->uses & LOOK ? 1 : 0;
    if (pc != c->do_start) return 0;
    return op->kind == COPY ? queued == 7 && c->do_end == pc : !queued && c->do_end == pc + 4;
}
