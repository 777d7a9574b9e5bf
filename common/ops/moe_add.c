#include "common/ops/product.h"
#include "common/ops/row.h"

/* dst[d] += weight * down(silu(gate x) * up x) for one row of one expert. h: 3 I floats. */
static void expert(struct run *run, float *dst, const float *x, const struct op_experts *w,
                   size_t e, float weight, float *h) {
    size_t inner = w->gate[e].shape[0], width = w->gate[e].shape[1];
    float *up = h + inner, *y = up + inner;
    struct product p = {.dst = h,
                        .x = x,
                        .w = &w->gate[e],
                        .rows = 1,
                        .outs = inner,
                        .taps = 1,
                        .width = width,
                        .act = OP_SILU};
    product_run(run, &p);
    p.dst = up;
    p.w = &w->up[e];
    p.act = OP_NONE;
    product_run(run, &p);
    for (size_t i = 0; i < inner; i++)
        h[i] *= up[i];
    struct product down = {
        .dst = y, .x = h, .w = &w->down[e], .rows = 1, .outs = width, .taps = 1, .width = inner};
    product_run(run, &down);
    for (size_t d = 0; d < width; d++)
        dst[d] += weight * y[d];
}

void op_moe_add(struct run *run, const struct tensor *dst, const struct tensor *x,
                const struct tensor *experts, const struct tensor *weights,
                const struct op_experts *w) {
    size_t width = w->gate[0].shape[1], inner = w->gate[0].shape[0];
    size_t rows = tensor_count(x) / width, k = tensor_count(experts) / rows;
    assert(row_match(dst, x) && tensor_count(weights) == rows * k);
    struct arena_mark mark = arena_mark(&run->memory[RUN_STEP]);
    float *h = arena_alloc(&run->memory[RUN_STEP], (2 * inner + width) * sizeof *h);
    for (size_t t = 0; t < rows; t++)
        for (size_t i = 0; i < k; i++)
            expert(run, tensor_f32(dst) + t * width, tensor_f32(x) + t * width, w,
                   (size_t)tensor_i32(experts)[t * k + i], tensor_f32(weights)[t * k + i], h);
    arena_release(&run->memory[RUN_STEP], mark);
}
