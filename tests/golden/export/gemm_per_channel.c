/* gemm_per_channel.c: the definitions behind gemm_per_channel.h, printed by dsplet. */
/* No rights are claimed in this text by the authors of dsplet, the helpers in it included. */
#include "gemm_per_channel.h"

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

static const int8_t k01_gemm_weight[48] = {
    43, -45, 117, -2, 13, 62, -73, -56, -14, -60, -77, -43, 80, -50, -33, 119, 83, -34, 83, 79, 40,
    -81, 62, -20, 12, -14, -50, -100, 35, 31, 34, 114, -1, -67, 123, 78, 41, -126, 112, 105, 0,
    -108, 34, 56, 51, -4, 65, 113,
};

static const int16_t k01_gemm_bias[4] = {
    652, 787, 490, -30,
};

static const int8_t k01_gemm_shift[4] = {
    5, 7, 9, 11,
};

static int8_t v_x[12];

static int8_t v_y[4];

/* Input 'x' */
static void k00_input(const int8_t *in_x)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 12; i0++) {
        d = in_x[i0];
        v_x[i0] = (int8_t)d;
    }
}

/* Gemm 'g', 48 MACs */
static void k01_gemm(void)
{
    int32_t acc;
    for (int32_t i0 = 0; i0 < 4; i0++) {
        acc = k01_gemm_bias[i0];
        for (int32_t i1 = 0; i1 < 12; i1++) {
            acc += (int32_t)v_x[i1] * k01_gemm_weight[12 * i0 + i1];
        }
        acc = requantize(acc, k01_gemm_shift[i0], -128, 127);
        v_y[i0] = (int8_t)acc;
    }
}

/* Output 'y' */
static void k02_output(int8_t *out_y)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 4; i0++) {
        d = v_y[i0];
        out_y[i0] = (int8_t)d;
    }
}

void gemm_per_channel_run(const int8_t *in_x, int8_t *out_y)
{
    k00_input(in_x);
    k01_gemm();
    k02_output(out_y);
}
