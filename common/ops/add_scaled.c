#include "common/ops/ops.h"
#include "common/ops/row.h"

void op_add_scaled(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *scale) {
    (void)run;
    size_t width = tensor_count(scale), n_rows = tensor_count(dst) / width;
    assert(row_match(dst, x) && row_is_weight(scale) && n_rows * width == tensor_count(dst));
#pragma omp parallel for if (n_rows * width >= ROW_NUMBERS)
    for (size_t t = 0; t < n_rows; t++) {
        float *y = tensor_f32(dst) + t * width;
        const float *a = tensor_f32(x) + t * width;
        for (size_t d = 0; d < width; d++)
            y[d] += row_weight(scale, d) * a[d];
    }
}
