/* Two products of 16 bits in one instruction, where the processor has it. */
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_UNALIGNED) && defined(__GNUC__)
#define PAIRS
INLINE uint32_t word(const void *p)
{
    uint32_t w;
    __builtin_memcpy(&w, p, 4);
    return w;
}
INLINE uint32_t even_unsigned(uint32_t w)
{
    uint32_t pair;
    __asm__("uxtb16 %0, %1" : "=r"(pair) : "r"(w));
    return pair;
}
INLINE uint32_t odd_unsigned(uint32_t w)
{
    uint32_t pair;
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(w));
    return pair;
}
INLINE uint32_t even_signed(uint32_t w)
{
    uint32_t pair;
    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(w));
    return pair;
}
INLINE uint32_t odd_signed(uint32_t w)
{
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(w));
    return pair;
}
INLINE int32_t pairs(uint32_t x, uint32_t w, int32_t acc)
{
    int32_t sum;
    __asm__("smlad %0, %1, %2, %3" : "=r"(sum) : "r"(x), "r"(w), "r"(acc));
    return sum;
}
#endif
