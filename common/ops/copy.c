#include "shaders/copy.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

#include <string.h>

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *src) {
    size_t n = tensor_count(dst);
    struct copy_args a = {.dst = run_address(dst), .src = run_address(src), .n = (uint32_t)n};
    bool eights = dst->dtype == TENSOR_BF16 && src->dtype == TENSOR_F32 && n % 8 == 0 &&
                  (a.dst | a.src) % 16 == 0;
    run_dispatch(run, &(struct run_kernel){.program = &shader_copy,
                                           .constants = {dst->dtype == TENSOR_BF16,
                                                         src->dtype == TENSOR_BF16, eights},
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(eights ? n / 8 : n, 256)},
                                           .reads = {src},
                                           .writes = {dst}});
}

void op_copy(struct run *run, const struct tensor *dst, const struct tensor *src) {
    size_t n = tensor_count(dst);
    assert(row_is_weight(src) && row_is_weight(dst) && n == tensor_count(src));
    if (run->gpu) {
        dispatch(run, dst, src);
        return;
    }
    if (dst->dtype == src->dtype) {
        memcpy(dst->data, src->data, tensor_bytes(dst));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (dst->dtype == TENSOR_F32)
            tensor_f32(dst)[i] = row_weight(src, i);
        else
            ((uint16_t *)dst->data)[i] = bf16_from_f32(tensor_f32(src)[i]);
    }
}
