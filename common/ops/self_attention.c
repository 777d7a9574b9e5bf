#include "common/ops/attention_gpu.h"
#include "common/ops/row.h"
#include "shaders/heads.h"
#include "shaders/programs.h"

/* Makes q ready and writes the cache, for more than one row. */
static void dispatch_heads(struct run *run, const struct op_self_attention *s) {
    size_t rows = s->q->shape[0], heads = s->q->shape[1], kv_heads = s->k->shape[1];
    struct heads_args a = {.q = run_address(s->q),
                           .k = run_address(s->k),
                           .v = run_address(s->v),
                           .q_norm = run_address(s->q_norm),
                           .k_norm = run_address(s->k_norm),
                           .rope = run_address(s->rope),
                           .k_cache = run_address(s->k_cache),
                           .v_cache = run_address(s->v_cache),
                           .at = run_address(s->at),
                           .rows = (uint32_t)rows,
                           .heads = (uint32_t)heads,
                           .kv_heads = (uint32_t)kv_heads,
                           .head_dim = (uint32_t)s->q->shape[2],
                           .eps = s->eps};
    run_dispatch(run,
                 &(struct run_kernel){
                     .program = &shader_heads,
                     .constants = {s->k_cache->dtype == TENSOR_BF16,
                                   s->q_norm && s->q_norm->dtype == TENSOR_BF16},
                     .args = &a,
                     .args_size = sizeof a,
                     .groups = {run_groups(heads + 2 * kv_heads, HEADS_EACH), run_groups(rows, 1)},
                     .reads = {s->q, s->k, s->v, s->rope, s->at},
                     .writes = {s->q, s->k_cache, s->v_cache}});
}

static void dispatch(struct run *run, const struct op_self_attention *s) {
    bool fresh = attention_takes_fresh(s);
    struct attention_job j = {.dst = s->dst,
                              .q = s->q,
                              .k = s->k_cache,
                              .v = s->v_cache,
                              .at = s->at,
                              .window = s->window,
                              .fresh = fresh ? s : NULL};
    if (!fresh)
        dispatch_heads(run, s);
    attention_gpu(run, &j);
}

/* rms and rope per head, in place. */
static void turn(struct run *run, const struct tensor *x, const struct tensor *norm,
                 const struct op_self_attention *s) {
    struct tensor heads = tensor_reshape_2d(x, x->shape[0] * x->shape[1], x->shape[2]);
    if (norm)
        op_rms_norm(run, &heads, &heads, norm, s->eps);
    op_rope(run, x, s->rope);
}

/* The same by other ops. */
static void compose(struct run *run, const struct op_self_attention *s) {
    turn(run, s->q, s->q_norm, s);
    turn(run, s->k, s->k_norm, s);
    op_kv_write(run, s->k_cache, s->k, s->at);
    op_kv_write(run, s->v_cache, s->v, s->at);
    op_attention(run, s->dst, s->q, s->k_cache, s->v_cache, s->at, s->window);
}

void op_self_attention(struct run *run, const struct op_self_attention *s) {
    assert(s->q->rank == 3 && s->k->rank == 3 && row_match(s->dst, s->q) && row_match(s->k, s->v));
    assert(s->q->shape[1] % s->k->shape[1] == 0 && s->k->shape[2] == s->q->shape[2]);
    assert(!s->q_norm == !s->k_norm && (!s->q_norm || s->q_norm->dtype == s->k_norm->dtype));
    assert(tensor_row(s->k_cache) == tensor_row(s->k) && s->rope->shape[0] == s->q->shape[0]);
    if (run->gpu && attention_out_gpu(run, s))
        return;
    if (run->gpu)
        dispatch(run, s);
    else
        compose(run, s);
    if (s->out)
        op_linear_add(run, s->sum, s->dst, s->out, NULL, s->out_scale);
}
