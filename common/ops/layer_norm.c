#include "common/ops/ops.h"
#include "common/ops/row.h"

#include <math.h>

void op_layer_norm(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *w, const struct tensor *b, float eps) {
    (void)run;
    size_t width = tensor_count(w), n_rows = tensor_count(x) / width;
    assert(row_match(dst, x) && row_is_weight(w) && row_is_weight(b));
    assert(n_rows * width == tensor_count(x) && tensor_count(b) == width);
#pragma omp parallel for if (n_rows * width >= ROW_PARALLEL)
    for (size_t r = 0; r < n_rows; r++) {
        float *y = tensor_f32(dst) + r * width;
        const float *a = tensor_f32(x) + r * width;
        double sum = 0, squares = 0;
        for (size_t d = 0; d < width; d++)
            sum += a[d];
        float mean = (float)(sum / (double)width);
        for (size_t d = 0; d < width; d++)
            squares += (double)(a[d] - mean) * (a[d] - mean);
        float scale = (float)(1 / sqrt(squares / (double)width + eps));
        for (size_t d = 0; d < width; d++)
            y[d] = (a[d] - mean) * scale * row_weight(w, d) + row_weight(b, d);
    }
}
