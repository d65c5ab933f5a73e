/* softmax_many: a neural network in fixed point, printed by dsplet.
 *
 * contract: pow2-half-up/1
 * work: 0 multiply-accumulates
 * memory: 128 bytes of constants, 208 bytes of RAM
 * source: the case softmax_many
 * No rights are claimed in this text by the authors of dsplet, the helpers in it included.
 */
#ifndef SOFTMAX_MANY_H
#define SOFTMAX_MANY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SOFTMAX_MANY_MACS 0
#define SOFTMAX_MANY_CONST_BYTES 128
#define SOFTMAX_MANY_RAM_BYTES 208
#define SOFTMAX_MANY_LAYERS 3

/* in_x: x, 40, UQ4.2: integers from 0 to 63, real value = integer * 2^-2. */
#define SOFTMAX_MANY_INPUT_SIZE 40
#define SOFTMAX_MANY_INPUT_FRAC 2
#define SOFTMAX_MANY_INPUT_MIN 0
#define SOFTMAX_MANY_INPUT_MAX 63
typedef int8_t softmax_many_input;

/* out_y: y, 40, Q0.15: integers from -32768 to 32767, real value = integer * 2^-15. */
#define SOFTMAX_MANY_OUTPUT_SIZE 40
#define SOFTMAX_MANY_OUTPUT_FRAC 15
#define SOFTMAX_MANY_OUTPUT_MIN (-32768)
#define SOFTMAX_MANY_OUTPUT_MAX 32767
typedef int16_t softmax_many_output;

/* The RAM of a run: its caller's, so that runs at one time do not meet. softmax_many_init fills it,
 * and nothing in it need stay from one run to the next. */
typedef struct {
    /* What is never alive at one time lies in one place. */
    union {
        struct { uint8_t before[200]; int32_t q[2]; } k01_softmax_cells;
        struct { int16_t q[40]; } k01_softmax_exp;
        struct { uint8_t before[160]; int8_t q[40]; } v_x;
        struct { uint8_t before[80]; int16_t q[40]; } v_y;
    } ram;
} softmax_many_context;

/* Before the first run in a context. */
void softmax_many_init(softmax_many_context *context);

/* One sample in, one out, row by row; the arrays must not overlap. */
void softmax_many_run(softmax_many_context *context, const softmax_many_input *in_x,
        softmax_many_output *out_y);

/* The input that stands for a real number: the nearest, halves up, within its range. */
static inline softmax_many_input softmax_many_quantize(float real)
{
    const float scaled = real * 4.0f;
    int32_t q = 0;
    if (scaled >= 63.0f) {
        q = 63;
    }
    if ((scaled > 0.0f) && (scaled < 63.0f)) {
        q = (int32_t)scaled;
        const float rest = scaled - (float)q;
        q += rest >= 0.5f ? 1 : (rest < -0.5f ? -1 : 0);
    }
    return (softmax_many_input)q;
}

/* The nearest integer that an input may be: another one would be read as an address too far. */
static inline softmax_many_input softmax_many_saturate(int32_t q)
{
    const int32_t nearest = q < 0 ? 0 : (q > 63 ? 63 : q);
    return (softmax_many_input)nearest;
}

/* The real number that an output stands for. */
static inline float softmax_many_dequantize(softmax_many_output q)
{
    return (float)q * 3.05175781e-05f;
}

/* The place of the largest output, the first of equal ones. */
static inline int32_t softmax_many_argmax(const softmax_many_output *out_y)
{
    int32_t best = 0;
    for (int32_t i = 1; i < 40; i++) {
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
