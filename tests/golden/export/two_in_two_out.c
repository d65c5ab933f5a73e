/* two_in_two_out.c: the definitions behind two_in_two_out.h, printed by dsplet. */
/* No rights are claimed in this text by the authors of dsplet, the helpers in it included. */
#include "two_in_two_out.h"

/* Exact-width integers are two's complement (C99 7.18.1.1), so ~x is -x - 1 and the shifts below
 * only ever see values that are not negative: no result depends on the compiler. */

/* acc * 2^-shift, rounded half up, then limited to [low, high]; shift in -31..31.
 * The overflow proof keeps acc + 2^(shift-1) below 2^31; a left shift is exact in 64 bits. */
static inline int32_t requantize(int32_t acc, int shift, int32_t low, int32_t high)
{
    if (shift < 0) {
        const int64_t wide = (int64_t)acc * ((int64_t)1 << -shift);
        return wide < low ? low : wide > high ? high : (int32_t)wide;
    }
    if (shift > 0) {
        acc += (int32_t)1 << (shift - 1);
        acc = acc < 0 ? ~(~acc >> shift) : acc >> shift;
    }
    return acc < low ? low : acc > high ? high : acc;
}

static int8_t v_left_in[3];

static int8_t v_left_in_[3];

static int8_t v_sum[3];

static int16_t v_difference[3];

/* Input 'left.in' */
static void k00_input(const int8_t *in_left_in)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        d = in_left_in[i0];
        v_left_in[i0] = (int8_t)d;
    }
}

/* Input 'left_in' */
static void k01_input(const int8_t *in_left_in_)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        d = in_left_in_[i0];
        v_left_in_[i0] = (int8_t)d;
    }
}

/* Add 's' */
static void k02_add(void)
{
    int32_t acc;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        acc = v_left_in[i0];
        acc += (int32_t)v_left_in_[i0] * 4;
        acc = requantize(acc, 3, -128, 127);
        v_sum[i0] = (int8_t)acc;
    }
}

/* Sub 'd' */
static void k03_sub(void)
{
    int32_t acc;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        acc = v_left_in[i0];
        acc -= (int32_t)v_left_in_[i0] * 4;
        acc = requantize(acc, 0, -32768, 32767);
        v_difference[i0] = (int16_t)acc;
    }
}

/* Output 'sum' */
static void k04_output(int8_t *out_sum)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        d = v_sum[i0];
        out_sum[i0] = (int8_t)d;
    }
}

/* Output 'difference' */
static void k05_output(int16_t *out_difference)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        d = v_difference[i0];
        out_difference[i0] = (int16_t)d;
    }
}

void two_in_two_out_run(const int8_t *in_left_in, const int8_t *in_left_in_, int8_t *out_sum, int16_t *out_difference)
{
    k00_input(in_left_in);
    k01_input(in_left_in_);
    k02_add();
    k03_sub();
    k04_output(out_sum);
    k05_output(out_difference);
}
