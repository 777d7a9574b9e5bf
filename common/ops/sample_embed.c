#include "common/ops/row.h"
#include "common/ops/sample_gpu.h"

void op_sample_embed(struct run *run, const struct tensor *token, const struct tensor *logits,
                     const struct tensor *sampler, const struct tensor *seen, uint32_t codebook,
                     const struct tensor *dst, const struct tensor *table) {
    assert(row_is_matrix(table) && table->shape[0] >= tensor_count(logits));
    assert(dst->dtype == TENSOR_F32 && tensor_count(dst) == tensor_row(table));
    if (run->gpu) {
        struct sample_job j = {.token = token,
                               .logits = logits,
                               .sampler = sampler,
                               .seen = seen,
                               .dst = dst,
                               .table = table,
                               .codebook = codebook};
        sample_gpu(run, &j);
        return;
    }
    op_sample(run, token, logits, sampler, seen, codebook);
    op_embed(run, dst, table, token);
}
