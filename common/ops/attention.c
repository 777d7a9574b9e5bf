#include "common/ops/attend.h"
#include "common/ops/row.h"

void op_attention(struct run *run, const struct tensor *dst, const struct tensor *q,
                  const struct tensor *k, const struct tensor *v, const struct tensor *at,
                  size_t window) {
    assert(q->rank == 3 && k->rank == 3 && row_match(dst, q));
    size_t rows = q->shape[0], heads = q->shape[1], head_dim = q->shape[2];
    size_t group = heads / k->shape[1], first = (size_t)tensor_i32(at)[0];
    assert(heads % k->shape[1] == 0 && k->shape[2] == head_dim && first + rows <= k->shape[0]);
#pragma omp parallel for collapse(2) if (rows * heads * head_dim * (first + rows) >= ROW_PARALLEL)
    for (size_t t = 0; t < rows; t++) {
        for (size_t h = 0; h < heads; h++) {
            size_t hi = first + t + 1, lo = window && hi > window ? hi - window : 0;
            size_t i = (t * heads + h) * head_dim;
            attend(run, tensor_f32(dst) + i, tensor_f32(q) + i, k, v, lo, hi, h / group * head_dim,
                   head_dim);
        }
    }
}
