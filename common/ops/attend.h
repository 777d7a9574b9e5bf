/* attend: one query row over a range of keys. Private to this room. */
#ifndef OPS_ATTEND_H
#define OPS_ATTEND_H

#include "common/ops/ops.h"

/* dst [head_dim] = softmax(q . k[s] head_dim^-0.5) v[s] over keys lo <= s < hi. The numbers of the
 * kv head start at `offset` in each row of k and v. */
void attend(const struct run *run, float *dst, const float *q, const struct tensor *k,
            const struct tensor *v, size_t lo, size_t hi, size_t offset, size_t head_dim);

#endif
