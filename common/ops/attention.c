#include "common/ops/attend.h"
#include "common/ops/attention_gpu.h"
#include "common/ops/row.h"

void op_attention(struct run *run, const struct tensor *dst, const struct tensor *q,
                  const struct tensor *k, const struct tensor *v, const struct tensor *at,
                  size_t window) {
    assert(q->rank == 3 && k->rank == 3 && row_match(dst, q));
    assert(q->shape[1] % k->shape[1] == 0 && k->shape[2] == q->shape[2]);
    assert(row_is_weight(k) && v->dtype == k->dtype && tensor_count(v) == tensor_count(k));
    if (run->gpu) {
        struct attention_job j = {
            .dst = dst, .q = q, .k = k, .v = v, .at = at, .window = window, .fresh = NULL};
        attention_gpu(run, &j);
        return;
    }
    struct cpu_attend a = {.q = tensor_f32(q),
                           .k = k->data,
                           .v = v->data,
                           .bf16 = k->dtype == TENSOR_BF16,
                           .heads = q->shape[1],
                           .kv_heads = k->shape[1],
                           .head_dim = q->shape[2],
                           .at = (size_t)tensor_i32(at)[0],
                           .window = window};
    assert(a.at + q->shape[0] <= k->shape[0]);
    attend_run(run, tensor_f32(dst), &a, q->shape[0]);
}
