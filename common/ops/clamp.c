#include "shaders/clamp.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *x, float lo,
                     float hi) {
    size_t n = tensor_count(x);
    struct clamp_args a = {
        .dst = run_address(dst), .x = run_address(x), .n = (uint32_t)n, .lo = lo, .hi = hi};
    run_dispatch(run, &(struct run_kernel){.program = &shader_clamp,
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(n, 256)},
                                           .reads = {x},
                                           .writes = {dst}});
}

void op_clamp(struct run *run, const struct tensor *dst, const struct tensor *x, float lo,
              float hi) {
    assert(row_match(dst, x));
    if (run->gpu) {
        dispatch(run, dst, x, lo, hi);
        return;
    }
    size_t n = tensor_count(x);
    const float *v = tensor_f32(x);
    for (size_t i = 0; i < n; i++)
        tensor_f32(dst)[i] = v[i] < lo ? lo : v[i] > hi ? hi : v[i];
}
