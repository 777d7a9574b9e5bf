/* rope_table: the frequencies that op_rope_table() turns positions by. */
#ifndef OPS_ROPE_TABLE_H
#define OPS_ROPE_TABLE_H

#include <stddef.h>

/* frequency[i] = theta^(-2i/head_dim), i < head_dim / 2. Every step is rounded to f32 as in the
 * reference: at position 5000 one unit in the last place of a frequency turns the angle by up to
 * 3e-4, which would be the largest error of the whole model. */
void rope_frequencies(float *frequency, double theta, size_t head_dim);

#endif
