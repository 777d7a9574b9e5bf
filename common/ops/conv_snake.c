#include "common/ops/product.h"
#include "common/ops/row.h"

void op_conv_snake(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *w, const struct tensor *b, size_t dilation, bool add,
                   const struct op_snake *snake) {
    assert(w->rank == 3);
    size_t outs = w->shape[0], taps = w->shape[1], width = w->shape[2];
    size_t rows = tensor_count(dst) / outs;
    assert(tensor_count(dst) == rows * outs && (!b || tensor_count(b) == outs));
    assert(tensor_count(x) == (rows + (taps - 1) * dilation) * width);
    assert(row_made_from(snake->dst, dst) && outs % tensor_count(snake->alpha) == 0);
    struct product p = {.dst = dst,
                        .x = x,
                        .w = w,
                        .b = b,
                        .rows = rows,
                        .outs = outs,
                        .taps = taps,
                        .width = width,
                        .dilation = dilation,
                        .add = add,
                        .snake = snake};
    product_run(run, &p);
}
