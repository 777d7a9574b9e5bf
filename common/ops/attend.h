/* attend: who computes what in attention; behind op_attention and op_attention_blocks. Private to
 * this room. */
#ifndef OPS_ATTEND_H
#define OPS_ATTEND_H

#include "common/ops/cpu/kernels.h"

/* dst [rows, heads, head_dim]. */
void attend_run(struct run *run, float *dst, const struct cpu_attend *a, size_t rows);

#endif
