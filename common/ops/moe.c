#include "common/ops/few.h"
#include "common/ops/moe_gpu.h"
#include "common/ops/row.h"
#include "shaders/moe_few.h"

static bool alike(const struct op_moe *m) {
    enum tensor_dtype inner = m->experts->gate[0].dtype, outer = m->experts->down[0].dtype;
    return !m->shared_gate ||
           (m->gate->dtype == inner && m->up->dtype == inner && m->down->dtype == outer);
}

/* On a GPU for few rows: the norm is part of each kernel, the choice of the experts' first, and so
 * are the logits if they can be. */
static void fused(struct run *run, const struct tensor *x, const struct tensor *experts,
                  const struct tensor *weights, const struct op_moe *m) {
    size_t rows = tensor_count(x) / tensor_count(m->norm);
    struct tensor logits = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, m->router->shape[0]);
    struct tensor shared = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, 1);
    struct op_projection p[] = {{&logits, m->router}, {&shared, m->shared_gate}};
    struct moe_few f = {.dst = x,
                        .x = x,
                        .chosen = experts,
                        .weights = weights,
                        .experts = m->experts,
                        .router = m->router,
                        .shared_router = m->shared_gate,
                        .patience = MOE_FEW_PATIENCE,
                        .normalise = m->normalise,
                        .norm = m->norm,
                        .eps = m->eps,
                        .shared_logit = m->shared_gate ? &shared : NULL,
                        .shared_gate = m->gate,
                        .shared_up = m->up,
                        .shared_down = m->down};
    if (!moe_few_routes(&f)) {
        op_norm_linears(run, p, m->shared_gate ? 2 : 1, x, m->norm, m->eps);
        f.router = f.shared_router = NULL;
        f.logits = &logits;
    }
    moe_few(run, &f);
}

static void add_shared(struct run *run, const struct tensor *x, const struct tensor *y,
                       const struct op_moe *m) {
    size_t rows = y->shape[0], width = y->shape[1], inner = m->gate->shape[0];
    struct tensor logit = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, 1);
    struct tensor h = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, inner);
    struct tensor up = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, inner);
    struct tensor out = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, width);
    op_linear(run, &logit, y, m->shared_gate, NULL, OP_NONE);
    op_linear(run, &h, y, m->gate, NULL, OP_NONE);
    op_linear(run, &up, y, m->up, NULL, OP_NONE);
    op_silu_mul(run, &h, &h, &up);
    op_linear(run, &out, &h, m->down, NULL, OP_NONE);
    op_add_gated(run, x, &out, &logit);
}

/* What all products behind the norm want, and that of down: the kernels for experts that take bf16
 * are for all of their matrices, or none. */
static enum tensor_dtype dtype_of_y(const struct run *run, size_t rows, const struct op_moe *m) {
    enum { N = 6 };
    const struct tensor *w[N] = {
        m->router, &m->experts->gate[0], &m->experts->down[0], m->shared_gate, m->gate, m->up};
    for (size_t i = 0; i < N; i++)
        if (w[i] && op_matrix_dtype(run, rows, w[i]) == TENSOR_F32)
            return TENSOR_F32;
    return TENSOR_BF16;
}

/* The same by other ops. */
static void compose(struct run *run, const struct tensor *x, const struct tensor *experts,
                    const struct tensor *weights, const struct op_moe *m) {
    size_t width = tensor_count(m->norm), rows = tensor_count(x) / width;
    struct tensor y = run_new_2d(run, RUN_STEP, dtype_of_y(run, rows, m), rows, width);
    struct tensor logits = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, m->router->shape[0]);
    op_rms_norm(run, &y, x, m->norm, m->eps);
    op_linear(run, &logits, &y, m->router, NULL, OP_NONE);
    op_route(run, experts, weights, &logits, m->normalise);
    op_moe_add(run, x, &y, experts, weights, m->experts);
    if (m->shared_gate)
        add_shared(run, x, &y, m);
}

void op_moe(struct run *run, const struct tensor *x, const struct tensor *experts,
            const struct tensor *weights, const struct op_moe *m) {
    size_t width = tensor_count(m->norm), rows = tensor_count(x) / width;
    struct run_mark mark = run_mark(run, RUN_STEP);
    assert(x->dtype == TENSOR_F32 && tensor_count(x) == rows * width);
    assert(experts->dtype == TENSOR_I32 && tensor_count(experts) == tensor_count(weights));
    assert(m->router->shape[0] == m->experts->n);
    if (run->gpu && rows <= FEW_ROWS && alike(m))
        fused(run, x, experts, weights, m);
    else
        compose(run, x, experts, weights, m);
    run_release(run, RUN_STEP, mark);
}
