/* sample_gpu: the kernels behind op_sample and op_sample_embed. Private to this room. */
#ifndef OPS_SAMPLE_GPU_H
#define OPS_SAMPLE_GPU_H

#include "common/ops/ops.h"

/* One draw, as op_sample_embed() has it; dst and table may be NULL. */
struct sample_job {
    const struct tensor *token, *logits, *sampler, *seen, *dst, *table;
    uint32_t codebook;
};

void sample_gpu(struct run *run, const struct sample_job *j);

#endif
