/* A fixed piece of work, to measure a machine by that is shared with others: chained whole numbers,
   and doubles from and to an array that the nearest cache holds. Nothing in it may change: ratios
   to it are compared over years. */
#include <stdint.h>

__attribute__((visibility("default"))) double calibrate(double steps) {
    static double number[1024];
    static uint32_t word[1024];
    uint32_t state = 1;
    double sums[2] = {0, 0};
    for (int64_t k = (int64_t)steps; k > 0; k--) {
        uint32_t at = (state = state * 1664525u + 1013904223u) >> 22, next = (at + 1) & 1023;
        word[at] += state ^ word[next] >> 3;
        number[next] = (double)(int32_t)word[at] * 0x1p-31;
        sums[k & 1] += number[at] * number[(at + 7) & 1023];
    }
    return sums[0] + sums[1];
}
