/* planes: quantised matrices as a GPU has them, see shaders/quant.h. */
#ifndef OPS_PLANES_H
#define OPS_PLANES_H

#include "common/wire/tensor.h"
#include "shaders/quant.h"

/* What kernels are told of matrices of this type: WEIGHTS_F32, .. */
uint32_t planes_weights(enum tensor_dtype dtype);

/* Planes of this type; 1: the blocks lie as they are in files. */
enum { PLANES_MOST = 4 };
size_t planes_count(enum tensor_dtype dtype);

/* Where part `plane` of block `first` of n_blocks is, from the matrix's first byte on, and how many
 * bytes of it each block has. */
size_t planes_offset(enum tensor_dtype dtype, size_t plane, size_t n_blocks, size_t first);
size_t planes_size(enum tensor_dtype dtype, size_t plane);

/* The parts of that plane of n blocks, one behind the other. */
void planes_take(void *dst, const void *blocks, enum tensor_dtype dtype, size_t plane, size_t n);

/* All of a matrix: tensor_bytes() of them. */
void planes_make(void *dst, const struct tensor *matrix);

#endif
