/* few_quant: how kernels for few rows and quantised weights are cut (shaders/lib/few_quant.glsl).
 * Private to this room. */
#ifndef OPS_FEW_QUANT_H
#define OPS_FEW_QUANT_H

#include "common/ops/ops.h"

enum { FEW_QUANT_SHARE = 4 };

/* What a kernel does, and how it may be cut. */
struct few_quant {
    const struct gpu_program *program;
    enum tensor_dtype dtype; /* of the weights */
    size_t width;            /* of their rows */
    size_t tasks;            /* what a team of threads works on at once */
    uint32_t matrices;       /* rows of weights that a task has */
    size_t rows, share;      /* of x; so many share a read of the weights: 1 or FEW_QUANT_SHARE */
    size_t spare;            /* bytes of shared memory that the kernel has beside */
};

/* Sets the program, its constants 0 .. 4 and 8 .. 10, and its workgroups, [some of the tasks, some
 * rows]. */
void few_quant(const struct run *run, struct run_kernel *k, const struct few_quant *f);

/* Rows of weights of a task where each is an output, of so many. */
uint32_t few_quant_matrices(enum tensor_dtype dtype, size_t outs);

/* True if kernels can read it: where all begins at a multiple of 16 bytes; ored: all addresses. */
bool few_quant_aligned(uint64_t ored);

#endif
