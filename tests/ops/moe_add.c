#include "tests/ops/check.h"

#include <math.h>

struct shape {
    size_t rows, width, inner, experts, chosen;
};

/* all: [E, I, D], [E, I, D] and [E, D, I]; matrices: one expert's each. */
struct job {
    struct tensor dst, x, experts, weights, all[3], matrices[3 * 128];
    struct op_experts w;
};

/* `chosen` different experts in ascending order for each row, as op_route gives them. */
static void choose(struct check *c, const struct shape *s, struct tensor *experts) {
    for (size_t t = 0; t < s->rows; t++) {
        size_t left = s->chosen, i = 0;
        for (size_t e = 0; e < s->experts; e++) {
            if (check_below(c, s->experts - e) < left) {
                tensor_i32(experts)[t * s->chosen + i++] = (int32_t)e;
                left--;
            }
        }
    }
}

static void make_rows(struct check *c, struct job *j, const struct shape *s) {
    j->dst = check_2d(c, TENSOR_F32, s->rows, s->width);
    j->x = check_2d(c, TENSOR_F32, s->rows, s->width);
    j->weights = check_2d(c, TENSOR_F32, s->rows, s->chosen);
    struct tensor flat = check_ints(c, s->rows * s->chosen);
    j->experts = tensor_reshape_2d(&flat, s->rows, s->chosen);
    choose(c, s, &j->experts);
}

static void make_experts(struct check *c, struct job *j, const struct shape *s,
                         enum tensor_dtype dtype) {
    for (size_t kind = 0; kind < 3; kind++) {
        size_t outs = kind < 2 ? s->inner : s->width, width = kind < 2 ? s->width : s->inner;
        j->all[kind] = check_3d(c, dtype, s->experts, outs, width);
        for (size_t e = 0; e < s->experts; e++) {
            struct tensor one = tensor_rows(&j->all[kind], e, 1);
            j->matrices[kind * s->experts + e] = tensor_reshape_2d(&one, outs, width);
        }
    }
    struct tensor *gate = j->matrices, *up = gate + s->experts, *down = up + s->experts;
    j->w = (struct op_experts){.n = s->experts, .gate = gate, .up = up, .down = down};
}

static double dot(const double *x, const struct tensor *w, size_t row) {
    size_t n = tensor_row(w);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * check_at(w, row * n + i);
    return sum;
}

/* rounded: x is so already, and so is what lies between the products. */
static void add_expert(struct check *c, double *y, const double *x, const struct shape *s,
                       const struct op_experts *w, size_t e, double weight, bool rounded) {
    double *h = check_doubles(c, s->inner);
    for (size_t i = 0; i < s->inner; i++) {
        double gate = dot(x, &w->gate[e], i);
        h[i] = gate / (1 + exp(-gate)) * dot(x, &w->up[e], i);
    }
    if (rounded)
        check_round(h, s->inner);
    for (size_t d = 0; d < s->width; d++)
        y[d] += weight * dot(h, &w->down[e], d);
}

static double *reference(struct check *c, const struct job *j, const struct shape *s) {
    double *y = check_doubles(c, s->rows * s->width), *x = check_doubles(c, s->rows * s->width);
    bool rounded = check_rounds(c, j->w.gate->dtype, s->rows);
    for (size_t i = 0; i < s->rows * s->width; i++) {
        y[i] = check_at(&j->dst, i);
        x[i] = check_at(&j->x, i);
    }
    if (rounded)
        check_round(x, s->rows * s->width);
    for (size_t i = 0; i < s->rows * s->chosen; i++) {
        size_t t = i / s->chosen;
        add_expert(c, y + t * s->width, x + t * s->width, s, &j->w,
                   (size_t)tensor_i32(&j->experts)[i], check_at(&j->weights, i), rounded);
    }
    return y;
}

static void work(struct check *c, void *ctx) {
    struct job *j = ctx;
    for (size_t kind = 0; kind < 3; kind++)
        check_on(c, &j->all[kind]);
    struct op_experts w = {j->w.n, check_on_all(c, j->w.gate, j->w.n),
                           check_on_all(c, j->w.up, j->w.n), check_on_all(c, j->w.down, j->w.n)};
    op_moe_add(&c->run, check_on(c, &j->dst), check_on(c, &j->x), check_on(c, &j->experts),
               check_on(c, &j->weights), &w);
}

static void one(struct check *c, const struct shape *s, enum tensor_dtype dtype) {
    struct job j;
    make_rows(c, &j, s);
    make_experts(c, &j, s, dtype);
    double *want = reference(c, &j, s);
    struct tensor before = check_copy(c, &j.dst);
    work(c, &j);
    /* A number between two int8 may go the other way than the reference's. */
    bool rounded = check_rounds(c, dtype, s->rows);
    (rounded ? check_near : check_close)(c, &j.dst, want, rounded ? 1e-3 : 1e-5,
                                         "moe_add %zu rows, %zu of %zu experts, %s [%zu, %zu]",
                                         s->rows, s->chosen, s->experts, tensor_dtype_name(dtype),
                                         s->inner, s->width);
    struct tensor first = j.dst;
    j.dst = before;
    check_threads(c, 3);
    work(c, &j);
    check_threads(c, CHECK_THREADS);
    check_same(c, &j.dst, &first, "same with three threads");
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const struct shape shapes[] = {{1, 8, 3, 4, 1},     {1, 64, 32, 8, 2},    {1, 200, 77, 16, 6},
                                   {2, 33, 17, 5, 5},   {7, 96, 40, 128, 8},  {40, 64, 33, 8, 2},
                                   {65, 130, 48, 4, 3}, {250, 64, 40, 4, 2},  {1, 256, 768, 8, 8},
                                   {1, 64, 384, 7, 6},  {2, 64, 520, 12, 10}, {1, 64, 256, 19, 17}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && !check_only_quantised(c); i++) {
        one(c, &shapes[i], TENSOR_F32);
        one(c, &shapes[i], TENSOR_BF16);
    }
    const struct shape blocks[] = {{1, 256, 256, 4, 2},
                                   {1, 768, 256, 8, 3},
                                   {5, 512, 256, 8, 4},
                                   {11, 256, 512, 7, 3},
                                   {130, 256, 256, 2, 1}};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        for (size_t q = 0; q < CHECK_QUANTISED; q++)
            if (blocks[i].rows < 100 || q % 2 == 0 || c->run.gpu)
                one(c, &blocks[i], check_quantised[q]);
    /* More experts than are dequantised at once. */
    if (c->run.gpu && !c->run.precise)
        one(c, &(struct shape){1500, 256, 256, 41, 2}, TENSOR_Q4_K);
}

/* How many different experts the rows have. */
static double distinct(const struct job *j, const struct shape *s) {
    double n = 0;
    for (size_t e = 0; e < s->experts; e++) {
        bool used = false;
        for (size_t i = 0; i < s->rows * s->chosen; i++)
            used |= (size_t)tensor_i32(&j->experts)[i] == e;
        n += used;
    }
    return n;
}

static void bench_rows(struct check *c, struct job *j, const struct shape *s) {
    make_rows(c, j, s);
    double expert = 3.0 * (double)(s->inner * s->width);
    double bytes =
        (double)(tensor_bytes(&j->all[0]) + tensor_bytes(&j->all[1]) + tensor_bytes(&j->all[2]));
    check_bench(c, work, j, distinct(j, s) * bytes / (double)s->experts,
                (double)(s->rows * s->chosen) * expert * 2,
                "moe_add %zu rows, %zu of %zu experts, %s [%zu, %zu]", s->rows, s->chosen,
                s->experts, tensor_dtype_name(j->w.gate->dtype), s->inner, s->width);
}

/* Experts of so large a model take longer to make than to use: all numbers of rows share them. */
static void bench_experts(struct check *c, struct shape s, enum tensor_dtype dtype) {
    const size_t rows[] = {1, 2, 20, 128, 512, 2048}, n = c->run.gpu ? 6 : 5;
    struct job j;
    make_experts(c, &j, &s, dtype);
    for (size_t i = 0; i < n; i++) {
        s.rows = rows[i];
        bench_rows(c, &j, &s);
    }
    check_free(c);
}

/* Thinker and talker: decode and prefill. */
static void bench(struct check *c) {
    const struct shape thinker = {0, 2048, 768, 128, 8}, talker = {0, 1024, 384, 128, 6};
    bench_experts(c, thinker, TENSOR_BF16);
    bench_experts(c, talker, TENSOR_BF16);
    for (size_t q = 0; q < CHECK_QUANTISED && check_times_quantised(c); q++)
        bench_experts(c, thinker, check_quantised[q]);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
