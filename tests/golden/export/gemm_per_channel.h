/* gemm_per_channel: a neural network in fixed point, printed by dsplet.
 *
 * contract: pow2-half-up/1
 * work: 48 multiply-accumulates
 * memory: 60 bytes of constants, 16 bytes of RAM
 * source: the case gemm_per_channel
 * No rights are claimed in this text by the authors of dsplet, the helpers in it included.
 */
#ifndef GEMM_PER_CHANNEL_H
#define GEMM_PER_CHANNEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEMM_PER_CHANNEL_MACS 48
#define GEMM_PER_CHANNEL_CONST_BYTES 60
#define GEMM_PER_CHANNEL_RAM_BYTES 16
#define GEMM_PER_CHANNEL_LAYERS 3

/* in_x: x, 12, Q0.7: integers from -128 to 127, real value = integer * 2^-7. */
#define GEMM_PER_CHANNEL_INPUT_SIZE 12
#define GEMM_PER_CHANNEL_INPUT_FRAC 7
#define GEMM_PER_CHANNEL_INPUT_MIN (-128)
#define GEMM_PER_CHANNEL_INPUT_MAX 127
typedef int8_t gemm_per_channel_input;

/* out_y: y, 4, Q2.5: integers from -128 to 127, real value = integer * 2^-5. */
#define GEMM_PER_CHANNEL_OUTPUT_SIZE 4
#define GEMM_PER_CHANNEL_OUTPUT_FRAC 5
#define GEMM_PER_CHANNEL_OUTPUT_MIN (-128)
#define GEMM_PER_CHANNEL_OUTPUT_MAX 127
typedef int8_t gemm_per_channel_output;

/* The RAM of a run: its caller's, so that runs at one time do not meet. gemm_per_channel_init fills
 * it, and nothing in it need stay from one run to the next. */
typedef struct {
    /* What is never alive at one time lies in one place. */
    union {
        struct { int8_t q[12]; } v_x;
        struct { uint8_t before[12]; int8_t q[4]; } v_y;
    } ram;
} gemm_per_channel_context;

/* Before the first run in a context. */
void gemm_per_channel_init(gemm_per_channel_context *context);

/* One sample in, one out, row by row; the arrays must not overlap. */
void gemm_per_channel_run(gemm_per_channel_context *context, const gemm_per_channel_input *in_x,
        gemm_per_channel_output *out_y);

/* The input that stands for a real number: the nearest, halves up, within its range. */
static inline gemm_per_channel_input gemm_per_channel_quantize(float real)
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
    return (gemm_per_channel_input)q;
}

/* The nearest integer that an input may be: another one would be read as an address too far. */
static inline gemm_per_channel_input gemm_per_channel_saturate(int32_t q)
{
    const int32_t nearest = q < -128 ? -128 : (q > 127 ? 127 : q);
    return (gemm_per_channel_input)nearest;
}

/* The real number that an output stands for. */
static inline float gemm_per_channel_dequantize(gemm_per_channel_output q)
{
    return (float)q * 0.03125f;
}

/* The place of the largest output, the first of equal ones. */
static inline int32_t gemm_per_channel_argmax(const gemm_per_channel_output *out_y)
{
    int32_t best = 0;
    for (int32_t i = 1; i < 4; i++) {
        if (out_y[i] > out_y[best]) {
            best = i;
        }
    }
    return best;
}

#ifdef __cplusplus
}
#endif

#endif
