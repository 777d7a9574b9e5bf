#include "common/ops/ops.h"
#include "common/ops/row.h"

#include <string.h>

void op_copy(struct run *run, const struct tensor *dst, const struct tensor *src) {
    (void)run;
    size_t n = tensor_count(dst);
    assert(row_is_weight(src) && row_is_weight(dst) && n == tensor_count(src));
    if (dst->dtype == src->dtype) {
        memcpy(dst->data, src->data, tensor_bytes(dst));
        return;
    }
    assert(src->dtype == TENSOR_F32);
    const float *from = tensor_f32(src);
    uint16_t *to = dst->data;
    for (size_t i = 0; i < n; i++)
        to[i] = bf16_from_f32(from[i]);
}
