/* moe: op_moe_add on a GPU. Private to this room. */
#ifndef OPS_MOE_H
#define OPS_MOE_H

#include "common/ops/ops.h"

void moe_dispatch(struct run *run, const struct tensor *dst, const struct tensor *x,
                  const struct tensor *experts, const struct tensor *weights,
                  const struct op_experts *w);

#endif
