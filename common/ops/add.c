#include "shaders/add.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *x) {
    size_t n = tensor_count(dst);
    struct add_args a = {.dst = run_address(dst), .x = run_address(x), .n = (uint32_t)n};
    run_dispatch(run, &(struct run_kernel){.program = &shader_add,
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(n, 256)},
                                           .reads = {dst, x},
                                           .writes = {dst}});
}

void op_add(struct run *run, const struct tensor *dst, const struct tensor *x) {
    assert(row_match(dst, x));
    if (run->gpu) {
        dispatch(run, dst, x);
        return;
    }
    size_t n = tensor_count(dst);
    float *y = tensor_f32(dst);
    const float *a = tensor_f32(x);
#pragma omp parallel for if (row_pays(run, n / ROW_NUMBERS))
    for (size_t i = 0; i < n; i++)
        y[i] += a[i];
}
