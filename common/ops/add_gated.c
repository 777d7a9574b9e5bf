#include "common/ops/ops.h"
#include "common/ops/row.h"

#include <math.h>

void op_add_gated(struct run *run, const struct tensor *dst, const struct tensor *x,
                  const struct tensor *gate) {
    (void)run;
    size_t n_rows = tensor_count(gate), width = tensor_count(dst) / n_rows;
    assert(row_match(dst, x) && gate->dtype == TENSOR_F32 && n_rows * width == tensor_count(dst));
#pragma omp parallel for if (n_rows * width >= ROW_NUMBERS)
    for (size_t t = 0; t < n_rows; t++) {
        float *y = tensor_f32(dst) + t * width;
        const float *a = tensor_f32(x) + t * width;
        float open = 1 / (1 + expf(-tensor_f32(gate)[t]));
        for (size_t d = 0; d < width; d++)
            y[d] += open * a[d];
    }
}
