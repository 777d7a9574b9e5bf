#include "common/ops/ops.h"
#include "common/ops/row.h"

void op_add(struct run *run, const struct tensor *dst, const struct tensor *x) {
    (void)run;
    assert(row_match(dst, x));
    size_t n = tensor_count(dst);
    float *y = tensor_f32(dst);
    const float *a = tensor_f32(x);
#pragma omp parallel for if (n >= ROW_NUMBERS)
    for (size_t i = 0; i < n; i++)
        y[i] += a[i];
}
