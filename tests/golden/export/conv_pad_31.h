/* conv_pad_31: a neural network in fixed point, printed by dsplet.
 *
 * contract: pow2-half-up/1
 * work: 1944 multiply-accumulates
 * memory: 58 bytes of constants, 264 bytes of static RAM
 * source: the case conv_pad_31
 * No rights are claimed in this text by the authors of dsplet, the helpers in it included.
 */
#ifndef CONV_PAD_31_H
#define CONV_PAD_31_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* in_x: x, 3x5x6, Q0.7: integers from -128 to 127, real value = integer * 2^-7. */
#define CONV_PAD_31_INPUT_SIZE 90
#define CONV_PAD_31_INPUT_FRAC 7

/* out_y: y, 2x6x6, Q2.5: integers from -128 to 127, real value = integer * 2^-5. */
#define CONV_PAD_31_OUTPUT_SIZE 72
#define CONV_PAD_31_OUTPUT_FRAC 5

/* One sample in, one out, row by row. It works in static memory: one call at a time. */
void conv_pad_31_run(const int8_t *in_x, int8_t *out_y);

#ifdef __cplusplus
}
#endif

#endif
