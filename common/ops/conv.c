#include "common/ops/product.h"
#include "common/ops/row.h"

struct product product_conv(const struct tensor *dst, const struct tensor *x,
                            const struct tensor *w, const struct tensor *b, size_t dilation) {
    assert(w->rank == 3);
    size_t outs = w->shape[0], taps = w->shape[1], width = w->shape[2];
    size_t rows = tensor_count(dst) / outs;
    assert(tensor_count(dst) == rows * outs && (!b || tensor_count(b) == outs));
    assert(tensor_count(x) == (rows + (taps - 1) * dilation) * width);
    return (struct product){.dst = dst,
                            .x = x,
                            .w = w,
                            .b = b,
                            .rows = rows,
                            .outs = outs,
                            .taps = taps,
                            .width = width,
                            .dilation = dilation};
}

void op_conv(struct run *run, const struct tensor *dst, const struct tensor *x,
             const struct tensor *w, const struct tensor *b, size_t dilation) {
    struct product p = product_conv(dst, x, w, b, dilation);
    product_run(run, &p);
}
