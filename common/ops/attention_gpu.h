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

/* How a workgroup of attention_out_lanes is made up. */
struct attention_lanes {
    size_t lanes; /* of a team, see there; 0: it is not for this */
    size_t queries, keys, threads;
    size_t tiles; /* workgroups of each kv head; each counts by itself */
};

/* For a cache of so many rows, and an output projection with so many outs; addresses aside. */
struct attention_lanes attention_lanes(const struct run *run, size_t heads, size_t kv_heads,
                                       size_t head_dim, size_t capacity, size_t outs);
/* With its output projection, in one kernel; false, and nothing is done, if it is not for this. */
bool attention_out_gpu(struct run *run, const struct op_self_attention *s);
void attention_gpu(struct run *run, const struct attention_job *j);
bool attention_takes_fresh(const struct op_self_attention *s);

#endif
