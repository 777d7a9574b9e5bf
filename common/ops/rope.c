#include "shaders/rope.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static void rotate(float *x, const float *cosine, const float *sine, size_t half) {
    for (size_t d = 0; d < half; d++) {
        float a = x[d], b = x[d + half];
        x[d] = a * cosine[d] - b * sine[d];
        x[d + half] = b * cosine[d] + a * sine[d];
    }
}

static void dispatch(struct run *run, const struct tensor *x, const struct tensor *table) {
    size_t half = tensor_row(table) / 2, pairs = tensor_count(x) / 2;
    struct rope_args a = {.x = run_address(x),
                          .table = run_address(table),
                          .pairs = (uint32_t)pairs,
                          .heads = (uint32_t)(pairs / half / table->shape[0]),
                          .half_width = (uint32_t)half};
    run_dispatch(run, &(struct run_kernel){.program = &shader_rope,
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(pairs, 256)},
                                           .reads = {x, table},
                                           .writes = {x}});
}

void op_rope(struct run *run, const struct tensor *x, const struct tensor *table) {
    size_t n_rows = table->shape[0], width = tensor_row(table);
    size_t n_heads = tensor_count(x) / (n_rows * width);
    assert(x->dtype == TENSOR_F32 && table->dtype == TENSOR_F32 && width % 2 == 0);
    assert(x->shape[0] == n_rows && tensor_count(x) == n_rows * n_heads * width);
    if (run->gpu) {
        dispatch(run, x, table);
        return;
    }
#pragma omp parallel for if (row_pays(run, n_rows * n_heads * width / ROW_NUMBERS))
    for (size_t t = 0; t < n_rows; t++) {
        const float *turn = tensor_f32(table) + t * width;
        for (size_t h = 0; h < n_heads; h++)
            rotate(tensor_f32(x) + (t * n_heads + h) * width, turn, turn + width / 2, width / 2);
    }
}
