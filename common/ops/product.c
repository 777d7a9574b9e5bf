#include "common/ops/product.h"
#include "common/base/size.h"

#include "common/ops/cpu/kernels.h"
#include "common/ops/row.h"

#include <omp.h>

enum {
    /* More rows than this are worth packing weights for; measured, see tests/bench. */
    UNPACKED_ROWS = 48,
    UNPACKED_ROUNDED_ROWS = 16, /* when they are rounded to bf16 */
    /* With fewer outputs than this a panel of packed weights is mostly empty. */
    UNPACKED_OUTS = 8,
    /* Multiply-adds of one task with few rows: long enough to stream, short enough to share out. */
    TASK_WORK = 1 << 17,
};

/* The bias as f32, zeros where there is an activation but no bias, NULL where there is neither. */
static const float *bias_of(struct run *run, const struct product *p) {
    if (!p->b && p->act == OP_NONE)
        return NULL;
    if (p->b && p->b->dtype == TENSOR_F32)
        return tensor_f32(p->b);
    float *bias = arena_zalloc(&run->memory[RUN_STEP], p->outs * sizeof *bias);
    for (size_t n = 0; p->b && n < p->outs; n++)
        bias[n] = row_weight(p->b, n);
    return bias;
}

/* Products of many rows multiply bf16 by bf16 where the machine can and the run is not precise. */
static bool is_rounded(const struct run *run, const struct product *p) {
    return !run->precise && run->cpu->gemm_pairs && p->w->dtype == TENSOR_BF16;
}

static bool has_few_rows(const struct run *run, const struct product *p) {
    return p->rows <= (size_t)(is_rounded(run, p) ? UNPACKED_ROUNDED_ROWS : UNPACKED_ROWS);
}

/* With dilation 1 the taps of a row lie one behind the other in x, as in w: one long product. */
static bool is_dense(const struct product *p) {
    return p->taps == 1 || p->dilation == 1;
}

static void few_plain(const struct run *run, const struct product *p, size_t t, size_t rows,
                      size_t n, size_t outs) {
    size_t width = p->taps * p->width;
    struct cpu_dots d = {.x = tensor_f32(p->x) + t * p->width,
                         .y = tensor_f32(p->dst) + t * p->outs + n,
                         .x_stride = p->width,
                         .w_stride = width,
                         .y_stride = p->outs,
                         .rows = rows,
                         .outs = outs,
                         .width = width,
                         .add = p->add};
    d.w = (const char *)p->w->data + n * width * tensor_dtype_size(p->w->dtype);
    if (p->w->dtype == TENSOR_BF16)
        run->cpu->dots_bf16(&d);
    else
        run->cpu->dots_f32(&d);
}

/* Rows [t, t + rows) and outputs [n, n + outs) of a dense product. */
static void few(const struct run *run, const struct product *p, const float *bias, size_t t,
                size_t rows, size_t n, size_t outs) {
    float *y = tensor_f32(p->dst) + t * p->outs + n;
    if (row_is_packed(p->w))
        product_few_quant(run, p, t, rows, n, outs);
    else
        few_plain(run, p, t, rows, n, outs);
    for (size_t i = 0; bias && i < rows; i++)
        run->cpu->finish(y + i * p->outs, bias + n, outs, p->act);
}

/* Rows [t, t + rows) and outputs [n, n + outs); n is a multiple of gemm_outs. */
static void many(const struct run *run, const struct product *p, const float *bias, size_t t,
                 size_t rows, size_t n, size_t outs, void *scratch) {
    struct cpu_gemm g = {.x = tensor_f32(p->x),
                         .w = p->w->data,
                         .dtype = p->w->dtype,
                         .y = tensor_f32(p->dst),
                         .bias = bias,
                         .outs = p->outs,
                         .taps = p->taps,
                         .width = p->width,
                         .dilation = p->dilation,
                         .act = p->act,
                         .add = p->add};
    if (is_rounded(run, p))
        run->cpu->gemm_pairs(&g, t, rows, n, outs, scratch);
    else if (product_rounds(run, p->w) && run->cpu->gemm_quant_pairs)
        run->cpu->gemm_quant_pairs(&g, t, rows, n, outs, scratch);
    else if (row_is_packed(p->w))
        run->cpu->gemm_quant(&g, t, rows, n, outs, scratch);
    else if (p->w->dtype == TENSOR_BF16)
        run->cpu->gemm_bf16(&g, t, rows, n, outs, scratch);
    else
        run->cpu->gemm_f32(&g, t, rows, n, outs, scratch);
}

/* Threads share the outputs. */
static void run_few_rows(const struct run *run, const struct product *p, const float *bias) {
    size_t work = p->rows * p->taps * p->width; /* of one output */
    size_t outs = size_most(TASK_WORK / size_most(work, 1) / 4 * 4, 4);
    size_t tasks = size_divide_up(p->outs, outs);
#pragma omp parallel for schedule(dynamic) if (row_pays(run, work * p->outs))
    for (size_t i = 0; i < tasks; i++)
        few(run, p, bias, 0, p->rows, i * outs, size_least(outs, p->outs - i * outs));
}

/* Threads share the rows. */
static void run_few_outs(const struct run *run, const struct product *p, const float *bias) {
    size_t work = p->outs * p->taps * p->width; /* of one row */
    size_t rows = size_most(TASK_WORK / size_most(work, 1) / 6 * 6, 6);
    size_t tasks = size_divide_up(p->rows, rows);
#pragma omp parallel for schedule(dynamic) if (row_pays(run, work * p->rows))
    for (size_t i = 0; i < tasks; i++)
        few(run, p, bias, i * rows, size_least(rows, p->rows - i * rows), 0, p->outs);
}

/* Threads share blocks of rows and outputs, a few for each thread where there is enough work. */
static void run_many(struct run *run, const struct product *p, const float *bias) {
    const struct cpu_kernels *cpu = run->cpu;
    size_t threads = (size_t)run->threads, row_blocks = size_divide_up(p->rows, cpu->gemm_rows);
    size_t panels = size_divide_up(p->outs, cpu->gemm_outs);
    size_t out_blocks =
        size_least(size_divide_up(4 * threads, row_blocks), size_divide_up(panels, 2));
    out_blocks = size_most(out_blocks, size_divide_up(panels, 16));
    char *scratch = arena_alloc(&run->memory[RUN_STEP], threads * cpu->gemm_scratch);
    bool parallel = row_pays(run, p->rows * p->outs * p->taps * p->width);
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(run->threads) if (parallel)
    for (size_t j = 0; j < out_blocks; j++) {
        for (size_t i = 0; i < row_blocks; i++) {
            size_t t = p->rows * i / row_blocks, t_end = p->rows * (i + 1) / row_blocks;
            size_t n = panels * j / out_blocks * cpu->gemm_outs;
            size_t n_end = size_least(panels * (j + 1) / out_blocks * cpu->gemm_outs, p->outs);
            many(run, p, bias, t, t_end - t, n, n_end - n,
                 scratch + (size_t)omp_get_thread_num() * cpu->gemm_scratch);
        }
    }
}

/* All rows of x as int8. */
static const char *round_all(struct run *run, const struct product *p) {
    size_t bytes = product_rounded_bytes(p->width);
    char *rounded = arena_alloc(&run->memory[RUN_STEP], p->rows * bytes);
#pragma omp parallel for if (row_pays(run, p->rows * p->width))
    for (size_t t = 0; t < p->rows; t++)
        product_round(run, rounded + t * bytes, tensor_f32(p->x) + t * p->width, p->width, 0,
                      p->width);
    return rounded;
}

static void run_dense(struct run *run, const struct product *p, const float *bias) {
    struct product own = *p;
    if (product_rounds(run, p->w))
        own.rounded = round_all(run, p);
    if (has_few_rows(run, p))
        run_few_rows(run, &own, bias);
    else
        run_few_outs(run, &own, bias);
}

void product_snake_after(struct run *run, const struct product *p) {
    if (p->snake)
        op_snakebeta(run, p->snake->dst, p->dst, p->snake->alpha, p->snake->beta);
}

void product_run(struct run *run, const struct product *p) {
    assert(row_is_matrix(p->w) && (!p->b || row_is_weight(p->b)));
    assert(row_is_weight(p->x) && row_is_weight(p->dst));
    assert(!p->add || p->act == OP_NONE);
    if (run->gpu) {
        product_dispatch(run, p);
        return;
    }
    assert(p->x->dtype == TENSOR_F32 && p->dst->dtype == TENSOR_F32);
    struct arena_mark mark = arena_mark(&run->memory[RUN_STEP]);
    const float *bias = bias_of(run, p);
    if (is_dense(p) && (has_few_rows(run, p) || p->outs < UNPACKED_OUTS))
        run_dense(run, p, bias);
    else
        run_many(run, p, bias);
    arena_release(&run->memory[RUN_STEP], mark);
    product_snake_after(run, p);
}

void product_part(const struct run *run, const struct product *p, size_t n, size_t outs,
                  void *scratch) {
    if (is_dense(p) && has_few_rows(run, p)) {
        few(run, p, NULL, 0, p->rows, n, outs);
        return;
    }
    size_t blocks = size_divide_up(p->rows, run->cpu->gemm_rows);
    for (size_t i = 0; i < blocks; i++) {
        size_t t = p->rows * i / blocks, t_end = p->rows * (i + 1) / blocks;
        many(run, p, NULL, t, t_end - t, n, outs, scratch);
    }
}

size_t product_step(const struct run *run) {
    return run->cpu->gemm_outs;
}

size_t product_scratch(const struct run *run) {
    return run->cpu->gemm_scratch;
}
