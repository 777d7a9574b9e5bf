#include "common/ops/ops.h"
#include "common/ops/row.h"

void op_embed_add(struct run *run, const struct tensor *dst, const struct tensor *table,
                  const struct tensor *ids) {
    (void)run;
    size_t n_rows = tensor_count(ids), width = tensor_row(table);
    assert(dst->dtype == TENSOR_F32 && row_is_weight(table) && ids->dtype == TENSOR_I32);
    assert(tensor_count(dst) == n_rows * width);
    for (size_t t = 0; t < n_rows; t++) {
        float *y = tensor_f32(dst) + t * width;
        int32_t id = tensor_i32(ids)[t];
        if (id < 0)
            continue;
        assert((size_t)id < table->shape[0]);
        for (size_t d = 0; d < width; d++)
            y[d] += row_weight(table, (size_t)id * width + d);
    }
}
