/* two_in_two_out: a neural network in fixed point, printed by dsplet.
 *
 * contract: pow2-half-up/1
 * work: 0 multiply-accumulates
 * memory: 0 bytes of constants, 15 bytes of static RAM
 * source: the case two_in_two_out
 * No rights are claimed in this text by the authors of dsplet, the helpers in it included.
 */
#ifndef TWO_IN_TWO_OUT_H
#define TWO_IN_TWO_OUT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* in_left_in: left.in, 3, Q0.7: integers from -128 to 127, real value = integer * 2^-7. */
#define TWO_IN_TWO_OUT_INPUT0_SIZE 3
#define TWO_IN_TWO_OUT_INPUT0_FRAC 7

/* in_left_in_: left_in, 3, Q2.5: integers from -128 to 127, real value = integer * 2^-5. */
#define TWO_IN_TWO_OUT_INPUT1_SIZE 3
#define TWO_IN_TWO_OUT_INPUT1_FRAC 5

/* out_sum: sum, 3, Q3.4: integers from -128 to 127, real value = integer * 2^-4. */
#define TWO_IN_TWO_OUT_OUTPUT0_SIZE 3
#define TWO_IN_TWO_OUT_OUTPUT0_FRAC 4

/* out_difference: difference, 3, Q8.7: integers from -32768 to 32767, real value = integer * 2^-7. */
#define TWO_IN_TWO_OUT_OUTPUT1_SIZE 3
#define TWO_IN_TWO_OUT_OUTPUT1_FRAC 7

/* One sample in, one out, row by row. It works in static memory: one call at a time. */
void two_in_two_out_run(const int8_t *in_left_in, const int8_t *in_left_in_, int8_t *out_sum, int16_t *out_difference);

#ifdef __cplusplus
}
#endif

#endif
