#include "shaders/silu_mul.h"
#include "common/ops/cpu/kernels.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

enum { PIECE = 4096 }; /* numbers a thread takes at once */

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *gate,
                     const struct tensor *up) {
    size_t n = tensor_count(dst);
    struct silu_mul_args a = {.dst = run_address(dst),
                              .gate = run_address(gate),
                              .up = run_address(up),
                              .n = (uint32_t)n};
    run_dispatch(run, &(struct run_kernel){.program = &shader_silu_mul,
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(n, 256)},
                                           .reads = {gate, up},
                                           .writes = {dst}});
}

void op_silu_mul(struct run *run, const struct tensor *dst, const struct tensor *gate,
                 const struct tensor *up) {
    assert(row_match(dst, gate) && row_match(dst, up));
    if (run->gpu) {
        dispatch(run, dst, gate, up);
        return;
    }
    size_t n = tensor_count(dst);
    float *y = tensor_f32(dst);
    const float *g = tensor_f32(gate), *u = tensor_f32(up);
#pragma omp parallel for if (row_pays(run, n / ROW_NUMBERS))
    for (size_t i = 0; i < n; i += PIECE)
        run->cpu->silu_mul(y + i, g + i, u + i, n - i < PIECE ? n - i : PIECE);
}
