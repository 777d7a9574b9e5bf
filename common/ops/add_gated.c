#include "shaders/add_gated.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

#include <math.h>

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *x,
                     const struct tensor *gate) {
    size_t n = tensor_count(dst);
    struct add_gated_args a = {.dst = run_address(dst),
                               .x = run_address(x),
                               .gate = run_address(gate),
                               .n = (uint32_t)n,
                               .width = (uint32_t)(n / tensor_count(gate))};
    run_dispatch(run, &(struct run_kernel){.program = &shader_add_gated,
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(n, 256)},
                                           .reads = {dst, x, gate},
                                           .writes = {dst}});
}

void op_add_gated(struct run *run, const struct tensor *dst, const struct tensor *x,
                  const struct tensor *gate) {
    size_t n_rows = tensor_count(gate), width = tensor_count(dst) / n_rows;
    assert(row_match(dst, x) && gate->dtype == TENSOR_F32 && n_rows * width == tensor_count(dst));
    if (run->gpu) {
        dispatch(run, dst, x, gate);
        return;
    }
#pragma omp parallel for if (row_pays(run, n_rows * width / ROW_NUMBERS))
    for (size_t t = 0; t < n_rows; t++) {
        float *y = tensor_f32(dst) + t * width;
        const float *a = tensor_f32(x) + t * width;
        float open = 1 / (1 + expf(-tensor_f32(gate)[t]));
        for (size_t d = 0; d < width; d++)
            y[d] += open * a[d];
    }
}
