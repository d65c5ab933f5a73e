/* One predecoded instruction word (dsp32c.md 5) with the masks behind section 7's illegal sequences. */
#ifndef ENGINE_DECODE_H
#define ENGINE_DECODE_H

#include <stdint.h>

typedef enum {
    DECODE, UNMAPPED, ILLEGAL, NOP, GOTO, LOOP, CALL, DO, ADD_IMMEDIATE, SET24, ALU, SET_DAUC,
    LOAD, STORE, LOAD_IO, STORE_IO, MOVE_TO_IO, MOVE_FROM_IO, DA1, DA2, DA3, DA4, DA5,
    MAC_STORE, ADD, SELECT, ROUND, /* common cases of DA3, DA1 and DA5 */
    MAC, COPY, CONVERT /* those that rows begin with */
} Kind;

/* Register file: codes 0-31 of the chip, then the constants that post-increments need. */
enum { PC = 15, CONSTANT_MINUS = 22, CONSTANT_PLUS, DAUC = 26, IOC, PCSH = 30, PCW = 30,
       PLUS2 = 32, MINUS2, PLUS4, MINUS4, LITERAL, SINK, REGISTERS = 40 };

/* Hazard bits: registers 0-31, then flags, the data bus of a CA store, and registers used as a Z
   pointer (only a fresh load forbids that). */
#define BIT(n) ((uint64_t)1 << (n))
#define USES_FLAGS BIT(32)
#define USES_BUS BIT(33)
#define LOADED_TWICE BIT(34) /* left by the second of two loads */
#define USES_AS_Z(r) BIT(40 + (r))
#define LOOK BIT(63) /* left by all; used by what is to be looked at first: undecoded, or a row */

typedef struct Plan Plan; /* engine_chain.h */

typedef struct {
    uint8_t kind, condition, d, s1, s2, wide, function, conditional; /* CA fields; d also the DA's N */
    uint8_t x, xi, y, yi, z, zi, m, negate; /* pointers (0: none) and increments; negate: F + 2S */
    uint8_t xa, ya, store, reversed, size, ysize; /* accumulators; store: Z writes; access sizes */
    uint16_t place; /* its memory: bank + 256 * wait */
    uint32_t immediate, word;
    uint64_t uses, leaves;
    int64_t count, bank_stalls, wait_stalls;
    Plan *plan; /* of the row that begins here */
} Op;

INLINE uint32_t sign16(uint32_t n) { return (uint32_t)(int32_t)(int16_t)n & 0xffffff; }

/* Register classes of the instruction set's operands, as sets of codes [2]. */
#define GENERAL 0x233e7ffeu /* r1-r22 */
#define COUNTED (GENERAL | 1u)
#define PLAIN (COUNTED | 1u << PCSH)
#define SOURCE (PLAIN | 1u << PC)
#define SECOND (SOURCE | 1u << CONSTANT_MINUS | 1u << CONSTANT_PLUS)

INLINE int among(uint32_t set, int code) { return set >> code & 1; }

/* Where a result goes: the constant 0 swallows it. */
INLINE int destination(int code) { return code ? code : SINK; }

INLINE uint64_t reads(int code) {
    return code == 0 || code == CONSTANT_MINUS || code == CONSTANT_PLUS || code > 31 ? 0 : BIT(code);
}

/* The post-increment register of a DAU operand field's i, for operands of `size` bytes (5.2). */
static int increment(int i, int size) {
    if (i >= 1 && i <= 5) return 16 + i;
    if (i < 6) return 0;
    if (size == 1) return i == 7 ? CONSTANT_PLUS : CONSTANT_MINUS;
    if (size == 2) return i == 7 ? PLUS2 : MINUS2;
    return i == 7 ? PLUS4 : MINUS4;
}

static void decode_da(Op *op, uint32_t w) {
    static const uint8_t y_bytes[16] = {1, 4, 2, 4, 4, 4, 4, 4, 0, 0, 4, 4, 4, 4, 4, 0};
    static const uint8_t z_bytes[16] = {4, 1, 4, 2, 4, 4, 4, 4, 0, 0, 4, 4, 4, 4, 4, 0};
    int format = w >> 29, x = (w >> 14) & 127, y = (w >> 7) & 127, z = w & 127;
    op->m = (w >> 26) & 7;
    op->d = (w >> 21) & 3;
    op->negate = (w >> 23) & 3; /* bit 0: S, product; bit 1: F, addend */
    op->reversed = (w >> 25) & 1;
    op->size = op->ysize = 4;
    if (format == 3 && op->m >= 6) {
        op->kind = DA5, op->function = (w >> 23) & 15, op->reversed = 0;
        op->ysize = y_bytes[op->function], op->size = z_bytes[op->function];
        if (!op->ysize || x) op->kind = ILLEGAL;
    } else if (format == 1 && op->m == 6) op->kind = DA4;
    else if (op->m > 5) op->kind = ILLEGAL;
    else op->kind = format == 1 ? DA1 : format == 2 ? DA2 : DA3;

    op->x = x >> 3, op->xi = increment(x & 7, 4), op->xa = x & 3;
    op->y = y >> 3, op->yi = increment(y & 7, op->ysize), op->ya = y & 3;
    op->z = z >> 3, op->zi = increment(z & 7, op->size), op->store = z != 7;
    if (op->x == 15 || op->y == 15 || (!op->x && (x & 7) > 3) || (!op->y && (y & 7) > 3) ||
        (!op->z && z != 7) || (op->z == 15 && !op->y) ||
        (op->reversed && ((z & 7) < 1 || (z & 7) > 5))) op->kind = ILLEGAL;
    if (op->kind == ILLEGAL) return;
    if (op->x) op->uses |= reads(op->x) | reads(op->xi);
    if (op->y) op->uses |= reads(op->y) | reads(op->yi), op->leaves |= USES_BUS;
    if (op->store) {
        int pointer = op->z == 15 ? op->y : op->z;
        op->uses |= USES_AS_Z(pointer) | reads(op->zi);
        if (z & 7) op->leaves |= BIT(pointer);
    }
    if ((op->kind == DA2 || op->kind == DA4) && !op->store) op->kind = ILLEGAL;
    if (op->kind == DA3 && op->x && op->y) op->kind = op->store ? MAC_STORE : MAC;
    if (op->kind == DA1 && op->m == 4 && op->y && !op->x && !op->negate) op->kind = COPY;
    if (op->kind == DA1 && op->m == 5 && op->x && !op->y) op->kind = ADD;
    if (op->kind == DA5 && op->function >= 5 && op->function <= 7) op->kind = SELECT;
    if (op->kind == DA5 && (op->function == 3 || op->function == 11) && !op->y) op->kind = ROUND;
    if (op->kind == DA5 && (op->function == 0 || op->function == 2) && op->y && !op->store)
        op->kind = CONVERT;
}

/* 7a-7d: W = 0 high byte, 1 low byte, 2 16 bits, 3 24 bits in a 32-bit word. Of the I/O registers
   only pcw is modelled. */
static void decode_move(Op *op, uint32_t w, int indirect) {
    int store = (w >> 24) & 1, bit21 = (w >> 21) & 1, code = (w >> 16) & 31;
    int pointer = (w >> 5) & 31, by = w & 31, reversed = (w >> 10) & 1;
    int in_memory = !indirect || bit21, io = indirect != bit21;
    op->wide = (w >> 22) & 3;
    op->size = op->wide == 3 ? 4 : op->wide == 2 ? 2 : 1;
    op->kind = store ? io ? STORE_IO : STORE : io ? LOAD_IO : LOAD;
    if (!indirect && bit21) op->kind = store ? MOVE_FROM_IO : MOVE_TO_IO;

    if (!indirect && !bit21) op->y = LITERAL, op->immediate = sign16(w & 0xffff);
    else if (in_memory) {
        op->y = pointer, op->yi = by, op->reversed = reversed;
        if (by == CONSTANT_PLUS || by == CONSTANT_MINUS)
            op->yi = increment(by == CONSTANT_PLUS ? 7 : 6, op->size);
        if (w & 0xf800 || !among(GENERAL, pointer) || (reversed && !among(GENERAL, by)) ||
            !among(GENERAL | 1u | 3u << CONSTANT_MINUS, by)) op->kind = ILLEGAL;
        op->uses |= reads(pointer) | reads(op->yi);
        op->z = by ? pointer : SINK;
    }
    if (op->kind == MOVE_FROM_IO || op->kind == MOVE_TO_IO) {
        if (op->wide != 2 || code != PCW) op->kind = ILLEGAL;
        if (store) op->uses |= USES_BUS;
        return;
    }
    if (!among(PLAIN, code) || (io && (w & 0xffff) != PCW)) op->kind = ILLEGAL;
    if (store) op->s1 = code, op->uses |= reads(code) | (io ? 0 : USES_BUS);
    else {
        op->d = destination(code);
        op->leaves = USES_FLAGS | (code ? BIT(code) | (code < 15 ? USES_AS_Z(code) : 0) : 0);
    }
}

static void decode_alu(Op *op, uint32_t w, int immediate) {
    int f = (w >> 21) & 15, d = (w >> 16) & 31, s1 = (w >> 5) & 31, s2 = w & 31;
    int three = (w >> 11) & 1, unary = 0x3a22 >> f & 1; /* 1 5 9 11 12 13 */
    int discards = f == 7 || f == 15, good = among(discards ? SOURCE : PLAIN, d);
    op->kind = ALU, op->wide = w >> 31, op->function = f;
    op->s1 = LITERAL, op->s2 = d;
    op->d = discards ? SINK : destination(d);
    op->immediate = op->wide ? sign16(w) : w & 0xffff;
    if (immediate) good &= 0xc5dc >> f & 1; /* 2 3 4 6 7 8 10 14 15 */
    else {
        op->conditional = (w >> 10) & 1, op->condition = (w >> 12) & 15, op->s1 = s1;
        good &= op->conditional || !op->condition;
        good &= among(f == 3 ? COUNTED : unary ? SOURCE : SECOND, s1);
        if (three && !discards && !unary) op->s2 = s2, good &= among(SOURCE, s2);
        else good &= s2 == 0 && !(three && discards);
        if (op->conditional && op->condition > 1) op->uses |= USES_FLAGS;
    }
    op->uses |= reads(op->s1) | reads(op->d) | (unary ? 0 : reads(op->s2));
    if (f == 9 || f == 11) op->uses |= USES_FLAGS;
    if (!good) op->kind = ILLEGAL;
}

/* Formats 1, 3, 4 and 8: a transfer to rH + N, pc reading as the instruction's address + 8. */
static void decode_transfer(Op *op, uint32_t w, uint32_t pc) {
    int far = w >> 31, h = (w >> 16) & 31, m = (w >> 21) & 31, group = (w >> 26) & 31, good = 1;
    op->immediate = far ? (w >> 21 & 255) << 16 | (w & 0xffff) : sign16(w);
    op->kind = GOTO, op->condition = 1;
    if (far && w >> 29 == 7) op->kind = CALL, m = h, h = 0;
    else if (!far && group == 3) op->kind = LOOP, op->s2 = m;
    else if (!far && group == 4) op->kind = CALL;
    else if (!far) op->condition = (w >> 21) & 63, good = op->condition >= 1 && op->condition <= 25;
    if (op->kind != GOTO) op->d = m, good = among(GENERAL, m), op->uses |= reads(m);
    if (op->condition > 1 && op->condition < 16) op->uses |= USES_FLAGS;
    good &= among(SOURCE, h);
    if (h == PC) op->immediate = (op->immediate + pc + 8) & 0xffffff, h = 0;
    op->s1 = h, op->uses |= reads(h);
    if (!good) op->kind = ILLEGAL;
}

static void decode(Op *op, uint32_t w, uint32_t pc) {
    int top = w >> 25, h = (w >> 16) & 31, m = (w >> 21) & 31;
    int64_t counters[3] = {op->count, op->bank_stalls, op->wait_stalls};
    memset(op, 0, sizeof *op);
    op->count = counters[0], op->bank_stalls = counters[1], op->wait_stalls = counters[2];
    op->word = w, op->kind = ILLEGAL;

    if (top >= 0x10 && top < 0x40) decode_da(op, w);
    else if (w == 0) op->kind = NOP;
    else if (w == 0x003e0000) op->kind = ILLEGAL; /* ireturn: interrupts are not modelled */
    else if (top <= 0x03 || (top >= 0x06 && top <= 0x09) || w >> 29 == 5 || w >> 29 == 7)
        decode_transfer(op, w, pc);
    else if (w >> 29 == 6) {
        op->kind = among(PLAIN, h) ? SET24 : ILLEGAL;
        op->d = destination(h), op->uses = reads(op->d);
        op->immediate = (w >> 21 & 255) << 16 | (w & 0xffff);
    } else if (top == 0x46) {
        int counted = m & 1, zero = counted ? 0xffe0 : 0xf800;
        op->kind = m > 1 || w & zero || (counted && !among(GENERAL, w & 31)) ? ILLEGAL : DO;
        op->function = h, op->s1 = counted ? w & 31 : LITERAL, op->immediate = w & 0x7ff;
        op->uses = reads(op->s1);
    } else if ((top & 0x3e) == 0x0a) {
        op->wide = w >> 31, op->s2 = h, op->immediate = op->wide ? sign16(w) : w & 0xffff;
        op->kind = among(PLAIN, m) && among(SOURCE, h) ? ADD_IMMEDIATE : ILLEGAL;
        op->d = destination(m), op->uses = reads(h) | reads(op->d);
        if (m == DAUC && !op->wide && !(w & 0xffff))
            op->kind = SET_DAUC, op->uses = 0, op->immediate = h;
        if (m == IOC && !op->wide) op->kind = NOP, op->uses = 0; /* no serial port here */
    } else if ((top & 0x3f) == 0x0c || (top & 0x3f) == 0x0d) decode_alu(op, w, top & 1);
    else if (top == 0x0e || top == 0x0f) decode_move(op, w, top & 1);
    op->leaves |= LOOK, op->uses |= op->kind >= MAC ? LOOK : 0;
}

INLINE void undecode(Op *op) { op->kind = DECODE, op->uses |= LOOK; }

#endif
