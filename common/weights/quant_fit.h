/* Blocks of 256 weights with scales of their own: the search for the least squared error. */
#ifndef WEIGHTS_QUANT_FIT_H
#define WEIGHTS_QUANT_FIT_H

#include "common/weights/quant_blocks.h"

/* b stands for the 256 numbers at x as nearly as we can find. */
void quant_fit_q4_k(struct quant_q4_k *b, const float *x);
void quant_fit_q5_k(struct quant_q5_k *b, const float *x);
void quant_fit_q6_k(struct quant_q6_k *b, const float *x);

#endif
