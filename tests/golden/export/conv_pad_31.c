/* conv_pad_31.c: the definitions behind conv_pad_31.h, printed by dsplet. */
/* No rights are claimed in this text by the authors of dsplet, the helpers in it included. */
#include "conv_pad_31.h"

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

static const int8_t k01_conv_weight[54] = {
    43, -45, 117, -2, 13, 62, -73, -56, -14, -60, -77, -43, 80, -50, -33, 119, 83, -34, 83, 79, 40,
    -81, 62, -20, 12, -14, -50, -100, 35, 31, 34, 114, -1, -67, 123, 78, 41, -126, 112, 105, 0,
    -108, 34, 56, 51, -4, 65, 113, 5, -40, 83, 105, -113, 59,
};

static const int16_t k01_conv_bias[2] = {
    -659, -476,
};

static int8_t v_p[192] = {
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
};

static int8_t v_y[72];

/* Input 'x' */
static void k00_input(const int8_t *in_x)
{
    int32_t d;
    for (int32_t i0 = 0; i0 < 3; i0++) {
        for (int32_t i1 = 0; i1 < 5; i1++) {
            for (int32_t i2 = 0; i2 < 6; i2++) {
                d = in_x[30 * i0 + 6 * i1 + i2];
                v_p[64 * i0 + 8 * i1 + i2 + 10] = (int8_t)d;
            }
        }
    }
}

/* Conv 'c', 1944 MACs */
static void k01_conv(void)
{
    int32_t acc;
    for (int32_t i1 = 0; i1 < 2; i1++) {
        for (int32_t i2 = 0; i2 < 6; i2++) {
            for (int32_t i3 = 0; i3 < 6; i3++) {
                acc = k01_conv_bias[i1];
                for (int32_t i4 = 0; i4 < 3; i4++) {
                    for (int32_t i5 = 0; i5 < 3; i5++) {
                        for (int32_t i6 = 0; i6 < 3; i6++) {
                            acc += (int32_t)v_p[8 * i2 + i3 + 64 * i4 + 8 * i5 + i6] * k01_conv_weight[27 * i1 + 9 * i4 + 3 * i5 + i6];
                        }
                    }
                }
                acc = requantize(acc, 9, -128, 127);
                v_y[36 * i1 + 6 * i2 + i3] = (int8_t)acc;
            }
        }
    }
}

/* Output 'y' */
static void k02_output(int8_t *out_y)
{
    int32_t d;
    for (int32_t i2 = 0; i2 < 72; i2++) {
        d = v_y[i2];
        out_y[i2] = (int8_t)d;
    }
}

void conv_pad_31_run(const int8_t *in_x, int8_t *out_y)
{
    k00_input(in_x);
    k01_conv();
    k02_output(out_y);
}
