/* conv_pad_31: a neural network in fixed point, printed by dsplet.
 *
 * contract: pow2-half-up/1
 * work: 1944 multiply-accumulates
 * memory: 58 bytes of constants, 264 bytes of RAM
 * source: the case conv_pad_31
 * No rights are claimed in this text by the authors of dsplet, the helpers in it included.
 */
#ifndef CONV_PAD_31_H
#define CONV_PAD_31_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CONV_PAD_31_MACS 1944
#define CONV_PAD_31_CONST_BYTES 58
#define CONV_PAD_31_RAM_BYTES 264
#define CONV_PAD_31_LAYERS 3

/* in_x: x, 3x5x6, Q0.7: integers from -128 to 127, real value = integer * 2^-7. */
#define CONV_PAD_31_INPUT_SIZE 90
#define CONV_PAD_31_INPUT_FRAC 7
#define CONV_PAD_31_INPUT_MIN (-128)
#define CONV_PAD_31_INPUT_MAX 127
typedef int8_t conv_pad_31_input;

/* out_y: y, 2x6x6, Q2.5: integers from -128 to 127, real value = integer * 2^-5. */
#define CONV_PAD_31_OUTPUT_SIZE 72
#define CONV_PAD_31_OUTPUT_FRAC 5
#define CONV_PAD_31_OUTPUT_MIN (-128)
#define CONV_PAD_31_OUTPUT_MAX 127
typedef int8_t conv_pad_31_output;

/* The RAM of a run: its caller's, so that runs at one time do not meet. conv_pad_31_init fills it,
 * and from one step to the next it must stay as it is. */
typedef struct {
    /* What is never alive at one time lies in one place. */
    union {
        struct { int8_t q[72]; } v_y;
    } ram;
    int8_t v_p[192];
} conv_pad_31_context;

/* Before the first run in a context. */
void conv_pad_31_init(conv_pad_31_context *context);

/* One sample in, one out, row by row; the arrays must not overlap. */
void conv_pad_31_run(conv_pad_31_context *context, const conv_pad_31_input *in_x, conv_pad_31_output
        *out_y);

/* The input that stands for a real number: the nearest, halves up, within its range. */
static inline conv_pad_31_input conv_pad_31_quantize(float real)
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
    return (conv_pad_31_input)q;
}

/* The nearest integer that an input may be: another one would be read as an address too far. */
static inline conv_pad_31_input conv_pad_31_saturate(int32_t q)
{
    const int32_t nearest = q < -128 ? -128 : (q > 127 ? 127 : q);
    return (conv_pad_31_input)nearest;
}

/* The real number that an output stands for. */
static inline float conv_pad_31_dequantize(conv_pad_31_output q)
{
    return (float)q * 0.03125f;
}

#ifdef __cplusplus
}
#endif

#endif
