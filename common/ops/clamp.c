#include "common/ops/ops.h"
#include "common/ops/row.h"

void op_clamp(struct run *run, const struct tensor *x, float lo, float hi) {
    (void)run;
    assert(x->dtype == TENSOR_F32);
    size_t n = tensor_count(x);
    float *v = tensor_f32(x);
    for (size_t i = 0; i < n; i++)
        v[i] = v[i] < lo ? lo : v[i] > hi ? hi : v[i];
}
