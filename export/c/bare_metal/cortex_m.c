/* Start, exit and an instruction counter for a Cortex-M board of QEMU's. */
#include <stdint.h>

extern uint32_t data_start, data_end, data_image, bss_start, bss_end, stack_top;
int main(void);

static int semihosting(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void say(const char *text) { semihosting(4, text); }

static void leave(int code)
{
    const uint32_t block[2] = {0x20026, (uint32_t)code};
    semihosting(0x20, block);
    for (;;) { }
}

void reset(void)
{
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88 |= 0xF << 20;
    __asm__ volatile("dsb\n\tisb");
#endif
    for (uint32_t *d = &data_start, *s = &data_image; d < &data_end;) *d++ = *s++;
    for (uint32_t *d = &bss_start; d < &bss_end;) *d++ = 0;
    leave(main());
}

static void fault(void)
{
    say("FAULT\n");
    leave(99);
}

__attribute__((section(".vectors"), used)) static void *const vectors[] = {
    &stack_top, reset, fault, fault, fault, fault, fault};

/* With -icount shift=10 an instruction lasts 1024 ns: 25.6 ticks of the 25 MHz timer. */
#define TIMER ((volatile uint32_t *)0x40000000)

void start_counting(void)
{
    TIMER[0] = 0;
    TIMER[2] = TIMER[1] = 0xFFFFFFFF;
    TIMER[0] = 1;
}

uint32_t instructions(void) { return (uint32_t)((0xFFFFFFFFu - TIMER[1]) * 10ull / 256); }
