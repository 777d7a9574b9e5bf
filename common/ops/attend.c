#include "common/ops/attend.h"

#include "common/ops/row.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <string.h>

enum {
    /* Keys of one task when a few rows look back far: threads share the keys. */
    SPLIT = 256,
};

/* Adds a query's sums over more keys to those so far. */
static void merge(float *sums, const float *more, size_t head_dim) {
    float largest = fmaxf(sums[0], more[0]);
    float keep = expf(sums[0] - largest), add = expf(more[0] - largest);
    sums[0] = largest;
    for (size_t i = 1; i < head_dim + 2; i++)
        sums[i] = keep * sums[i] + add * more[i];
}

/* The query heads of one kv head in one row. */
static void store(float *dst, const struct cpu_attend *a, size_t head, size_t t,
                  const float *sums) {
    size_t group = a->heads / a->kv_heads;
    dst += (t * a->heads + head * group) * a->head_dim;
    for (size_t i = 0; i < group; i++, sums += a->head_dim + 2)
        for (size_t d = 0; d < a->head_dim; d++)
            *dst++ = sums[2 + d] / sums[1];
}

/* Memory for every thread. */
struct scratch {
    char *data;
    size_t each;
};

static struct scratch new_scratch(struct run *run, size_t each) {
    each = (each + 63) / 64 * 64;
    return (struct scratch){arena_alloc(&run->memory[RUN_STEP], (size_t)run->threads * each), each};
}

static void *mine(const struct scratch *s) {
    return s->data + (size_t)omp_get_thread_num() * s->each;
}

/* Bytes of the sums of one row in one kv head. */
static size_t row_sums(const struct cpu_attend *a) {
    return a->heads / a->kv_heads * (a->head_dim + 2) * sizeof(float);
}

/* A few rows, many keys. The splits depend on the keys alone, so the result does not depend on the
 * number of threads. */
static void run_splits(struct run *run, float *dst, const struct cpu_attend *a, size_t rows,
                       size_t lo, size_t hi, bool parallel) {
    size_t splits = (hi - lo + SPLIT - 1) / SPLIT, size = rows * row_sums(a) / sizeof(float);
    float *sums = arena_alloc(&run->memory[RUN_STEP], a->kv_heads * splits * size * sizeof *sums);
    struct scratch scratch = new_scratch(run, run->cpu->attend_scratch(a->head_dim));
#pragma omp parallel num_threads(run->threads) if (parallel)
    {
#pragma omp for collapse(2) schedule(dynamic)
        for (size_t head = 0; head < a->kv_heads; head++) {
            for (size_t i = 0; i < splits; i++) {
                size_t from = lo + i * SPLIT, to = from + SPLIT < hi ? from + SPLIT : hi;
                run->cpu->attend(a, head, 0, rows, from, to, sums + (head * splits + i) * size,
                                 mine(&scratch));
            }
        }
#pragma omp for
        for (size_t head = 0; head < a->kv_heads; head++) {
            float *first = sums + head * splits * size;
            for (size_t i = 1; i < splits; i++)
                for (size_t j = 0; j < size; j += a->head_dim + 2)
                    merge(first + j, first + i * size + j, a->head_dim);
            for (size_t t = 0; t < rows; t++)
                store(dst, a, head, t, first + t * size / rows);
        }
    }
}

/* Rows [t, t_end) in one kv head over all keys they see. */
static void run_block(const struct run *run, float *dst, const struct cpu_attend *a, size_t head,
                      size_t t, size_t t_end, void *scratch) {
    float *sums = scratch;
    void *rest =
        (char *)scratch + (CPU_ATTEND_QUERIES * (a->head_dim + 2) * sizeof *sums + 63) / 64 * 64;
    size_t lo = cpu_attend_seen(a, t).lo, hi = cpu_attend_seen(a, t_end - 1).hi;
    run->cpu->attend(a, head, t, t_end - t, lo, hi, sums, rest);
    for (size_t i = t; i < t_end; i++)
        store(dst, a, head, i, sums + (i - t) * row_sums(a) / sizeof *sums);
}

/* Blocks of rows, none across the borders of a->block. */
static void run_blocks(struct run *run, float *dst, const struct cpu_attend *a, size_t rows,
                       bool parallel) {
    size_t outer = a->block ? a->block : rows;
    size_t inner = CPU_ATTEND_QUERIES / (a->heads / a->kv_heads);
    size_t outer_blocks = (rows + outer - 1) / outer, inner_blocks = (outer + inner - 1) / inner;
    struct scratch scratch =
        new_scratch(run, CPU_ATTEND_QUERIES * (a->head_dim + 2) * sizeof(float) + 64 +
                             run->cpu->attend_scratch(a->head_dim));
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(run->threads) if (parallel)
    for (size_t i = 0; i < outer_blocks * inner_blocks; i++) {
        for (size_t head = 0; head < a->kv_heads; head++) {
            size_t first = i / inner_blocks * outer, t = first + i % inner_blocks * inner;
            size_t end = first + outer < rows ? first + outer : rows;
            if (t < end)
                run_block(run, dst, a, head, t, t + inner < end ? t + inner : end, mine(&scratch));
        }
    }
}

void attend_run(struct run *run, float *dst, const struct cpu_attend *a, size_t rows) {
    size_t group = a->heads / a->kv_heads;
    assert(a->heads % a->kv_heads == 0 && group <= CPU_ATTEND_QUERIES);
    if (rows == 0)
        return;
    struct arena_mark mark = arena_mark(&run->memory[RUN_STEP]);
    size_t lo = cpu_attend_seen(a, 0).lo, hi = cpu_attend_seen(a, rows - 1).hi;
    bool parallel = row_pays(run, rows * a->heads * a->head_dim * (hi - lo));
    if (rows * group <= CPU_ATTEND_QUERIES && !a->block && hi - lo > SPLIT)
        run_splits(run, dst, a, rows, lo, hi, parallel);
    else
        run_blocks(run, dst, a, rows, parallel);
    arena_release(&run->memory[RUN_STEP], mark);
}
