#include "shaders/dwconv.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *x,
                     const struct tensor *w, const struct tensor *b) {
    size_t n = tensor_count(dst);
    struct dwconv_args a = {.dst = run_address(dst),
                            .x = run_address(x),
                            .w = run_address(w),
                            .b = run_address(b),
                            .rows = (uint32_t)(n / w->shape[0]),
                            .width = (uint32_t)w->shape[0],
                            .taps = (uint32_t)w->shape[1]};
    run_dispatch(
        run, &(struct run_kernel){.program = &shader_dwconv,
                                  .constants = {w->dtype == TENSOR_BF16, b->dtype == TENSOR_BF16},
                                  .args = &a,
                                  .args_size = sizeof a,
                                  .groups = {run_groups(n, 256)},
                                  .reads = {x},
                                  .writes = {dst}});
}

void op_dwconv(struct run *run, const struct tensor *dst, const struct tensor *x,
               const struct tensor *w, const struct tensor *b) {
    assert(w->rank == 2 && row_is_weight(w) && row_is_weight(b));
    size_t width = w->shape[0], taps = w->shape[1], rows = tensor_count(dst) / width;
    assert(tensor_count(dst) == rows * width && tensor_count(b) == width);
    assert(tensor_count(x) == (rows + taps - 1) * width);
    if (run->gpu) {
        dispatch(run, dst, x, w, b);
        return;
    }
    /* Taps outermost in memory, so that channels are next to each other. */
    struct arena_mark mark = arena_mark(&run->memory[RUN_STEP]);
    float *tap = arena_alloc(&run->memory[RUN_STEP], (taps + 1) * width * sizeof(float));
    float *bias = tap + taps * width;
    for (size_t c = 0; c < width; c++) {
        bias[c] = row_weight(b, c);
        for (size_t i = 0; i < taps; i++)
            tap[i * width + c] = row_weight(w, c * taps + i);
    }
#pragma omp parallel for if (row_pays(run, rows * width * taps * ROW_SHORT))
    for (size_t t = 0; t < rows; t++) {
        float *y = tensor_f32(dst) + t * width;
        for (size_t c = 0; c < width; c++)
            y[c] = bias[c];
        for (size_t i = 0; i < taps; i++) {
            const float *a = tensor_f32(x) + (t + i) * width, *f = tap + i * width;
            for (size_t c = 0; c < width; c++)
                y[c] += f[c] * a[c];
        }
    }
    arena_release(&run->memory[RUN_STEP], mark);
}
