#include "common/ops/ops.h"
#include "common/ops/row.h"

void op_positions(struct run *run, const struct tensor *positions, const struct tensor *at) {
    (void)run;
    assert(positions->dtype == TENSOR_F32 && tensor_row(positions) == 3);
    assert(at->dtype == TENSOR_I32);
    int32_t first = tensor_i32(at)[0];
    for (size_t t = 0; t < positions->shape[0]; t++)
        for (size_t axis = 0; axis < 3; axis++)
            tensor_f32(positions)[3 * t + axis] = (float)(first + (int32_t)t);
}
