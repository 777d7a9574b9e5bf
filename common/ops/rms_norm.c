#include "common/ops/cpu/kernels.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"

void op_rms_norm(struct run *run, const struct tensor *dst, const struct tensor *x,
                 const struct tensor *w, float eps) {
    size_t width = tensor_count(w), n_rows = tensor_count(x) / width;
    assert(row_match(dst, x) && row_is_weight(w) && n_rows * width == tensor_count(x));
    struct arena_mark mark = arena_mark(&run->memory[RUN_STEP]);
    const float *weight = row_widen(&run->memory[RUN_STEP], w);
#pragma omp parallel for if (n_rows * width >= ROW_NUMBERS)
    for (size_t r = 0; r < n_rows; r++)
        run->cpu->rms_norm(tensor_f32(dst) + r * width, tensor_f32(x) + r * width, weight, eps,
                           width);
    arena_release(&run->memory[RUN_STEP], mark);
}
