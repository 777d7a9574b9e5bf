#include "shaders/add_scaled.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *x,
                     const struct tensor *scale) {
    size_t n = tensor_count(dst);
    struct add_scaled_args a = {.dst = run_address(dst),
                                .x = run_address(x),
                                .scale = run_address(scale),
                                .n = (uint32_t)n,
                                .width = (uint32_t)tensor_count(scale)};
    run_dispatch(run, &(struct run_kernel){.program = &shader_add_scaled,
                                           .constants = {scale->dtype == TENSOR_BF16},
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(n, 256)},
                                           .reads = {dst, x, scale},
                                           .writes = {dst}});
}

void op_add_scaled(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *scale) {
    size_t width = tensor_count(scale), n_rows = tensor_count(dst) / width;
    assert(row_match(dst, x) && row_is_weight(scale) && n_rows * width == tensor_count(dst));
    if (run->gpu) {
        dispatch(run, dst, x, scale);
        return;
    }
#pragma omp parallel for if (row_pays(run, n_rows * width / ROW_NUMBERS))
    for (size_t t = 0; t < n_rows; t++) {
        float *y = tensor_f32(dst) + t * width;
        const float *a = tensor_f32(x) + t * width;
        for (size_t d = 0; d < width; d++)
            y[d] += row_weight(scale, d) * a[d];
    }
}
