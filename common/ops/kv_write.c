#include "shaders/kv_write.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

#include <string.h>

static void dispatch(struct run *run, const struct tensor *cache, const struct tensor *x,
                     const struct tensor *at) {
    size_t n = tensor_count(x);
    struct kv_write_args a = {.cache = run_address(cache),
                              .x = run_address(x),
                              .at = run_address(at),
                              .n = (uint32_t)n,
                              .width = (uint32_t)tensor_row(cache),
                              .capacity = (uint32_t)cache->shape[0]};
    run_dispatch(run, &(struct run_kernel){.program = &shader_kv_write,
                                           .constants = {cache->dtype == TENSOR_BF16},
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(n, 256)},
                                           .reads = {x, at},
                                           .writes = {cache}});
}

void op_kv_write(struct run *run, const struct tensor *cache, const struct tensor *x,
                 const struct tensor *at) {
    size_t width = tensor_row(cache), rows = tensor_count(x) / width;
    assert(row_is_weight(cache) && rows <= cache->shape[0]);
    if (run->gpu) {
        dispatch(run, cache, x, at);
        return;
    }
    size_t first = (size_t)tensor_i32(at)[0];
    assert(first + rows <= cache->shape[0]);
    if (cache->dtype == TENSOR_F32) {
        memcpy(tensor_f32(cache) + first * width, x->data, rows * width * sizeof(float));
        return;
    }
    uint16_t *dst = (uint16_t *)cache->data + first * width;
    for (size_t i = 0; i < rows * width; i++)
        dst[i] = bf16_from_f32(tensor_f32(x)[i]);
}
