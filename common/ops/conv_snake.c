#include "common/ops/product.h"
#include "common/ops/row.h"

void op_conv_snake(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *w, const struct tensor *b, size_t dilation, bool add,
                   const struct op_snake *snake) {
    struct product p = product_conv(dst, x, w, b, dilation);
    assert(row_made_from(snake->dst, dst) && p.outs % tensor_count(snake->alpha) == 0);
    p.add = add;
    p.snake = snake;
    product_run(run, &p);
}
