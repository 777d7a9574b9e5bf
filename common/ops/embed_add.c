#include "shaders/embed_add.h"
#include "common/ops/ops.h"
#include "common/ops/planes.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *table,
                     const struct tensor *ids) {
    size_t rows = tensor_count(ids), width = tensor_row(table);
    struct embed_add_args a = {.dst = run_address(dst),
                               .table = run_address(table),
                               .ids = run_address(ids),
                               .rows = (uint32_t)rows,
                               .width = (uint32_t)width,
                               .vocab = (uint32_t)table->shape[0]};
    run_dispatch(run, &(struct run_kernel){.program = &shader_embed_add,
                                           .constants = {planes_weights(table->dtype)},
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(width, 256), run_groups(rows, 1)},
                                           .reads = {dst, table, ids},
                                           .writes = {dst}});
}

void op_embed_add(struct run *run, const struct tensor *dst, const struct tensor *table,
                  const struct tensor *ids) {
    size_t n_rows = tensor_count(ids), width = tensor_row(table);
    assert(dst->dtype == TENSOR_F32 && row_is_matrix(table) && ids->dtype == TENSOR_I32);
    assert(tensor_count(dst) == n_rows * width);
    if (run->gpu) {
        dispatch(run, dst, table, ids);
        return;
    }
    struct run_mark mark = run_mark(run, RUN_STEP);
    float *row = arena_alloc(&run->memory[RUN_STEP], width * sizeof *row);
    for (size_t t = 0; t < n_rows; t++) {
        float *y = tensor_f32(dst) + t * width;
        int32_t id = tensor_i32(ids)[t];
        if (id < 0)
            continue;
        assert((size_t)id < table->shape[0]);
        row_numbers(row, table, (size_t)id);
        for (size_t d = 0; d < width; d++)
            y[d] += row[d];
    }
    run_release(run, RUN_STEP, mark);
}
