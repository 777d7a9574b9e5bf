#include "common/ops/ops.h"
#include "common/ops/row.h"

#include <string.h>

void op_kv_write(struct run *run, const struct tensor *cache, const struct tensor *x,
                 const struct tensor *at) {
    (void)run;
    size_t width = tensor_row(cache), rows = tensor_count(x) / width;
    size_t first = (size_t)tensor_i32(at)[0];
    assert(row_is_weight(cache) && first + rows <= cache->shape[0]);
    if (cache->dtype == TENSOR_F32) {
        memcpy(tensor_f32(cache) + first * width, x->data, rows * width * sizeof(float));
        return;
    }
    uint16_t *dst = (uint16_t *)cache->data + first * width;
    for (size_t i = 0; i < rows * width; i++)
        dst[i] = bf16_from_f32(tensor_f32(x)[i]);
}
