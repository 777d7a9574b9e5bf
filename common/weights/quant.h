/* quant: rows of weights in every type they are stored in, to f32 and back. */
#ifndef WEIGHTS_QUANT_H
#define WEIGHTS_QUANT_H

#include "common/wire/tensor.h"

/* Whether weights are kept in this type: f32, bf16, f16 and the quantised ones. */
bool quant_known(enum tensor_dtype dtype);

/* The n numbers at src as f32, exactly as ggml has them. n is whole blocks. */
void quant_widen(float *dst, const void *src, enum tensor_dtype dtype, size_t n);

/* n numbers as they are stored in this type, whole blocks, src without NaN or infinity. q8_0 and
 * q4_0 are the bits that ggml makes; q4_K, q5_K, q6_K are searched for the least squared error. */
void quant_narrow(void *dst, const float *src, enum tensor_dtype dtype, size_t n);

#endif
