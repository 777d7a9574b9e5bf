#include "shaders/embed_sum.h"
#include "common/ops/ops.h"
#include "common/ops/planes.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

/* How many tables from `first` on a kernel can add up: those of one type, and where quantised ones
 * lie depends on how many rows they have. */
static size_t count_tables(const struct tensor *tables, size_t n, size_t first) {
    size_t i = first;
    while (i < n && i - first < EMBED_SUM_TABLES && tables[i].dtype == tables[first].dtype &&
           (!tensor_is_quantised(tables[i].dtype) || tables[i].shape[0] == tables[first].shape[0]))
        i++;
    return i - first;
}

/* Adds tables [first, first + n). */
static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *tables,
                     const struct tensor *codes, float scale, size_t first, size_t n) {
    size_t rows = codes->shape[0], row_codes = tensor_row(codes), width = tensor_row(dst);
    struct embed_sum_args a = {.codes = run_address(codes) + first * sizeof(int32_t),
                               .dst = run_address(dst),
                               .n_tables = (uint32_t)n,
                               .rows = (uint32_t)rows,
                               .width = (uint32_t)width,
                               .row_codes = (uint32_t)row_codes,
                               .vocab = (uint32_t)tables[first].shape[0],
                               .scale = first + n == row_codes ? scale : 1};
    for (size_t g = 0; g < n; g++)
        a.table[g] = run_address(&tables[first + g]);
    run_dispatch(run,
                 &(struct run_kernel){.program = &shader_embed_sum,
                                      .constants = {planes_weights(tables[first].dtype), first > 0},
                                      .args = &a,
                                      .args_size = sizeof a,
                                      .groups = {run_groups(width, 256), run_groups(rows, 1)},
                                      .reads = {codes, dst},
                                      .writes = {dst}});
}

/* dst = sum over g of tables[g][code[g]], scaled; row is scratch. */
static void sum_row(float *dst, float *row, const struct tensor *tables, const int32_t *code,
                    size_t n_tables, size_t width, float scale) {
    for (size_t d = 0; d < width; d++)
        dst[d] = 0;
    for (size_t g = 0; g < n_tables; g++) {
        assert(code[g] >= 0 && (size_t)code[g] < tables[g].shape[0]);
        row_numbers(row, &tables[g], (size_t)code[g]);
        for (size_t d = 0; d < width; d++)
            dst[d] += row[d];
    }
    for (size_t d = 0; d < width; d++)
        dst[d] *= scale;
}

void op_embed_sum(struct run *run, const struct tensor *dst, const struct tensor *tables,
                  const struct tensor *codes, float scale) {
    size_t n_rows = codes->shape[0], n_tables = tensor_row(codes), width = tensor_row(dst);
    assert(dst->dtype == TENSOR_F32 && codes->dtype == TENSOR_I32 && dst->shape[0] == n_rows);
    for (size_t g = 0; g < n_tables; g++)
        assert(row_is_matrix(&tables[g]) && tensor_row(&tables[g]) == width);
    for (size_t g = 0, n; run->gpu && g < n_tables; g += n) {
        n = count_tables(tables, n_tables, g);
        dispatch(run, dst, tables, codes, scale, g, n);
    }
    if (run->gpu)
        return;
    struct run_mark mark = run_mark(run, RUN_STEP);
    float *row = arena_alloc(&run->memory[RUN_STEP], width * sizeof *row);
    for (size_t t = 0; t < n_rows; t++)
        sum_row(tensor_f32(dst) + t * width, row, tables, tensor_i32(codes) + t * n_tables,
                n_tables, width, scale);
    run_release(run, RUN_STEP, mark);
}
