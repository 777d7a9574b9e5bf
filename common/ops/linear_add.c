#include "common/ops/product.h"
#include "common/ops/row.h"

/* On the CPU a scale is another op's. */
static void add_scaled(struct run *run, const struct tensor *dst, const struct product *p) {
    struct run_mark mark = run_mark(run, RUN_STEP);
    struct tensor sum = run_new_2d(run, RUN_STEP, TENSOR_F32, p->rows, p->outs);
    op_linear(run, &sum, p->x, p->w, p->b, OP_NONE);
    op_add_scaled(run, dst, &sum, p->scale);
    run_release(run, RUN_STEP, mark);
}

void op_linear_add(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *w, const struct tensor *b, const struct tensor *scale) {
    size_t outs = w->shape[0], width = tensor_row(w), rows = tensor_count(x) / width;
    assert(tensor_count(x) == rows * width && tensor_count(dst) == rows * outs);
    assert(!b || tensor_count(b) == outs);
    assert(!scale || (row_is_weight(scale) && tensor_count(scale) == outs));
    struct product p = {.dst = dst,
                        .x = x,
                        .w = w,
                        .b = b,
                        .scale = scale,
                        .rows = rows,
                        .outs = outs,
                        .taps = 1,
                        .width = width,
                        .add = true};
    if (scale && !run->gpu)
        add_scaled(run, dst, &p);
    else
        product_run(run, &p);
}
