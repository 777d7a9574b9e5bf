#include "shaders/snakebeta.h"
#include "common/ops/cpu/kernels.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

#include <math.h>

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *x,
                     const struct tensor *alpha, const struct tensor *beta, size_t rows) {
    size_t width = tensor_count(alpha);
    struct snakebeta_args a = {.dst = run_address(dst),
                               .x = run_address(x),
                               .alpha = run_address(alpha),
                               .beta = run_address(beta),
                               .rows = (uint32_t)rows,
                               .width = (uint32_t)width};
    run_dispatch(
        run, &(struct run_kernel){
                 .program = &shader_snakebeta,
                 .constants = {alpha->dtype == TENSOR_BF16, beta->dtype == TENSOR_BF16,
                               dst->dtype == TENSOR_BF16},
                 .args = &a,
                 .args_size = sizeof a,
                 .groups = {run_groups(width, SNAKEBETA_COLUMNS), run_groups(rows, SNAKEBETA_ROWS)},
                 .reads = {x, alpha, beta},
                 .writes = {dst}});
}

void op_snakebeta(struct run *run, const struct tensor *dst, const struct tensor *x,
                  const struct tensor *alpha, const struct tensor *beta) {
    size_t width = tensor_count(alpha), n_rows = tensor_count(x) / width;
    assert(row_made_from(dst, x) && row_is_weight(alpha) && row_is_weight(beta));
    assert(n_rows * width == tensor_count(x) && tensor_count(beta) == width);
    if (run->gpu) {
        dispatch(run, dst, x, alpha, beta, n_rows);
        return;
    }
    struct arena *scratch = &run->memory[RUN_STEP];
    struct arena_mark mark = arena_mark(scratch);
    float *frequency = arena_alloc(scratch, 2 * width * sizeof(float));
    float *magnitude = frequency + width;
    for (size_t c = 0; c < width; c++) {
        frequency[c] = expf(row_weight(alpha, c));
        magnitude[c] = 1 / (expf(row_weight(beta, c)) + 1e-9f);
    }
#pragma omp parallel for if (row_pays(run, n_rows * width / ROW_NUMBERS))
    for (size_t t = 0; t < n_rows; t++)
        run->cpu->snake(tensor_f32(dst) + t * width, tensor_f32(x) + t * width, frequency,
                        magnitude, width);
    arena_release(scratch, mark);
}
