/* Which straight runs of instructions were executed, how often, and for which section.
 *
 * The emulator calls `block` before each of its blocks. Blocks that follow one another in memory are
 * one run; it ends where the processor jumps. What was executed between two jumps is then known
 * exactly, wherever the emulator cut it.
 */
#include <stdint.h>

enum { CAPACITY = 1 << 16, KEPT = 0xFFFF };

typedef struct {
    uint32_t start, end, section, expected;
    uint64_t count; /* 0: free */
} Run;

typedef struct {
    uint32_t code_start, code_halves;
    const uint16_t *owner; /* of each halfword of code: its section; KEPT: whoever called it */
    uint32_t start, end, section, overflown;
    const uint8_t *guessed; /* of each halfword of code: whether a conditional jump ends there, of a
                             * processor that expects the last of them that led back; else null */
    uint32_t expected;      /* where that one ends; 0: none */
    uint64_t (*loads)[3];   /* of each section: those in two pieces, in three, and from flash */
    uint32_t flash_start, flash_end;
    Run runs[CAPACITY];
} Runs;

static void count(Runs *r, uint32_t expected)
{
    uint64_t key = ((uint64_t)r->start << 32 | r->end) + r->section * 0x9E3779B97F4A7C15u;
    key += expected * 0xC2B2AE3D27D4EB4Fu;
    uint32_t at = (uint32_t)((key * 0xD6E8FEB86659FD93u) >> 48);
    for (uint32_t tried = 0; tried < CAPACITY; tried++, at = (at + 1) % CAPACITY) {
        Run *run = &r->runs[at];
        if (!run->count) *run = (Run){r->start, r->end, r->section, expected, 0};
        if (run->start == r->start && run->end == r->end && run->section == r->section &&
            run->expected == expected) {
            run->count++;
            return;
        }
    }
    r->overflown = 1;
}

/* The run has ended, and execution goes on at `next`. */
static void close_run(Runs *r, uint32_t next)
{
    if (r->start == r->end) return;
    const int met = r->start < r->expected && r->expected <= r->end;
    count(r, met ? r->expected : 0);
    if (!r->guessed) return;
    const uint32_t half = (r->end - r->code_start) / 2;
    if (half <= r->code_halves && r->guessed[half] && next < r->end)
        r->expected = r->end;
    else if (met)
        r->expected = 0;
}

void block(void *emulator, uint64_t address, uint32_t size, void *user)
{
    Runs *r = user;
    (void)emulator;
    const uint32_t half = ((uint32_t)address - r->code_start) / 2;
    uint32_t section = half < r->code_halves ? r->owner[half] : KEPT;
    if (section == KEPT) section = r->section;
    if ((uint32_t)address != r->end || section != r->section) {
        close_run(r, (uint32_t)address);
        r->start = (uint32_t)address;
        r->section = section;
    }
    r->end = (uint32_t)address + size;
}

/* Ends the last run; moves the runs there are to the front, forgets them for the next time, and
 * returns how many; -1 where they were too many. */
int32_t finish(Runs *r, Run *found)
{
    int32_t n = 0;
    close_run(r, UINT32_MAX);
    for (uint32_t i = 0; i < CAPACITY; i++) {
        if (r->runs[i].count) found[n++] = r->runs[i];
        r->runs[i].count = 0;
    }
    r->start = r->end = r->expected = 0;
    return r->overflown ? -1 : n;
}

/* Before each load: those that lie across what memory gives at once, and words from flash. */
void load(void *emulator, int kind, uint64_t address, int size, int64_t value, void *user)
{
    Runs *r = user;
    (void)emulator;
    (void)kind;
    (void)value;
    if (r->flash_start <= address && address < r->flash_end)
        r->loads[r->section][2] += (uint64_t)(size + 3) / 4;
    if (address % (uint32_t)size == 0 || size > 4) return;
    r->loads[r->section][size == 4 && address % 2]++;
}

typedef struct {
    int (*read)(void *emulator, int number, void *value);
    int dividend, divisor, is_signed;
    uint64_t by_quotient_bits[33], by_divisor_bits[33];
} Division;

static int bits(uint32_t x) { return x ? 32 - __builtin_clz(x) : 0; }

/* Before each division at one address: how long its quotient and its divisor are. */
void divided(void *emulator, uint64_t address, uint32_t size, void *user)
{
    Division *d = user;
    uint32_t n = 0, by = 0;
    (void)address;
    (void)size;
    d->read(emulator, d->dividend, &n);
    d->read(emulator, d->divisor, &by);
    if (d->is_signed) {
        n = (int32_t)n < 0 ? 0u - n : n;
        by = (int32_t)by < 0 ? 0u - by : by;
    }
    d->by_divisor_bits[bits(by)]++;
    d->by_quotient_bits[by ? bits(n / by) : 0]++;
}
