#include "shaders/embed.h"
#include "common/ops/ops.h"
#include "common/ops/planes.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

#include <string.h>

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *table,
                     const struct tensor *ids) {
    size_t rows = tensor_count(ids), width = tensor_row(table);
    struct embed_args a = {.dst = run_address(dst),
                           .table = run_address(table),
                           .ids = run_address(ids),
                           .rows = (uint32_t)rows,
                           .width = (uint32_t)width,
                           .vocab = (uint32_t)table->shape[0]};
    run_dispatch(run, &(struct run_kernel){.program = &shader_embed,
                                           .constants = {planes_weights(table->dtype)},
                                           .args = &a,
                                           .args_size = sizeof a,
                                           .groups = {run_groups(width, 256), run_groups(rows, 1)},
                                           .reads = {table, ids},
                                           .writes = {dst}});
}

void op_embed(struct run *run, const struct tensor *dst, const struct tensor *table,
              const struct tensor *ids) {
    size_t n_rows = tensor_count(ids), width = tensor_row(table);
    assert(dst->dtype == TENSOR_F32 && row_is_matrix(table) && ids->dtype == TENSOR_I32);
    assert(tensor_count(dst) == n_rows * width);
    if (run->gpu) {
        dispatch(run, dst, table, ids);
        return;
    }
    for (size_t t = 0; t < n_rows; t++) {
        float *y = tensor_f32(dst) + t * width;
        int32_t id = tensor_i32(ids)[t];
        assert(id < 0 || (size_t)id < table->shape[0]);
        if (id < 0)
            memset(y, 0, width * sizeof *y);
        else
            row_numbers(y, table, (size_t)id);
    }
}
