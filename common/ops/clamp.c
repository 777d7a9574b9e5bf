#include "shaders/clamp.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static void dispatch(struct run *run, const struct tensor *x, float lo, float hi) {
    size_t n = tensor_count(x);
    struct clamp_args a = {.x = run_address(x), .n = (uint32_t)n, .lo = lo, .hi = hi};
    run_dispatch(run, &(struct run_kernel){.program = &shader_clamp,
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(n, 256)},
                                           .reads = {x},
                                           .writes = {x}});
}

void op_clamp(struct run *run, const struct tensor *x, float lo, float hi) {
    assert(x->dtype == TENSOR_F32);
    if (run->gpu) {
        dispatch(run, x, lo, hi);
        return;
    }
    size_t n = tensor_count(x);
    float *v = tensor_f32(x);
    for (size_t i = 0; i < n; i++)
        v[i] = v[i] < lo ? lo : v[i] > hi ? hi : v[i];
}
