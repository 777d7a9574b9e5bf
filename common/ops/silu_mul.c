#include "common/ops/ops.h"
#include "common/ops/row.h"

#include <math.h>

void op_silu_mul(struct run *run, const struct tensor *dst, const struct tensor *gate,
                 const struct tensor *up) {
    (void)run;
    assert(row_match(dst, gate) && row_match(dst, up));
    size_t n = tensor_count(dst);
    float *y = tensor_f32(dst);
    const float *g = tensor_f32(gate), *u = tensor_f32(up);
#pragma omp parallel for if (n >= ROW_PARALLEL)
    for (size_t i = 0; i < n; i++)
        y[i] = g[i] / (1 + expf(-g[i])) * u[i];
}
