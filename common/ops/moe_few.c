/* Experts for few rows on a GPU: two kernels, which read each chosen weight once. */
#include "shaders/moe_few.h"
#include "common/ops/few.h"
#include "common/ops/few_quant.h"
#include "common/ops/moe_gpu.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

#include <assert.h>
#include <string.h>

/* The first workgroup of moe_hidden makes the choice, if that is its to make. The others make it
 * for themselves, which takes as long as some rows of weights: so many of them are enough. */
enum { CHOOSERS = 128 };

enum {
    /* Shared memory of the choice and of the pairs, about. */
    CHOICE_BYTES = MOE_FEW_EXPERTS * 12 + (1 << 10),
    PAIRS_BYTES = MOE_FEW_CHOSEN * 12 + 12,
};

_Static_assert(OP_GPU_EXPERTS <= MOE_FEW_EXPERTS && OP_GPU_CHOSEN <= MOE_FEW_CHOSEN, "room");

static uint64_t all_addresses(const struct moe_few *f, uint64_t apart) {
    const struct op_experts *w = f->experts;
    return run_address(f->x) | run_address(f->norm) | run_address(&w->gate[0]) |
           run_address(&w->up[0]) | run_address(&w->down[0]) | apart | run_address(f->shared_gate) |
           run_address(f->shared_up) | run_address(f->shared_down);
}

static void hidden(struct run *run, const struct moe_few *f, const struct tensor *h, bool eights,
                   size_t rows) {
    const struct op_experts *w = f->experts;
    bool choose = f->logits || f->router;
    struct moe_hidden_args a = {.x = run_address(f->x),
                                .norm = run_address(f->norm),
                                .logits = run_address(f->router ? &run->counters : f->logits),
                                .experts = run_address(f->chosen),
                                .weights = run_address(f->weights),
                                .gate = run_address(&w->gate[0]),
                                .up = run_address(&w->up[0]),
                                .shared_gate = run_address(f->shared_gate),
                                .shared_up = run_address(f->shared_up),
                                .hidden = run_address(h),
                                .router = run_address(f->router),
                                .shared_router = run_address(f->shared_router),
                                .shared_logit = run_address(f->shared_logit),
                                .apart = (uint32_t)moe_apart(w),
                                .width = (uint32_t)w->gate[0].shape[1],
                                .shared_inner = f->shared_up ? (uint32_t)f->shared_up->shape[0] : 0,
                                .n_experts = (uint32_t)w->n,
                                .normalise = f->normalise,
                                .eps = f->eps};
    uint32_t experts = (uint32_t)w->n, inner = (uint32_t)w->gate[0].shape[0];
    uint32_t chosen = (uint32_t)(tensor_count(f->chosen) / rows);
    size_t tasks = tensor_count(h) / rows, times = tasks / (CHOOSERS * FEW_TEAMS);
    size_t groups = run_groups(tasks, FEW_TEAMS * (choose && times > 1 ? times : 1));
    uint32_t staged = few_width(run, a.width, 1, 2, f->norm != NULL, CHOICE_BYTES);
    struct run_kernel k = {.program = &shader_moe_hidden,
                           .constants = {w->gate[0].dtype == TENSOR_BF16, eights, choose,
                                         few_batch(a.width, 2, 1), few_norm(f->norm),
                                         eights ? staged : 0, experts, chosen, inner,
                                         few_norm(f->router), f->patience},
                           .args = &a,
                           .args_size = sizeof a,
                           .groups = {groups + choose, rows},
                           .reads = {f->x, f->chosen, choose ? f->logits : NULL},
                           .writes = {h, choose ? f->chosen : NULL, f->weights}};
    if (tensor_is_quantised(w->gate[0].dtype)) {
        few_quant(run, &k,
                  &(struct few_quant){.program = &shader_moe_hidden_quant,
                                      .dtype = w->gate[0].dtype,
                                      .width = a.width,
                                      .tasks = tasks,
                                      .matrices = 2,
                                      .rows = rows,
                                      .share = 1,
                                      .spare = CHOICE_BYTES});
        k.groups[0] += choose;
        k.constants[5] = few_norm(f->norm);
        k.constants[6] = choose;
        k.constants[1] = experts;
        k.constants[2] = chosen;
        k.constants[7] = inner;
        k.constants[11] = few_norm(f->router);
        k.constants[12] = f->patience;
    }
    if (f->router) {
        k.writes[3] = &run->counters;
        k.writes[4] = f->shared_logit;
    }
    run_dispatch(run, &k);
}

static void down(struct run *run, const struct moe_few *f, const struct tensor *h, bool eights,
                 size_t rows) {
    const struct op_experts *w = f->experts;
    struct moe_down_args a = {.dst = run_address(f->dst),
                              .hidden = run_address(h),
                              .experts = run_address(f->chosen),
                              .weights = run_address(f->weights),
                              .down = run_address(&w->down[0]),
                              .apart = moe_apart(w),
                              .shared_down = run_address(f->shared_down),
                              .shared_logit = run_address(f->shared_logit),
                              .keys = run_address(&run->counters),
                              .n_keys = f->router ? (uint32_t)w->n : 0,
                              .width = (uint32_t)w->gate[0].shape[1]};
    uint32_t chosen = (uint32_t)(tensor_count(f->chosen) / rows);
    uint32_t inner = (uint32_t)w->gate[0].shape[0];
    uint32_t shared_inner = f->shared_up ? (uint32_t)f->shared_up->shape[0] : 0;
    size_t all = tensor_count(h) / rows;
    struct run_kernel k = {.program = &shader_moe_down,
                           .constants = {w->down[0].dtype == TENSOR_BF16, eights,
                                         few_batch(all, 1, 1), chosen, inner, shared_inner,
                                         eights && few_width(run, all, 1, 1, false, PAIRS_BYTES)},
                           .args = &a,
                           .args_size = sizeof a,
                           .groups = {run_groups(a.width, FEW_TEAMS), rows},
                           .reads = {h, f->chosen, f->weights, f->dst, f->shared_logit},
                           .writes = {f->dst, f->router ? &run->counters : NULL}};
    if (tensor_is_quantised(w->down[0].dtype)) {
        few_quant(run, &k,
                  &(struct few_quant){.program = &shader_moe_down_quant,
                                      .dtype = w->down[0].dtype,
                                      .width = all,
                                      .tasks = a.width,
                                      .matrices = 1,
                                      .rows = rows,
                                      .share = 1,
                                      .spare = PAIRS_BYTES});
        memcpy(k.constants + 5, (uint32_t[3]){chosen, inner, shared_inner}, 3 * sizeof chosen);
    }
    run_dispatch(run, &k);
}

/* Eight numbers of a row are read at a time. */
bool moe_few_routes(const struct moe_few *f) {
    const struct tensor *router = f->router, *shared = f->shared_router;
    size_t width = tensor_row(router);
    uint64_t all =
        run_address(f->x) | run_address(f->norm) | run_address(router) | run_address(shared);
    return tensor_count(f->x) == width && f->norm && few_eights(width, all) &&
           row_is_weight(router) && (!shared || shared->dtype == router->dtype);
}

void moe_few(struct run *run, const struct moe_few *f) {
    struct run_mark mark = run_mark(run, RUN_STEP);
    const struct op_experts *w = f->experts;
    size_t width = w->gate[0].shape[1], inner = w->gate[0].shape[0];
    size_t shared_inner = f->shared_up ? f->shared_up->shape[0] : 0;
    size_t rows = tensor_count(f->x) / width, chosen = tensor_count(f->chosen) / rows;
    struct tensor h = run_new_2d(run, RUN_STEP, TENSOR_F32, rows, chosen * inner + shared_inner);
    bool eights = few_eights(width | inner | shared_inner, all_addresses(f, moe_apart(w)));
    assert(chosen <= MOE_FEW_CHOSEN && w->n <= MOE_FEW_EXPERTS &&
           moe_apart(w) <= OP_GPU_EXPERT_BYTES);
    assert(!f->router || (moe_few_routes(f) && !f->logits && w->n <= RUN_COUNTERS));
    assert(!tensor_is_quantised(w->gate[0].dtype) ||
           few_quant_aligned(all_addresses(f, moe_apart(w))));
    hidden(run, f, &h, eights, rows);
    down(run, f, &h, eights, rows);
    run_release(run, RUN_STEP, mark);
}
