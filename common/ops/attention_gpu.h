/* attention_gpu: the kernels behind op_attention and op_self_attention. Private to this room. */
#ifndef OPS_ATTENTION_GPU_H
#define OPS_ATTENTION_GPU_H

#include "common/ops/ops.h"

struct attention_job {
    const struct tensor *dst, *q, *k, *v, *at; /* as op_attention() has them */
    size_t window;
    /* Not NULL: q and the newest row of k and v are still to be made. Only where
     * attention_takes_fresh(). */
    const struct op_self_attention *fresh;
};

/* With its output projection, in one kernel; false, and nothing is done, if that is not for this.
 */
bool attention_out_gpu(struct run *run, const struct op_self_attention *s);
void attention_gpu(struct run *run, const struct attention_job *j);
bool attention_takes_fresh(const struct op_self_attention *s);

#endif
