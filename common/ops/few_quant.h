/* few_quant: how kernels for few rows and quantised weights are cut (shaders/lib/few_quant.glsl).
 * Private to this room. */
#ifndef OPS_FEW_QUANT_H
#define OPS_FEW_QUANT_H

#include "common/ops/ops.h"

/* Constants 0 .. 4 of all these kernels. */
struct few_quant {
    uint32_t weights;  /* shaders/quant.h */
    uint32_t matrices; /* rows of weights that a team works on at once */
    uint32_t rows;     /* of x that share a read of the weights; at most 4 */
    uint32_t batch;    /* units of each row of weights that a thread has under way */
    uint32_t room;     /* numbers of a row of x in shared memory at once */
};

/* For `rows` rows of `width` numbers. spare: bytes of shared memory that the kernel has beside. */
struct few_quant few_quant(const struct run *run, enum tensor_dtype dtype, size_t width,
                           size_t rows, uint32_t matrices, size_t spare);

/* Rows of weights that go together, where a kernel has so many outs. */
uint32_t few_quant_matrices(size_t outs);

/* Workgroups for so many tasks: each puts x into shared memory, which is worth several tasks. */
size_t few_quant_groups(size_t tasks);

/* True if kernels can read it: where all begins at a multiple of 16 bytes; ored: all addresses. */
bool few_quant_aligned(uint64_t ored);

#endif
