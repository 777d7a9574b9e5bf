#include "common/ops/cpu/kernels.h"
#include "common/ops/few.h"
#include "common/ops/moe_gpu.h"
#include "common/ops/product.h"
#include "common/ops/row.h"

#include <omp.h>
#include <string.h>

/* The rows are sorted by expert, so that each expert's weights are read once for all its rows. A
 * wave of experts, about WAVE sorted rows, goes through three steps that all threads share: gate
 * and up, down, and the weighted sum into dst. Waves go up in expert number, which makes each
 * row's sum ascend too. Floor: the chosen experts' weights once, 2 FLOP for each of them and row.
 */
enum {
    WAVE = 1024,
    STEP_OUTS = 64, /* outputs of one task */
};

struct moe {
    const struct run *run;
    const struct op_experts *w;
    float *dst;           /* [rows, width] */
    const float *x;       /* the same */
    const float *weights; /* [rows, k] */
    const int32_t *experts;
    size_t rows, k, width, inner;
    size_t *start; /* [n + 1]: first sorted row of each expert, */
    size_t *place; /* [rows * k]: where a row's i-th choice went */
    /* For the sorted rows of the wave: */
    size_t first;                           /* the first of them */
    float *sorted_x, *gate, *up, *sorted_y; /* [.., width], [.., inner] twice, [.., width] */
    char *rounded_x, *rounded_h;            /* as int8 where product_rounds(), else NULL: of
                                             * sorted_x, and of gate once silu(gate) * up */
    char *scratch;                          /* one of product_scratch() for each thread */
};

/* Counting sort, stable: fills start and place. */
static void sort_rows(struct moe *m) {
    size_t n = m->rows * m->k;
    for (size_t i = 0; i < n; i++)
        m->start[m->experts[i] + 1]++;
    for (size_t e = 0; e < m->w->n; e++)
        m->start[e + 1] += m->start[e];
    for (size_t i = 0; i < n; i++)
        m->place[i] = m->start[m->experts[i]]++;
    memmove(m->start + 1, m->start, m->w->n * sizeof *m->start);
    m->start[0] = 0;
}

/* Outputs [n, n + STEP_OUTS) of y = w x for `rows` rows; rounded: x as int8 from row `at` on. */
static void multiply(const struct moe *m, float *y, const float *x, const char *rounded, size_t at,
                     const struct tensor *w, size_t rows, size_t n) {
    size_t outs = w->shape[0], width = w->shape[1];
    struct tensor dst = tensor_2d(TENSOR_F32, y, rows, outs);
    struct tensor src = tensor_2d(TENSOR_F32, (float *)x, rows, width);
    struct product p = {
        .dst = &dst, .x = &src, .w = w, .rows = rows, .outs = outs, .taps = 1, .width = width};
    if (rounded && product_rounds(m->run, w))
        p.rounded = rounded + at * product_rounded_bytes(width);
    void *scratch = m->scratch + (size_t)omp_get_thread_num() * product_scratch(m->run);
    product_part(m->run, &p, n, outs - n < STEP_OUTS ? outs - n : STEP_OUTS, scratch);
}

/* Inner numbers [n, n + STEP_OUTS) of the rows of expert e: silu(gate x) * up x. */
static void expand(const struct moe *m, size_t e, size_t n) {
    size_t at = m->start[e] - m->first, rows = m->start[e + 1] - m->start[e];
    const float *x = m->rows == 1 ? m->x : m->sorted_x + at * m->width;
    float *gate = m->gate + at * m->inner, *up = m->up + at * m->inner;
    multiply(m, gate, x, m->rounded_x, at, &m->w->gate[e], rows, n);
    multiply(m, up, x, m->rounded_x, at, &m->w->up[e], rows, n);
    size_t outs = m->inner - n < STEP_OUTS ? m->inner - n : STEP_OUTS;
    for (size_t i = 0; i < rows; i++) {
        float *row = gate + i * m->inner;
        m->run->cpu->silu_mul(row + n, row + n, up + i * m->inner + n, outs);
        if (m->rounded_h)
            product_round(m->run, m->rounded_h + (at + i) * product_rounded_bytes(m->inner), row,
                          m->inner, n, outs);
    }
}

/* Outputs [n, n + STEP_OUTS) of the rows of expert e. */
static void contract(const struct moe *m, size_t e, size_t n) {
    size_t at = m->start[e] - m->first;
    multiply(m, m->sorted_y + at * m->width, m->gate + at * m->inner, m->rounded_h, at,
             &m->w->down[e], m->start[e + 1] - m->start[e], n);
}

/* Copies choice i's row of x to its place, if its expert is in [e, end). */
static void gather(const struct moe *m, size_t i, size_t e, size_t end) {
    size_t expert = (size_t)m->experts[i], at = m->place[i] - m->first;
    if (expert < e || expert >= end)
        return;
    const float *x = m->x + i / m->k * m->width;
    memcpy(m->sorted_x + at * m->width, x, m->width * sizeof *m->x);
    if (m->rounded_x)
        product_round(m->run, m->rounded_x + at * product_rounded_bytes(m->width), x, m->width, 0,
                      m->width);
}

/* Adds to row t what the experts [e, end) made of it. */
static void scatter(const struct moe *m, size_t t, size_t e, size_t end) {
    for (size_t i = t * m->k; i < (t + 1) * m->k; i++) {
        size_t expert = (size_t)m->experts[i];
        if (expert >= e && expert < end)
            m->run->cpu->add_scaled(m->dst + t * m->width,
                                    m->sorted_y + (m->place[i] - m->first) * m->width,
                                    m->weights[i], m->width);
    }
}

/* Experts [e, end), of which those in active[n] have rows. */
static void wave(const struct moe *m, size_t e, size_t end, const size_t *active, size_t n) {
    size_t pairs = m->start[end] - m->start[e];
    bool parallel = row_pays(m->run, pairs * m->width * m->inner);
#pragma omp parallel num_threads(m->run->threads) if (parallel)
    {
        if (m->rows > 1 || m->rounded_x) {
#pragma omp for
            for (size_t i = 0; i < m->rows * m->k; i++)
                gather(m, i, e, end);
        }
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < m->inner; j += STEP_OUTS)
                expand(m, active[i], j);
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < m->width; j += STEP_OUTS)
                contract(m, active[i], j);
#pragma omp for
        for (size_t t = 0; t < m->rows; t++)
            scatter(m, t, e, end);
    }
}

static void waves(struct moe *m, size_t *active) {
    for (size_t e = 0, end; e < m->w->n; e = end) {
        size_t n = 0;
        m->first = m->start[e];
        for (end = e; end < m->w->n && (end == e || m->start[end + 1] - m->first <= WAVE); end++)
            if (m->start[end + 1] > m->start[end])
                active[n++] = end;
        if (n > 0)
            wave(m, e, end, active, n);
    }
}

static void *zeros(struct run *run, size_t n, size_t size) {
    return arena_zalloc(&run->memory[RUN_STEP], n * size);
}

static float *floats(struct run *run, size_t n) {
    return arena_alloc(&run->memory[RUN_STEP], n * sizeof(float));
}

static void run_cpu(struct run *run, struct moe *m) {
    assert(STEP_OUTS % product_step(run) == 0);
    size_t pairs = m->rows * m->k, most = m->rows > WAVE ? m->rows : pairs < WAVE ? pairs : WAVE;
    struct arena_mark mark = arena_mark(&run->memory[RUN_STEP]);
    m->start = zeros(run, m->w->n + 1, sizeof *m->start);
    m->place = zeros(run, pairs, sizeof *m->place);
    m->sorted_x = floats(run, most * m->width);
    m->sorted_y = floats(run, most * m->width);
    m->gate = floats(run, most * m->inner);
    m->up = floats(run, most * m->inner);
    if (product_rounds(run, &m->w->gate[0]) || product_rounds(run, &m->w->up[0]))
        m->rounded_x = zeros(run, most, product_rounded_bytes(m->width));
    if (product_rounds(run, &m->w->down[0]))
        m->rounded_h = zeros(run, most, product_rounded_bytes(m->inner));
    m->scratch = arena_alloc(&run->memory[RUN_STEP], (size_t)run->threads * product_scratch(run));
    sort_rows(m);
    waves(m, zeros(run, m->w->n, sizeof(size_t)));
    arena_release(&run->memory[RUN_STEP], mark);
}

void op_moe_add(struct run *run, const struct tensor *dst, const struct tensor *x,
                const struct tensor *experts, const struct tensor *weights,
                const struct op_experts *w) {
    size_t width = w->gate[0].shape[1], rows = tensor_count(x) / width;
    size_t k = tensor_count(experts) / (rows ? rows : 1);
    assert(row_made_from(x, dst) && tensor_count(weights) == rows * k);
    if (run->gpu && rows <= FEW_ROWS) {
        moe_few(run, &(struct moe_few){
                         .dst = dst, .x = x, .chosen = experts, .weights = weights, .experts = w});
        return;
    }
    if (run->gpu) {
        moe_many(run, dst, x, experts, weights, w);
        return;
    }
    struct moe m = {.run = run,
                    .w = w,
                    .dst = tensor_f32(dst),
                    .x = tensor_f32(x),
                    .weights = tensor_f32(weights),
                    .experts = tensor_i32(experts),
                    .rows = rows,
                    .k = k,
                    .width = width,
                    .inner = w->gate[0].shape[0]};
    run_cpu(run, &m);
}
