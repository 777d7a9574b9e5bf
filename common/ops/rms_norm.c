#include "shaders/rms_norm.h"
#include "common/ops/cpu/kernels.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *x,
                     const struct tensor *w, size_t rows, float eps) {
    struct rms_norm_args a = {.dst = run_address(dst),
                              .x = run_address(x),
                              .w = run_address(w),
                              .rows = (uint32_t)rows,
                              .width = (uint32_t)tensor_count(w),
                              .eps = eps};
    run_dispatch(
        run, &(struct run_kernel){.program = &shader_rms_norm,
                                  .constants = {w->dtype == TENSOR_BF16, dst->dtype == TENSOR_BF16},
                                  .args = &a,
                                  .args_size = sizeof a,
                                  .groups = {run_groups(rows, 1)},
                                  .reads = {x, w},
                                  .writes = {dst}});
}

void op_rms_norm(struct run *run, const struct tensor *dst, const struct tensor *x,
                 const struct tensor *w, float eps) {
    size_t width = tensor_count(w), n_rows = tensor_count(x) / width;
    assert(row_made_from(dst, x) && row_is_weight(w) && n_rows * width == tensor_count(x));
    if (run->gpu) {
        dispatch(run, dst, x, w, n_rows, eps);
        return;
    }
    struct arena_mark mark = arena_mark(&run->memory[RUN_STEP]);
    const float *weight = row_widen(&run->memory[RUN_STEP], w);
#pragma omp parallel for if (row_pays(run, n_rows * width / ROW_NUMBERS))
    for (size_t r = 0; r < n_rows; r++)
        run->cpu->rms_norm(tensor_f32(dst) + r * width, tensor_f32(x) + r * width, weight, eps,
                           width);
    arena_release(&run->memory[RUN_STEP], mark);
}
