/* gemm_per_channel: a neural network in fixed point, printed by dsplet.
 *
 * contract: pow2-half-up/1
 * work: 48 multiply-accumulates
 * memory: 60 bytes of constants, 16 bytes of static RAM
 * source: the case gemm_per_channel
 * No rights are claimed in this text by the authors of dsplet, the helpers in it included.
 */
#ifndef GEMM_PER_CHANNEL_H
#define GEMM_PER_CHANNEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* in_x: x, 12, Q0.7: integers from -128 to 127, real value = integer * 2^-7. */
#define GEMM_PER_CHANNEL_INPUT_SIZE 12
#define GEMM_PER_CHANNEL_INPUT_FRAC 7

/* out_y: y, 4, Q2.5: integers from -128 to 127, real value = integer * 2^-5. */
#define GEMM_PER_CHANNEL_OUTPUT_SIZE 4
#define GEMM_PER_CHANNEL_OUTPUT_FRAC 5

/* One sample in, one out, row by row. It works in static memory: one call at a time. */
void gemm_per_channel_run(const int8_t *in_x, int8_t *out_y);

#ifdef __cplusplus
}
#endif

#endif
