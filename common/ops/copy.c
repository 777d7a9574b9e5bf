#include "shaders/copy.h"
#include "common/ops/dequantise.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "common/weights/quant.h"
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

/* A block at a time. */
static void copy_quantised(const struct tensor *dst, const struct tensor *src) {
    enum { MOST = 256 };
    float numbers[MOST];
    size_t block = tensor_dtype_block(src->dtype), size = tensor_dtype_size(src->dtype);
    assert(block <= MOST);
    for (size_t i = 0; i < tensor_count(src); i += block) {
        quant_widen(numbers, (const char *)src->data + i / block * size, src->dtype, block);
        for (size_t k = 0; k < block; k++)
            ((uint16_t *)dst->data)[i + k] = bf16_from_f32(numbers[k]);
    }
}

void op_copy(struct run *run, const struct tensor *dst, const struct tensor *src) {
    size_t n = tensor_count(dst);
    bool quantised = tensor_is_quantised(src->dtype);
    assert(n == tensor_count(src) && row_is_weight(dst));
    assert(quantised ? dst->dtype == TENSOR_BF16 : row_is_weight(src));
    if (quantised) {
        if (run->gpu)
            dequantise(run, dst, src, 0, NULL, 0);
        else
            copy_quantised(dst, src);
        return;
    }
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
