/* softmax_many: a neural network in fixed point, printed by dsplet.
 *
 * contract: pow2-half-up/1
 * work: 0 multiply-accumulates
 * memory: 128 bytes of constants, 208 bytes of static RAM
 * source: the case softmax_many
 * No rights are claimed in this text by the authors of dsplet, the helpers in it included.
 */
#ifndef SOFTMAX_MANY_H
#define SOFTMAX_MANY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* in_x: x, 40, UQ4.2: integers from 0 to 63, real value = integer * 2^-2. */
#define SOFTMAX_MANY_INPUT_SIZE 40
#define SOFTMAX_MANY_INPUT_FRAC 2

/* out_y: y, 40, Q0.15: integers from -32768 to 32767, real value = integer * 2^-15. */
#define SOFTMAX_MANY_OUTPUT_SIZE 40
#define SOFTMAX_MANY_OUTPUT_FRAC 15

/* One sample in, one out, row by row. It works in static memory: one call at a time. */
void softmax_many_run(const int8_t *in_x, int16_t *out_y);

#ifdef __cplusplus
}
#endif

#endif
