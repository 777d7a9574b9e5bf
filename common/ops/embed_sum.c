#include "common/ops/ops.h"
#include "common/ops/row.h"

void op_embed_sum(struct run *run, const struct tensor *dst, const struct tensor *tables,
                  const struct tensor *codes, float scale) {
    (void)run;
    size_t n_rows = codes->shape[0], n_tables = tensor_row(codes), width = tensor_row(dst);
    assert(dst->dtype == TENSOR_F32 && codes->dtype == TENSOR_I32 && dst->shape[0] == n_rows);
    for (size_t t = 0; t < n_rows; t++) {
        float *y = tensor_f32(dst) + t * width;
        const int32_t *code = tensor_i32(codes) + t * n_tables;
        for (size_t d = 0; d < width; d++)
            y[d] = 0;
        for (size_t g = 0; g < n_tables; g++) {
            const struct tensor *table = &tables[g];
            assert(row_is_weight(table) && tensor_row(table) == width);
            assert(code[g] >= 0 && (size_t)code[g] < table->shape[0]);
            for (size_t d = 0; d < width; d++)
                y[d] += row_weight(table, (size_t)code[g] * width + d);
        }
        for (size_t d = 0; d < width; d++)
            y[d] *= scale;
    }
}
