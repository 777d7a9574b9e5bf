#include "shaders/copy.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

#include <string.h>

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *src) {
    size_t n = tensor_count(dst);
    struct copy_args a = {.dst = run_address(dst), .src = run_address(src), .n = (uint32_t)n};
    run_dispatch(run, &(struct run_kernel){
                          .program = &shader_copy,
                          .constants = {dst->dtype == TENSOR_BF16, src->dtype == TENSOR_BF16},
                          .args = &a,
                          .args_size = sizeof a,
                          .groups = {run_groups(n, 256)},
                          .reads = {src},
                          .writes = {dst}});
}

void op_copy(struct run *run, const struct tensor *dst, const struct tensor *src) {
    size_t n = tensor_count(dst);
    assert(row_is_weight(src) && row_is_weight(dst) && n == tensor_count(src));
    assert(dst->dtype == src->dtype || src->dtype == TENSOR_F32);
    if (run->gpu) {
        dispatch(run, dst, src);
        return;
    }
    if (dst->dtype == src->dtype) {
        memcpy(dst->data, src->data, tensor_bytes(dst));
        return;
    }
    const float *from = tensor_f32(src);
    uint16_t *to = dst->data;
    for (size_t i = 0; i < n; i++)
        to[i] = bf16_from_f32(from[i]);
}
