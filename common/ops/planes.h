/* planes: quantised matrices as a GPU has them, see shaders/quant.h. */
#ifndef OPS_PLANES_H
#define OPS_PLANES_H

#include "common/gpu/gpu.h"
#include "common/wire/tensor.h"
#include "shaders/quant.h"

/* What kernels are told of matrices of this type: WEIGHTS_F32, .. */
uint32_t planes_weights(enum tensor_dtype dtype);

/* The planes of a tensor; none if it lies as it does in files. */
struct gpu_planes planes_of(const struct tensor *t);

/* All of a quantised matrix in host memory: tensor_bytes() of them. */
void planes_make(void *dst, const struct tensor *matrix);

#endif
