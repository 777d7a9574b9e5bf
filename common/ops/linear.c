#include "common/ops/product.h"
#include "common/ops/row.h"

void op_linear(struct run *run, const struct tensor *dst, const struct tensor *x,
               const struct tensor *w, const struct tensor *b, enum op_act act) {
    size_t outs = w->shape[0], width = tensor_row(w), rows = tensor_count(x) / width;
    assert(tensor_count(x) == rows * width && tensor_count(dst) == rows * outs);
    assert(!b || tensor_count(b) == outs);
    struct product p = {.dst = dst,
                        .x = x,
                        .w = w,
                        .b = b,
                        .rows = rows,
                        .outs = outs,
                        .taps = 1,
                        .width = width,
                        .act = act};
    product_run(run, &p);
}
