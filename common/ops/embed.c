#include "common/ops/embed.h"
#include "common/ops/planes.h"
#include "common/ops/row.h"
#include "shaders/embed.h"
#include "shaders/programs.h"

#include <string.h>

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *table,
                     const struct tensor *ids, bool add) {
    size_t rows = tensor_count(ids), width = tensor_row(table);
    struct embed_args a = {.dst = run_address(dst),
                           .table = run_address(table),
                           .ids = run_address(ids),
                           .rows = (uint32_t)rows,
                           .width = (uint32_t)width,
                           .vocab = (uint32_t)table->shape[0]};
    run_dispatch(run, &(struct run_kernel){.program = &shader_embed,
                                           .constants = {planes_weights(table->dtype), add},
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(width, 256), run_groups(rows, 1)},
                                           .reads = {table, ids, add ? dst : NULL},
                                           .writes = {dst}});
}

void embed_rows(struct run *run, const struct tensor *dst, const struct tensor *table,
                const struct tensor *ids, bool add) {
    size_t n_rows = tensor_count(ids), width = tensor_row(table);
    assert(dst->dtype == TENSOR_F32 && row_is_matrix(table) && ids->dtype == TENSOR_I32);
    assert(tensor_count(dst) == n_rows * width);
    if (run->gpu) {
        dispatch(run, dst, table, ids, add);
        return;
    }
    struct run_mark mark = run_mark(run, RUN_STEP);
    float *row = arena_alloc(&run->memory[RUN_STEP], width * sizeof *row);
    for (size_t t = 0; t < n_rows; t++) {
        float *y = tensor_f32(dst) + t * width;
        int32_t id = tensor_i32(ids)[t];
        assert(id < 0 || (size_t)id < table->shape[0]);
        if (id >= 0)
            row_numbers(add ? row : y, table, (size_t)id);
        else if (!add)
            memset(y, 0, width * sizeof *y);
        for (size_t d = 0; add && id >= 0 && d < width; d++)
            y[d] += row[d];
    }
    run_release(run, RUN_STEP, mark);
}

void op_embed(struct run *run, const struct tensor *dst, const struct tensor *table,
              const struct tensor *ids) {
    embed_rows(run, dst, table, ids, false);
}
