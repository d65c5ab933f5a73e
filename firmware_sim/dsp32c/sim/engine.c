/* DSP32C machine code, executed: the fast twin of machine.py with the same registers, memory, flags,
   accumulators and states (numbers in brackets are sections of the dsp32c.md that machine.py cites).

   One slot per instruction: fetch, X or CAU load, Y or CAU store, then the Z write that was issued
   three slots ago, so that a store is first visible at distance 4 [7]. A result becomes a multiplier
   operand at distance 3 and a DAU flag reaches a goto at distance 4 [7]; both are kept as short
   histories stamped with the slot number. An access may start each state; a bank is busy for
   `busy` + w states [4.4, K70]. */
#include "engine_memory.h"
#include "engine_float.h"
#include "engine_double.h"
#include "engine_decode.h"

#define PAGE_BITS 11
#define PAGES (1 << (24 - PAGE_BITS))
#define PAGE_WORDS (1 << (PAGE_BITS - 2))
#define MASK24 0xffffffu
#define WORDS (1 << 22)
#define BLOCK_BITS 5 /* a block is eight words */
#define BLOCKS (1 << (24 - BLOCK_BITS))
#define GROUP_BITS 8 /* a group is eight blocks */
#define GROUPS (1 << (24 - GROUP_BITS))
#define OUTSIDE 255
#define IDLE 254
#define LONG_AGO INT64_MIN
#define IS_MADE 256
#define NEVER 1 /* odd: no instruction address */
#define NO_BRANCH 0xffffffffu
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum { DONE, LIMIT, ILLEGAL_WORD, OUTSIDE_BOARD, MISALIGNED, HAZARD, TRANSFER_IN_DO };
enum { CAU_N = 8, CAU_Z = 4, CAU_V = 2, CAU_C = 1 };
/* What the chip is taken to do: doors.py has the same list. */
enum { TRUNCATES = 1, WAIT_STALLS = 2, CACHES_DO_OF_ONE = 4, HALVES_MU_LAW = 8,
       TRUNCATION_FLOORS = 16, CONVERTS_UPPER_BITS = 32, TAPS_ARE_LIVE = 64 };

/* What a slot set an accumulator to; NONE: nothing was. */
typedef struct {
    double value;
    uint32_t k;
} Result;
enum { NONE = 6, ACCUMULATORS };

typedef struct {
    uint32_t address, word, size, none; /* none: for quick indices */
} Pending;

/* What the slot after a load or a Z step still sees when sequences are not checked. */
typedef struct {
    int64_t slot; /* that of the load or step */
    uint32_t reg, value, loaded, flags;
} Late;

typedef struct {
    Op op[PAGE_WORDS];
    uint32_t number;
} Page;

typedef struct { int16_t low, high; } Range; /* numbers are multiples of 2^low, at most 2^high */

/* Nobody sees it but through the doors of engine_doors.h. */
typedef struct {
    uint8_t *memory;
    uint32_t r[REGISTERS];
    uint32_t pc, branch, dauc, flags, dau_flags; /* dau_flags: four bytes, newest lowest */
    uint32_t busy, assumed;
    uint32_t boot_pcw, pcw;
    uint8_t waits[2][64]; /* of partitions A and B, by pcw bits 5:0 [4.3] */
    uint8_t order[4]; /* the accesses 0 fetch, 1 X, 2 Y, 3 Z in the order of their states [4.4] */
    int64_t states;
    uint32_t error_pc, error_address;
    uint64_t error_mask;

    uint32_t programmed; /* the pcw whose wait states are in force */
    uint32_t quick; /* timing needs no more than `hot` */
    Late late;
    double a[ACCUMULATORS]; /* and an M field's 0.0 and 1.0; engine_double.h has what is a zero */
    double seen[ACCUMULATORS]; /* what the multiplier has of them: as they were three slots ago */
    Result result[2]; /* of the last even and odd slot, not seen yet */
    double scale[256]; /* what a word's mantissa counts, by its exponent; 0 of 0 */
    double codes[256]; /* what `ic` makes of bytes, where codes_of is dauc | IS_MADE */
    uint32_t codes_of;
    uint64_t bump[2]; /* by sign, what makes dropping a sum's bits the adder's rounding */
    Pending queue[4];
    uint32_t queued; /* bit k: a Z write was issued k + 1 slots ago */
    uint32_t do_start, do_end, do_left;
    uint32_t cached; /* the next instruction is the one that `do 0,n` repeats: it is not fetched */
    uint64_t hazard;
    uint32_t hot; /* bank accessed in the state just past */
    int64_t free[256];
    int64_t slot; /* instructions since the chip was made: stamps the histories */
    uint16_t map[PAGES]; /* bank + 256 * wait */
    uint8_t partition[PAGES]; /* 1: wait states from pcw's A field, 2: B field, 0: fixed */
    Page *pages[PAGES];
    uint32_t used[PAGES], used_count;
    uint32_t version; /* of the code: plans made for another one are void */
    Plan *plans;
    double *values; /* of each word; SPARSE: of word w at w - gap of its page */
    uint32_t gap[PAGES];
    Range *range; /* of each block's words, where it is known */
    uint8_t *known;
    Range *group_range; /* of eight blocks, likewise */
    uint8_t *group_known;
    uint8_t converted[PAGES];
    uint32_t convert_list[PAGES], convert_count;
} Chip;

static Page blank; /* every kind is DECODE */

INLINE uint32_t get32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

INLINE void put32(uint8_t *p, uint32_t v) {
    p[0] = v, p[1] = v >> 8, p[2] = v >> 16, p[3] = v >> 24;
}

INLINE void put(Chip *c, uint32_t address, uint32_t value, uint32_t size) {
    uint8_t *p = c->memory + address;
    Page *page = c->pages[address >> PAGE_BITS];
    if (LIKELY(size == 4)) put32(p, value);
    else if (size == 2) p[0] = value, p[1] = value >> 8;
    else p[0] = value;
    c->known[address >> BLOCK_BITS] = c->group_known[address >> GROUP_BITS] = 0;
    if (UNLIKELY(page != &blank))
        undecode(&page->op[(address >> 2) & (PAGE_WORDS - 1)]), c->version++;
}

/* Once in each slot, when its operands are read: the multiplier will see what slot n - 2 gave. */
INLINE void set_accumulator(Chip *c, uint32_t k, double value, int64_t n) {
    Result *result = &c->result[n & 1];
    c->seen[result->k] = result->value;
    result->k = k, result->value = c->a[k] = value;
}

INLINE void set_none(Chip *c, int64_t n) {
    Result *result = &c->result[n & 1];
    c->seen[result->k] = result->value, result->k = NONE;
}

/* The multiplier sees all: before a row of three slots or more, which sets what it leaves behind. */
INLINE void settle(Chip *c) {
    for (int k = 0; k < 4; k++) c->seen[k] = c->a[k];
    c->result[0].k = c->result[1].k = NONE;
}

INLINE double from_word(const Chip *c, uint32_t word) {
    return word & 255 ? value_of_word(c->scale, word) : of_bits(word);
}

INLINE uint32_t sign_of(double d) { return d < 0 ? DAU_N : d < DBL_MIN ? DAU_Z : 0; }

INLINE int condition_holds(uint32_t code, uint32_t f, uint32_t dau) {
    int n = !!(f & CAU_N), z = !!(f & CAU_Z), v = !!(f & CAU_V), carry = f & CAU_C, holds;
    switch (code >> 1) {
    case 0: holds = 0; break;
    case 1: holds = !n; break;
    case 2: holds = !z; break;
    case 3: holds = !v; break;
    case 4: holds = !carry; break;
    case 5: holds = n == v; break;
    case 6: holds = !(z | (n ^ v)); break;
    case 7: holds = !(carry | z); break;
    case 8: holds = !(dau & DAU_U); break;
    case 9: holds = !(dau & DAU_N); break;
    case 10: holds = !(dau & DAU_Z); break;
    case 11: holds = !(dau & DAU_V); break;
    default: holds = !(dau & (DAU_N | DAU_Z)); break;
    }
    return holds ^ (code & 1);
}

/* What a conversion takes from an accumulator's word: the uppermost bits, or the lowest. */
INLINE uint32_t converted(int function, uint32_t assumed, uint32_t word) {
    if (!(assumed & CONVERTS_UPPER_BITS)) return word;
    return function == 0 ? word >> 24 : function == 2 ? word >> 16 : function == 10 ? word >> 8
         : word;
}

/* How conversions to integers do it now. */
INLINE int truncation(const Chip *c) {
    return !(c->dauc & 16) ? 0 : c->assumed & TRUNCATION_FLOORS ? DOWN : TOWARD_ZERO;
}

/* Format 5's functions of Y [5.3]. After int, int24, oc and ieee the accumulator holds the result's
   32 bits as they are. dauc [2]: 0 ic and 1 oc A-law, 2 ic and 3 oc linear, 4 truncate. */
INLINE double special(const Chip *c, int function, uint32_t word, double y, uint32_t *flags) {
    uint32_t dauc = c->dauc, assumed = c->assumed;
    int truncate = truncation(c);
    double halves = assumed & HALVES_MU_LAW ? 2 : 1; /* of mu-law, beside G.711 */
    int32_t value;
    switch (function) {
    case 0:
        value = dauc & 4 ? (int32_t)(word & 255) : expand(word & 255, dauc & 1);
        *flags = sign_of(value);
        return dauc & 5 ? value : value / halves;
    case 1:
        value = to_integer(dauc & 10 ? y : y * halves, 16, truncate);
        if (!(dauc & 8)) value = compress(value, dauc >> 1 & 1);
        return from_word(c, value < 0 ? 0 : value > 255 ? 255 : value);
    case 2: value = (int16_t)word; *flags = sign_of(value); return value;
    case 3: return from_word(c, to_integer(y, 16, truncate));
    case 4: {
        Num x = from_double(y);
        x = normalise(shift_left((x.m + 128) >> 8, 23), x.e, 1, flags);
        return to_double(x);
    }
    case 10:
        value = (int32_t)(word << 8) >> 8;
        *flags = sign_of(value);
        return value;
    case 11: return from_word(c, to_integer(y, 24, truncate));
    case 12: return from_word(c, word_to_ieee(word));
    case 13: return from_word(c, ieee_to_word(word, flags));
    case 14:
        word ^= 0x7fffffff;
        y = word & 255 ? from_word(c, word) : 0;
        *flags = sign_of(y) | (y ? 0 : DAU_U);
    }
    return y;
}

static uint32_t reverse_bits(uint32_t value, int bits) {
    uint32_t out = 0;
    for (int i = 0; i < bits; i++) out |= ((value >> i) & 1) << (bits - 1 - i);
    return out;
}

static uint32_t reverse_add(uint32_t a, uint32_t b, int bits, uint32_t *carry) {
    uint32_t sum = reverse_bits(a, bits) + reverse_bits(b, bits);
    *carry = sum >> bits;
    return reverse_bits(sum, bits);
}

INLINE uint32_t step(uint32_t pointer, uint32_t by, int reversed) {
    uint32_t carry;
    return reversed ? reverse_add(pointer, by & MASK24, 24, &carry) : (pointer + by) & MASK24;
}

/* CAU arithmetic [6]; a is rS2 or the rD of two-operand forms, b is rS1 or the immediate. */
INLINE uint32_t alu(int function, uint32_t a, uint32_t b, int wide, uint32_t *flags) {
    int bits = wide ? 24 : 16;
    uint32_t mask = wide ? MASK24 : 0xffff, top = 1u << (bits - 1), r, v = 0, c = 0, t;
    a &= mask, b &= mask;
    switch (function) {
    case 0: r = a + b, c = r > mask, v = ~(a ^ b) & (a ^ r) & top; break;
    case 1: r = b << 1, c = r > mask, v = (b ^ r) & top; break;
    case 2: r = b - a, c = b < a, v = (a ^ b) & (b ^ r) & top; break;
    case 3: r = reverse_add(a, b, bits, &c); break;
    case 4: case 7: r = a - b, c = a < b, v = (a ^ b) & (a ^ r) & top; break;
    case 5: r = 0 - b, c = b != 0, v = b & r & top; break;
    case 6: r = a & ~b; break;
    case 8: r = a ^ b; break;
    case 9: c = b & 1, r = b >> 1 | (*flags & CAU_C ? top : 0); break;
    case 10: r = a | b; break;
    case 11: r = b << 1 | (*flags & CAU_C), c = b >> (bits - 1); break;
    case 12: c = b & 1, r = b >> 1; break;
    case 13: c = b & 1, r = b >> 1 | (b & top); break;
    default: r = a & b; break;
    }
    r &= mask, t = r & top;
    *flags = (t ? CAU_N : 0) | (r ? 0 : CAU_Z) | (v ? CAU_V : 0) | (c ? CAU_C : 0);
    return wide || !t ? r : r | 0xff0000;
}

static Op *decode_at(Chip *c, uint32_t pc) {
    uint32_t number = pc >> PAGE_BITS;
    Page *page = c->pages[number];
    if (page == &blank) {
        page = room_or_abort(sizeof *page);
        page->number = number;
        for (int j = 0; j < PAGE_WORDS; j++) undecode(&page->op[j]);
        c->used[c->used_count++] = number;
        c->pages[number] = page;
    }
    Op *op = &page->op[(pc >> 2) & (PAGE_WORDS - 1)];
    decode(op, get32(c->memory + pc), pc);
    op->place = c->map[number];
    if ((op->place & 255) == OUTSIDE) op->kind = UNMAPPED;
    return op;
}

static void change_waits(Chip *c) {
    for (int i = 0; i < PAGES; i++)
        if (c->partition[i]) {
            uint32_t waits = c->waits[c->partition[i] - 1][c->pcw & 63];
            c->map[i] = (c->map[i] & 255) | waits << 8;
            if (c->pages[i] == &blank) continue;
            for (int j = 0; j < PAGE_WORDS; j++) c->pages[i]->op[j].place = c->map[i];
        }
    c->programmed = c->pcw;
}

/* Wait states as pcw has them now. */
INLINE void program_waits(Chip *c) {
    if (UNLIKELY(c->pcw != c->programmed)) change_waits(c);
}

#include "engine_values.h"
#include "engine_chain.h"
#include "engine_copy.h"
#include "engine_convert.h"
#include "engine_slot.h"
#include "engine_run.h"

#include "engine_doors.h"
