/* Which kernel makes a product on a GPU, and how it is cut into workgroups. */
#include "common/base/size.h"
#include "common/ops/dequantise.h"
#include "common/ops/few.h"
#include "common/ops/few_quant.h"
#include "common/ops/matrix.h"
#include "common/ops/planes.h"
#include "common/ops/product.h"
#include "shaders/product.h"
#include "shaders/programs.h"

#include <assert.h>
#include <string.h>

enum {
    SIDE = 16,           /* shaders/lib/tile.glsl: a workgroup is SIDE times SIDE threads */
    FEW_OUTS = 8,        /* with less, a tile is mostly empty */
    ENOUGH_GROUPS = 256, /* about two for each core of a large GPU */
    ENOUGH_NARROW = 192, /* of a size that none of the others can replace without waste */
    LEAST_PART = 128,    /* summed numbers that are worth a workgroup, */
    LONG_PART = 2048,    /* where there is one for each core already */
};

static bool eights(const struct product *p) {
    return few_eights(p->width, run_address(p->w) | run_address(p->x));
}

static struct product_args arguments(const struct product *p) {
    return (struct product_args){.dst = run_address(p->dst),
                                 .x = run_address(p->x),
                                 .w = run_address(p->w),
                                 .b = run_address(p->b),
                                 .scale = run_address(p->scale),
                                 .rows = (uint32_t)p->rows,
                                 .outs = (uint32_t)p->outs,
                                 .taps = (uint32_t)p->taps,
                                 .width = (uint32_t)p->width,
                                 .dilation = (uint32_t)p->dilation,
                                 .n_parts = 1,
                                 .b_bf16 = p->b && p->b->dtype == TENSOR_BF16,
                                 .scale_bf16 = p->scale && p->scale->dtype == TENSOR_BF16,
                                 .act = p->act,
                                 .add = p->add,
                                 .x_stride = (uint32_t)p->width};
}

static void few(struct run *run, const struct product *p) {
    struct product_args a = arguments(p);
    uint32_t rows = few_rows(p->rows);
    size_t width = p->taps * p->width;
    bool stages = eights(p) && p->rows <= rows; /* all teams have the same */
    run_dispatch(
        run,
        &(struct run_kernel){
            .program = &shader_product_few,
            .constants = {p->w->dtype == TENSOR_BF16, eights(p), rows, few_batch(width, 1, rows),
                          stages ? few_width(run, width, rows, 1, false, 0) : 0},
            .args = &a,
            .args_size = sizeof a,
            .groups = {run_groups(size_divide_up(p->rows, rows) * p->outs, FEW_TEAMS)},
            .reads = {p->x, p->dst},
            .writes = {p->dst}});
}

static void few_quantised(struct run *run, const struct product *p) {
    struct product_args a = arguments(p);
    uint32_t matrices = few_quant_matrices(p->w->dtype, p->outs);
    struct run_kernel k = {
        .args = &a, .args_size = sizeof a, .reads = {p->x, p->dst}, .writes = {p->dst}};
    few_quant(run, &k,
              &(struct few_quant){.program = &shader_product_quant,
                                  .dtype = p->w->dtype,
                                  .width = p->taps * p->width,
                                  .tasks = size_divide_up(p->outs, matrices),
                                  .matrices = matrices,
                                  .rows = p->rows,
                                  .share = FEW_QUANT_SHARE});
    run_dispatch(run, &k);
}

/* ---- many rows ---- */

/* Rows and outs of a workgroup: large tiles read less, small ones give more workgroups. */
struct tile {
    uint32_t rows, outs;
};

static size_t tiles(const struct product *p, struct tile t) {
    return size_divide_up(p->rows, t.rows) * size_divide_up(p->outs, t.outs);
}

/* The first that gives enough workgroups, else the last; from large to small. */
static struct tile choose_tile(const struct product *p, const struct tile *list, size_t n) {
    size_t i = 0;
    while (i + 1 < n && tiles(p, list[i]) < ENOUGH_GROUPS)
        i++;
    return list[i];
}

/* Tiles 96 wide, if they are many: for outs that others do not divide, or only small ones. */
static bool choose_narrow(const struct product *p, struct tile *t) {
    const struct tile list[] = {{128, 96}, {64, 96}};
    bool suits = p->outs % 96 == 0 && (p->outs % 64 != 0 || p->outs < 256);
    for (size_t i = 0; suits && i < sizeof list / sizeof *list; i++) {
        if (list[i].rows > p->rows || tiles(p, list[i]) < ENOUGH_NARROW)
            continue;
        *t = list[i];
        return true;
    }
    return false;
}

/* How the work is cut, and which kernel does it. */
struct plan {
    const struct gpu_program *program;
    uint32_t constants[GPU_CONSTANTS];
    struct tile tile;
};

static struct plan plan_plain(const struct product *p) {
    const struct tile list[] = {{128, 128}, {64, 64}, {32, 64}};
    struct plan plan = {.program = &shader_product_many,
                        .constants = {planes_weights(p->w->dtype), eights(p)},
                        .tile = choose_tile(p, list, p->rows <= 32 ? 3 : 2)};
    choose_narrow(p, &plan.tile);
    plan.constants[2] = plan.tile.rows / SIDE;
    plan.constants[3] = plan.tile.outs / SIDE;
    return plan;
}

/* With matrix units, if they can do it. */
static bool plan_matrix(const struct run *run, const struct product *p, struct plan *plan) {
    const struct tile list[] = {{128, 128}, {64, 128}, {64, 64}, {32, 64}};
    if (!matrix_usable(run, &shader_product_matrix) || !dequantise_can(p->w) || !eights(p))
        return false;
    plan->program = &shader_product_matrix;
    plan->tile = choose_tile(p, list, p->rows <= 32 ? 4 : 3);
    return matrix_constants(plan->constants, &gpu_info(run->gpu)->matrix, plan->tile.rows,
                            plan->tile.outs, 1, p->w->dtype);
}

/* Whether matrices as large as a tile are the device's way for so many rows and w. */
static bool takes_tensors(const struct run *run, size_t rows, const struct tensor *w) {
    return tensors_usable(run, &shader_product_matrix2) && dequantise_can(w) &&
           (w->dtype == TENSOR_BF16 || rows >= DEQUANTISE_ROWS);
}

/* Tiles that fit into rows and outs where that is possible: looking at bounds takes more time than
 * multiplying. */
static struct tile choose_tensor(const struct product *p) {
    const struct tile list[] = {{128, 256}, {128, 128}, {64, 64}, {32, 64}};
    size_t i = 0, last = p->rows < 64 ? 3 : 2;
    struct tile narrow;
    if (choose_narrow(p, &narrow))
        return narrow;
    while (i < last &&
           (list[i].rows > p->rows || list[i].outs > p->outs || tiles(p, list[i]) < ENOUGH_GROUPS))
        i++;
    return list[i];
}

/* Summed numbers of a step: as many as divide the width, but no more of them in the two tiles that
 * are multiplied than the largest tile has. */
static uint32_t choose_step(size_t width, struct tile t) {
    if (width % 64 == 0)
        return 64;
    return width % 96 == 0 && (t.rows + t.outs) * 96 <= (128 + 256) * 64 ? 96 : 32;
}

static uint32_t edges(const struct product *p, struct tile t, size_t width, uint32_t step) {
    return (p->rows < t.rows ? PRODUCT_ROWS_EDGE : 0) | (p->outs < t.outs ? PRODUCT_OUTS_EDGE : 0) |
           (width % step ? PRODUCT_SUMS_EDGE : 0);
}

/* With them, if it is; x and w are bf16 then. */
static bool plan_tensors(const struct run *run, const struct product *p, struct plan *plan) {
    size_t width = p->dilation == 1 ? p->taps * p->width : p->width;
    bool dst_eights = p->outs % 8 == 0 && run_address(p->dst) % 16 == 0;
    /* What was made for this way goes it, even if those were a few rows more. */
    bool made = p->x->dtype == TENSOR_BF16 || p->dst->dtype == TENSOR_BF16;
    if (!takes_tensors(run, made ? SIZE_MAX : p->rows, p->w) || !eights(p))
        return false;
    plan->program = &shader_product_matrix2;
    struct tile t = plan->tile = choose_tensor(p);
    uint32_t step = choose_step(width, t);
    /* Workgroups of 256 threads take multiples of 64 outs only. */
    tensors_constants(plan->constants, t.rows >= 128 && t.outs % 64 == 0 ? 256 : 128, t.rows,
                      t.outs, step);
    plan->constants[4] = dst_eights;
    plan->constants[5] = p->dst->dtype == TENSOR_BF16;
    plan->constants[6] = edges(p, t, width, step);
    return true;
}

/* x or w as bf16, if it is not yet. */
static struct tensor as_bf16(struct run *run, const struct tensor *t) {
    struct tensor rounded = *t;
    if (t->dtype == TENSOR_BF16)
        return rounded;
    rounded = run_new_1d(run, RUN_STEP, TENSOR_BF16, tensor_count(t));
    op_copy(run, &rounded, t);
    return rounded;
}

/* Of product_sum. */
struct sum_args {
    struct product_args product;
    struct product_snake snake;
};

/* With too few tiles for all of the GPU, the sums are cut into parts. */
static uint32_t count_parts(const struct product *p, struct tile t) {
    if (p->dst->dtype == TENSOR_BF16)
        return 1;
    size_t n = tiles(p, t), sums = p->taps * p->width;
    size_t most = size_divide_up(sums, n < ENOUGH_GROUPS / 2 ? LEAST_PART : LONG_PART);
    size_t wanted = size_divide_up(ENOUGH_GROUPS, n);
    return (uint32_t)(wanted < most ? wanted : most);
}

static void add_parts(struct run *run, const struct product *p, const struct product_args *a,
                      const struct tensor *parts) {
    const struct op_snake *s = p->snake;
    struct sum_args sum = {.product = *a};
    struct run_kernel k = {.program = &shader_product_sum,
                           .args = &sum,
                           .args_size = sizeof sum,
                           .groups = {run_groups(p->rows * p->outs, 256)},
                           .reads = {parts, p->dst},
                           .writes = {p->dst, s ? s->dst : NULL}};
    if (s) {
        const uint32_t constants[] = {true, s->alpha->dtype == TENSOR_BF16,
                                      s->beta->dtype == TENSOR_BF16, s->dst->dtype == TENSOR_BF16};
        memcpy(k.constants, constants, sizeof constants);
        sum.snake = (struct product_snake){.dst = run_address(s->dst),
                                           .alpha = run_address(s->alpha),
                                           .beta = run_address(s->beta),
                                           .width = (uint32_t)tensor_count(s->alpha)};
    }
    run_dispatch(run, &k);
}

/* One long tap instead of several that follow one another in x as in w. */
static void join_taps(struct product_args *a) {
    if (a->dilation == 1) {
        a->width *= a->taps;
        a->taps = 1;
    }
}

static void many(struct run *run, const struct product *p) {
    struct run_mark mark = run_mark(run, RUN_STEP);
    struct product_args a = arguments(p);
    struct tensor parts = {.rank = 0}, x = *p->x, w = *p->w;
    struct plan plan = {.program = NULL}; /* a constant more would be another kernel */
    if (plan_tensors(run, p, &plan)) {
        x = as_bf16(run, p->x);
        w = as_bf16(run, p->w);
        a.x = run_address(&x);
        a.w = run_address(&w);
        join_taps(&a);
    } else {
        assert(x.dtype == TENSOR_F32 && p->dst->dtype == TENSOR_F32);
        if (!plan_matrix(run, p, &plan))
            plan = plan_plain(p);
    }
    a.n_parts = count_parts(p, plan.tile);
    if (a.n_parts > 1)
        parts = run_new_3d(run, RUN_STEP, TENSOR_F32, a.n_parts, p->rows, p->outs);
    a.parts = run_address(&parts);
    struct run_kernel k = {.program = plan.program,
                           .args = &a,
                           .args_size = sizeof a,
                           .groups = {size_divide_up(p->outs, plan.tile.outs),
                                      size_divide_up(p->rows, plan.tile.rows), a.n_parts},
                           .reads = {&x, p->dst, &w},
                           .writes = {a.n_parts > 1 ? &parts : p->dst}};
    memcpy(k.constants, plan.constants, sizeof k.constants);
    run_dispatch(run, &k);
    if (a.n_parts > 1)
        add_parts(run, p, &a, &parts);
    else
        product_snake_after(run, p);
    run_release(run, RUN_STEP, mark);
}

enum tensor_dtype op_matrix_dtype(const struct run *run, size_t rows, const struct tensor *w) {
    bool rounds = rows > FEW_ROWS && w->shape[0] >= FEW_OUTS && takes_tensors(run, rows, w) &&
                  few_eights(w->shape[w->rank - 1], run_address(w));
    return rounds ? TENSOR_BF16 : TENSOR_F32;
}

size_t op_matrix_width(const struct run *run, size_t width) {
    enum { STEP = 32 };
    bool pads = tensors_usable(run, &shader_product_matrix2) && width % 8 != 0;
    return pads ? size_divide_up(width, STEP) * STEP : width;
}

enum tensor_dtype op_between_dtype(const struct run *run, size_t rows, const struct tensor *w,
                                   const struct tensor *next) {
    enum tensor_dtype dtype = op_matrix_dtype(run, rows, w);
    return dtype == op_matrix_dtype(run, rows, next) ? dtype : TENSOR_F32;
}

/* With dilation 1 the taps of a row lie one behind the other in x, as in w: one long product. */
void product_dispatch(struct run *run, const struct product *p) {
    bool contiguous = p->taps == 1 || p->dilation == 1;
    bool quantised = tensor_is_quantised(p->w->dtype);
    assert(!quantised || (contiguous && few_quant_aligned(run_address(p->w) | run_address(p->x))));
    bool is_few =
        quantised ? p->rows <= FEW_ROWS : contiguous && (p->rows <= FEW_ROWS || p->outs < FEW_OUTS);
    if (!is_few)
        many(run, p);
    else if (quantised)
        few_quantised(run, p);
    else
        few(run, p);
    if (is_few)
        product_snake_after(run, p);
}
