/* two_in_two_out: a neural network in fixed point, printed by dsplet.
 *
 * contract: pow2-half-up/1
 * work: 0 multiply-accumulates
 * memory: 0 bytes of constants, 16 bytes of RAM
 * source: the case two_in_two_out
 * No rights are claimed in this text by the authors of dsplet, the helpers in it included.
 */
#ifndef TWO_IN_TWO_OUT_H
#define TWO_IN_TWO_OUT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TWO_IN_TWO_OUT_MACS 0
#define TWO_IN_TWO_OUT_CONST_BYTES 0
#define TWO_IN_TWO_OUT_RAM_BYTES 16
#define TWO_IN_TWO_OUT_LAYERS 6

/* in_left_in: left.in, 3, Q0.7: integers from -128 to 127, real value = integer * 2^-7. */
#define TWO_IN_TWO_OUT_INPUT0_SIZE 3
#define TWO_IN_TWO_OUT_INPUT0_FRAC 7
#define TWO_IN_TWO_OUT_INPUT0_MIN (-128)
#define TWO_IN_TWO_OUT_INPUT0_MAX 127
typedef int8_t two_in_two_out_input0;

/* in_left_in_: left_in, 3, Q2.5: integers from -128 to 127, real value = integer * 2^-5. */
#define TWO_IN_TWO_OUT_INPUT1_SIZE 3
#define TWO_IN_TWO_OUT_INPUT1_FRAC 5
#define TWO_IN_TWO_OUT_INPUT1_MIN (-128)
#define TWO_IN_TWO_OUT_INPUT1_MAX 127
typedef int8_t two_in_two_out_input1;

/* out_sum: sum, 3, Q3.4: integers from -128 to 127, real value = integer * 2^-4. */
#define TWO_IN_TWO_OUT_OUTPUT0_SIZE 3
#define TWO_IN_TWO_OUT_OUTPUT0_FRAC 4
#define TWO_IN_TWO_OUT_OUTPUT0_MIN (-128)
#define TWO_IN_TWO_OUT_OUTPUT0_MAX 127
typedef int8_t two_in_two_out_output0;

/* out_difference: difference, 3, Q8.7: integers from -32768 to 32767, real value = integer * 2^-7.
        */
#define TWO_IN_TWO_OUT_OUTPUT1_SIZE 3
#define TWO_IN_TWO_OUT_OUTPUT1_FRAC 7
#define TWO_IN_TWO_OUT_OUTPUT1_MIN (-32768)
#define TWO_IN_TWO_OUT_OUTPUT1_MAX 32767
typedef int16_t two_in_two_out_output1;

/* The RAM of a run: its caller's, so that runs at one time do not meet. two_in_two_out_init fills
 * it, and nothing in it need stay from one run to the next. */
typedef struct {
    /* What is never alive at one time lies in one place. */
    union {
        struct { int16_t q[3]; } v_difference;
        struct { uint8_t before[6]; int8_t q[3]; } v_left_in;
        struct { uint8_t before[9]; int8_t q[3]; } v_left_in_;
        struct { uint8_t before[12]; int8_t q[3]; } v_sum;
    } ram;
} two_in_two_out_context;

/* Before the first run in a context. */
void two_in_two_out_init(two_in_two_out_context *context);

/* One sample in, one out, row by row; the arrays must not overlap. */
void two_in_two_out_run(two_in_two_out_context *context, const two_in_two_out_input0 *in_left_in,
        const two_in_two_out_input1 *in_left_in_, two_in_two_out_output0 *out_sum,
        two_in_two_out_output1 *out_difference);

/* The input0 that stands for a real number: the nearest, halves up, within its range. */
static inline two_in_two_out_input0 two_in_two_out_quantize0(float real)
{
    const float scaled = real * 128.0f;
    int32_t q = -128;
    if (scaled >= 127.0f) {
        q = 127;
    }
    if ((scaled > -128.0f) && (scaled < 127.0f)) {
        q = (int32_t)scaled;
        const float rest = scaled - (float)q;
        q += rest >= 0.5f ? 1 : (rest < -0.5f ? -1 : 0);
    }
    return (two_in_two_out_input0)q;
}

/* The nearest integer that an input0 may be: another one would be read as an address too far. */
static inline two_in_two_out_input0 two_in_two_out_saturate0(int32_t q)
{
    const int32_t nearest = q < -128 ? -128 : (q > 127 ? 127 : q);
    return (two_in_two_out_input0)nearest;
}

/* The input1 that stands for a real number: the nearest, halves up, within its range. */
static inline two_in_two_out_input1 two_in_two_out_quantize1(float real)
{
    const float scaled = real * 32.0f;
    int32_t q = -128;
    if (scaled >= 127.0f) {
        q = 127;
    }
    if ((scaled > -128.0f) && (scaled < 127.0f)) {
        q = (int32_t)scaled;
        const float rest = scaled - (float)q;
        q += rest >= 0.5f ? 1 : (rest < -0.5f ? -1 : 0);
    }
    return (two_in_two_out_input1)q;
}

/* The nearest integer that an input1 may be: another one would be read as an address too far. */
static inline two_in_two_out_input1 two_in_two_out_saturate1(int32_t q)
{
    const int32_t nearest = q < -128 ? -128 : (q > 127 ? 127 : q);
    return (two_in_two_out_input1)nearest;
}

/* The real number that an output0 stands for. */
static inline float two_in_two_out_dequantize0(two_in_two_out_output0 q)
{
    return (float)q * 0.0625f;
}

/* The place of the largest output0, the first of equal ones. */
static inline int32_t two_in_two_out_argmax0(const two_in_two_out_output0 *out_sum)
{
    int32_t best = 0;
    for (int32_t i = 1; i < 3; i++) {
        if (out_sum[i] > out_sum[best]) {
            best = i;
        }
    }
    return best;
}

/* The real number that an output1 stands for. */
static inline float two_in_two_out_dequantize1(two_in_two_out_output1 q)
{
    return (float)q * 0.0078125f;
}

/* The place of the largest output1, the first of equal ones. */
static inline int32_t two_in_two_out_argmax1(const two_in_two_out_output1 *out_difference)
{
    int32_t best = 0;
    for (int32_t i = 1; i < 3; i++) {
        if (out_difference[i] > out_difference[best]) {
            best = i;
        }
    }
    return best;
}

#ifdef __cplusplus
}
#endif

#endif
