#include "common/ops/few.h"
#include "common/ops/moe_gpu.h"
#include "common/ops/product.h"
#include "common/ops/row.h"

/* y = w x for one row. */
static void multiply(struct run *run, float *y, const float *x, const struct tensor *w,
                     enum op_act act) {
    size_t outs = w->shape[0], width = w->shape[1];
    struct tensor dst = tensor_1d(TENSOR_F32, y, outs);
    struct tensor row = tensor_1d(TENSOR_F32, (float *)x, width);
    product_run(run, &(struct product){.dst = &dst,
                                       .x = &row,
                                       .w = w,
                                       .rows = 1,
                                       .outs = outs,
                                       .taps = 1,
                                       .width = width,
                                       .act = act});
}

/* dst[d] += weight * down(silu(gate x) * up x) for one row of one expert. h: 2 I + D floats. */
static void expert(struct run *run, float *dst, const float *x, const struct op_experts *w,
                   size_t e, float weight, float *h) {
    size_t inner = w->gate[e].shape[0], width = w->gate[e].shape[1];
    float *up = h + inner, *y = up + inner;
    multiply(run, h, x, &w->gate[e], OP_SILU);
    multiply(run, up, x, &w->up[e], OP_NONE);
    for (size_t i = 0; i < inner; i++)
        h[i] *= up[i];
    multiply(run, y, h, &w->down[e], OP_NONE);
    for (size_t d = 0; d < width; d++)
        dst[d] += weight * y[d];
}

void op_moe_add(struct run *run, const struct tensor *dst, const struct tensor *x,
                const struct tensor *experts, const struct tensor *weights,
                const struct op_experts *w) {
    size_t width = w->gate[0].shape[1], inner = w->gate[0].shape[0];
    size_t rows = tensor_count(x) / width, k = tensor_count(experts) / rows;
    assert(row_match(dst, x) && tensor_count(weights) == rows * k);
    if (run->gpu && rows <= FEW_ROWS) {
        moe_few(run, &(struct moe_few){
                         .dst = dst, .x = x, .chosen = experts, .weights = weights, .experts = w});
        return;
    }
    if (run->gpu) {
        moe_many(run, dst, x, experts, weights, w);
        return;
    }
    struct arena_mark mark = arena_mark(&run->memory[RUN_STEP]);
    float *h = arena_alloc(&run->memory[RUN_STEP], (2 * inner + width) * sizeof *h);
    for (size_t t = 0; t < rows; t++)
        for (size_t i = 0; i < k; i++)
            expert(run, tensor_f32(dst) + t * width, tensor_f32(x) + t * width, w,
                   (size_t)tensor_i32(experts)[t * k + i], tensor_f32(weights)[t * k + i], h);
    arena_release(&run->memory[RUN_STEP], mark);
}
