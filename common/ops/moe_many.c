/* Experts for many rows on a GPU: matrix products of tiles of rows that chose the same one. */
#include "common/base/size.h"
#include "common/ops/dequantise.h"
#include "common/ops/few.h"
#include "common/ops/matrix.h"
#include "common/ops/moe_gpu.h"
#include "common/ops/planes.h"
#include "shaders/moe.h"
#include "shaders/programs.h"

#include <assert.h>
#include <string.h>

enum {
    SIDE = 16,   /* shaders/lib/tile.glsl: a workgroup is SIDE times SIDE threads */
    STEP = 64,   /* numbers that kernels with matrices as large as a tile sum in a step */
    AT_ONCE = 32 /* experts whose weights are bf16 at the same time: 300 MB of the thinker's */
};

_Static_assert(OP_GPU_EXPERTS <= MOE_MAX_EXPERTS, "room for the plan");

/* What the kernels touch, their arguments, and which do the two products. */
struct moe {
    const struct tensor *dst, *x, *experts, *weights;
    const struct op_experts *w;
    struct tensor hidden, results, plan, sorted;
    struct moe_args args;
    uint32_t hidden_outs, down_outs; /* of a tile */
    bool in_order;                   /* rows of a tile lie together, see shaders/moe.h */
    bool dequantised;                /* bf16 weights are made of them */
    const struct gpu_program *hidden_program, *down_program;
    uint32_t hidden_constants[GPU_CONSTANTS], down_constants[GPU_CONSTANTS];
};

uint64_t moe_apart(const struct op_experts *w) {
    const struct tensor *kinds[] = {w->gate, w->up, w->down};
    uint64_t apart = w->n < 2 ? 0 : run_address(&w->gate[1]) - run_address(&w->gate[0]);
    for (size_t kind = 0; kind < 3; kind++)
        for (size_t e = 0; e < w->n; e++)
            assert(run_address(&kinds[kind][e]) == run_address(&kinds[kind][0]) + e * apart);
    (void)kinds;
    return apart;
}

static void dispatch(struct run *run, const struct moe *m, const struct gpu_program *program,
                     const uint32_t *constants, size_t groups_x, size_t groups_y,
                     const struct tensor *const reads[4], const struct tensor *writes) {
    struct run_kernel k = {.program = program,
                           .args = &m->args,
                           .args_size = sizeof m->args,
                           .groups = {groups_x, groups_y},
                           .reads = {reads[0], reads[1], reads[2], reads[3]},
                           .writes = {writes}};
    if (constants)
        memcpy(k.constants, constants, sizeof k.constants);
    run_dispatch(run, &k);
}

/* The tile should not be much larger than what an expert has to do. */
static size_t rows_each(const struct moe *m) {
    return (size_t)m->args.rows * m->args.chosen / m->args.n_experts;
}

static void plan_plain(struct moe *m, bool eights) {
    size_t each = rows_each(m);
    const uint32_t constants[GPU_CONSTANTS] = {planes_weights(m->w->gate[0].dtype), eights,
                                               each >= 96   ? 8
                                               : each >= 24 ? 4
                                                            : 2,
                                               each >= 96 ? 8 : 4};
    m->args.tile = SIDE * constants[2];
    m->hidden_outs = SIDE * constants[3] / 2;
    m->down_outs = SIDE * constants[3];
    m->hidden_program = &shader_moe_hidden_many;
    m->down_program = &shader_moe_down_many;
    memcpy(m->hidden_constants, constants, sizeof constants);
    memcpy(m->down_constants, constants, sizeof constants);
    m->down_constants[0] = planes_weights(m->w->down[0].dtype);
}

/* Whether all matrices are bf16 or can be made so. */
static bool can_be_bf16(const struct op_experts *w) {
    return dequantise_can(&w->gate[0]) && dequantise_can(&w->up[0]) && dequantise_can(&w->down[0]);
}

/* With matrices as large as a tile. x that is bf16 was made so for them. */
static bool plan_tensors(const struct run *run, struct moe *m, bool eights) {
    size_t each = rows_each(m);
    const struct op_experts *w = m->w;
    bool bf16 = w->gate[0].dtype == TENSOR_BF16 && w->up[0].dtype == TENSOR_BF16 &&
                w->down[0].dtype == TENSOR_BF16;
    if (!tensors_usable(run, &shader_moe_hidden_matrix2) || !can_be_bf16(w) || !eights)
        return false;
    if (!bf16 && each < DEQUANTISE_EACH && m->x->dtype == TENSOR_F32)
        return false;
    m->in_order = true;
    m->dequantised = !bf16;
    m->args.tile = each >= 48 ? 64 : 32;
    m->hidden_outs = m->down_outs = 128;
    m->hidden_program = &shader_moe_hidden_matrix2;
    m->down_program = &shader_moe_down_matrix2;
    tensors_constants(m->hidden_constants, 256, m->args.tile, m->hidden_outs, STEP);
    tensors_constants(m->down_constants, 256, m->args.tile, m->down_outs, STEP);
    m->hidden_constants[4] = m->args.inner % m->hidden_outs == 0 && m->args.width % STEP == 0;
    m->down_constants[4] = m->args.width % m->down_outs == 0 && m->args.inner % STEP == 0;
    return true;
}

/* With matrix units, if they can do it. */
static bool plan_matrix(const struct run *run, struct moe *m, bool eights) {
    size_t each = rows_each(m);
    const struct op_experts *w = m->w;
    if (!matrix_usable(run, &shader_moe_hidden_matrix) || !can_be_bf16(w) || !eights)
        return false;
    const struct gpu_matrix *device = &gpu_info(run->gpu)->matrix;
    m->args.tile = each >= 256 ? 128 : each >= 24 ? 64 : 32;
    m->hidden_outs = 64;
    m->down_outs = 128;
    m->hidden_program = &shader_moe_hidden_matrix;
    m->down_program = &shader_moe_down_matrix;
    return matrix_constants(m->hidden_constants, device, m->args.tile, 128, 2, w->gate[0].dtype) &&
           matrix_constants(m->down_constants, device, m->args.tile, 128, 1, w->down[0].dtype);
}

static void gather(struct run *run, struct moe *m) {
    size_t pairs = (size_t)m->args.rows * m->args.chosen;
    m->sorted = run_new_2d(run, RUN_STEP, TENSOR_BF16, pairs + m->args.tile, m->args.width);
    m->args.sorted = run_address(&m->sorted);
    const uint32_t constants[GPU_CONSTANTS] = {m->x->dtype == TENSOR_BF16};
    dispatch(run, m, &shader_moe_gather, constants, run_groups(pairs * m->args.width / 8, 256), 1,
             (const struct tensor *[4]){m->x, &m->plan}, &m->sorted);
}

/* hidden and results; weights: gate, up and down if they are made in this step, else NULL. */
static void products(struct run *run, struct moe *m, const struct tensor *weights) {
    const struct moe_args *a = &m->args;
    const struct tensor *gate = weights, *up = weights ? weights + 1 : NULL;
    size_t tiles = MOE_TILES((size_t)a->rows * a->chosen, a->n_experts, a->tile);
    dispatch(run, m, m->hidden_program, m->hidden_constants,
             size_divide_up(a->inner, m->hidden_outs), tiles,
             (const struct tensor *[4]){m->in_order ? &m->sorted : m->x, &m->plan, gate, up},
             &m->hidden);
    dispatch(run, m, m->down_program, m->down_constants, size_divide_up(a->width, m->down_outs),
             tiles, (const struct tensor *[4]){&m->hidden, &m->plan, weights ? weights + 2 : NULL},
             &m->results);
}

/* The same with bf16 weights of some experts at a time. What is made next for down waits for the
 * product before, the rest does not: they lie apart. */
static void dequantised(struct run *run, struct moe *m) {
    struct moe_args *a = &m->args;
    const struct tensor *kinds[3] = {m->w->gate, m->w->up, m->w->down};
    size_t each = (size_t)a->inner * a->width, n = a->n_experts;
    size_t some = size_divide_up(n, size_divide_up(n, AT_ONCE));
    uint64_t apart = a->apart;
    uint64_t counts = a->plan + MOE_COUNTS((size_t)a->rows * a->chosen, n, a->tile) * 4;
    struct tensor weights[3], made[3];
    for (size_t kind = 0; kind < 3; kind++)
        weights[kind] = run_new_2d(run, RUN_STEP, TENSOR_BF16, some, each);
    a->gate = run_address(&weights[0]);
    a->up = run_address(&weights[1]);
    a->down = run_address(&weights[2]);
    a->apart = each * 2;
    for (size_t first = 0; first < n; first += some) {
        a->first = (uint32_t)first;
        a->some = (uint32_t)(n - first < some ? n - first : some);
        for (size_t kind = 0; kind < 3; kind++) {
            made[kind] = tensor_rows(&weights[kind], 0, a->some);
            dequantise(run, &made[kind], &kinds[kind][first], apart, &m->plan, counts + first * 4);
        }
        products(run, m, made);
    }
}

static void dispatch_all(struct run *run, struct moe *m) {
    struct moe_args *a = &m->args;
    size_t pairs = (size_t)a->rows * a->chosen;
    size_t plan = MOE_COUNTS(pairs, a->n_experts, a->tile) + a->n_experts;
    /* Tiles in order are read whole, whether or not there are so many places. */
    m->hidden = run_new_2d(run, RUN_STEP, m->in_order ? TENSOR_BF16 : TENSOR_F32,
                           pairs + (m->in_order ? a->tile : 0), a->inner);
    m->results = run_new_2d(run, RUN_STEP, TENSOR_F32, pairs, a->width);
    a->hidden = run_address(&m->hidden);
    a->results = run_address(&m->results);
    m->plan = run_new_1d(run, RUN_STEP, TENSOR_I32, plan);
    const uint32_t combine[GPU_CONSTANTS] = {
        m->in_order, a->width % 4 == 0 && (run_address(m->dst) | a->results) % 16 == 0 ? 4 : 1};
    a->plan = run_address(&m->plan);
    dispatch(run, m, &shader_moe_plan, NULL, 1, 1, (const struct tensor *[4]){m->experts},
             &m->plan);
    if (m->in_order)
        gather(run, m);
    if (m->dequantised)
        dequantised(run, m);
    else
        products(run, m, NULL);
    dispatch(run, m, &shader_moe_combine, combine, run_groups((size_t)a->rows * a->width, 1024), 1,
             (const struct tensor *[4]){&m->results, m->weights, m->dst, &m->plan}, m->dst);
}

void moe_many(struct run *run, const struct tensor *dst, const struct tensor *x,
              const struct tensor *experts, const struct tensor *weights,
              const struct op_experts *w) {
    struct run_mark mark = run_mark(run, RUN_STEP);
    size_t width = w->gate[0].shape[1], inner = w->gate[0].shape[0];
    size_t rows = tensor_count(x) / width, pairs = tensor_count(experts);
    struct moe m = {.dst = dst, .x = x, .experts = experts, .weights = weights, .w = w};
    m.args = (struct moe_args){.dst = run_address(dst),
                               .x = run_address(x),
                               .experts = run_address(experts),
                               .weights = run_address(weights),
                               .gate = run_address(&w->gate[0]),
                               .up = run_address(&w->up[0]),
                               .down = run_address(&w->down[0]),
                               .apart = moe_apart(w),
                               .rows = (uint32_t)rows,
                               .chosen = (uint32_t)(pairs / rows),
                               .width = (uint32_t)width,
                               .inner = (uint32_t)inner,
                               .n_experts = (uint32_t)w->n,
                               .some = (uint32_t)w->n};
    assert(w->n > 0 && w->n <= MOE_MAX_EXPERTS);
    bool eights =
        few_eights(width | inner, m.args.x | m.args.gate | m.args.up | m.args.down | m.args.apart);
    if (!plan_tensors(run, &m, eights) && !plan_matrix(run, &m, eights))
        plan_plain(&m, eights);
    assert(m.in_order || x->dtype == TENSOR_F32);
    dispatch_all(run, &m);
    run_release(run, RUN_STEP, mark);
}
