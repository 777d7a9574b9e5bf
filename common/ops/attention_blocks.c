#include "common/ops/attend.h"
#include "common/ops/row.h"

void op_attention_blocks(struct run *run, const struct tensor *dst, const struct tensor *q,
                         const struct tensor *k, const struct tensor *v, size_t group) {
    assert(q->rank == 3 && row_match(dst, q) && row_match(q, k) && row_match(q, v));
    size_t rows = q->shape[0], heads = q->shape[1], head_dim = q->shape[2];
#pragma omp parallel for collapse(2) if (rows * heads * head_dim * group >= ROW_PARALLEL)
    for (size_t t = 0; t < rows; t++) {
        for (size_t h = 0; h < heads; h++) {
            size_t lo = t / group * group, hi = lo + group < rows ? lo + group : rows;
            size_t i = (t * heads + h) * head_dim;
            attend(run, tensor_f32(dst) + i, tensor_f32(q) + i, k, v, lo, hi, h * head_dim,
                   head_dim);
        }
    }
}
