#include "common/ops/moe_gpu.h"
#include "common/weights/quant_blocks.h"
#include "tests/ops/check.h"

#include <math.h>

static const float eps = 1e-6F;

/* shared: rows of the shared expert's matrices, 0: there is none. */
struct shape {
    size_t rows, width, inner, experts, chosen, shared;
    bool normalise;
};

enum { GATE, UP, DOWN, KINDS, MOST_EXPERTS = 128 };

/* all: [E, I, D], [E, I, D] and [E, D, I]; experts: one's each. shared: [Is, D] twice, [D, Is]. */
struct job {
    struct tensor x, norm, router, shared_gate, chosen, weights;
    bool normalise;
    bool alone; /* no workgroup waits for logits that others make */
    struct tensor all[KINDS], experts[KINDS][MOST_EXPERTS], shared[KINDS];
};

static void make(struct check *c, struct job *j, const struct shape *s, enum tensor_dtype dtype) {
    struct tensor ids = check_ints(c, s->rows * s->chosen);
    enum tensor_dtype router =
        tensor_is_quantised(dtype) && s->shared ? TENSOR_BF16 : check_plain(dtype);
    j->x = check_2d(c, TENSOR_F32, s->rows, s->width);
    j->norm = check_1d(c, check_plain(dtype), s->width);
    j->router = check_2d(c, router, s->experts, s->width);
    j->shared_gate = check_2d(c, router, 1, s->width);
    j->chosen = tensor_reshape_2d(&ids, s->rows, s->chosen);
    j->weights = check_2d(c, TENSOR_F32, s->rows, s->chosen);
    for (size_t kind = 0; kind < KINDS; kind++) {
        size_t outs = kind == DOWN ? s->width : s->inner;
        size_t width = kind == DOWN ? s->inner : s->width;
        j->all[kind] = check_3d(c, dtype, s->experts, outs, width);
        for (size_t e = 0; e < s->experts; e++) {
            struct tensor one = tensor_rows(&j->all[kind], e, 1);
            j->experts[kind][e] = tensor_reshape_2d(&one, outs, width);
        }
        if (s->shared)
            j->shared[kind] = check_2d(c, dtype, kind == DOWN ? s->width : s->shared,
                                       kind == DOWN ? s->shared : s->width);
    }
}

/* op_moe() of one row on a GPU, where each workgroup makes all logits by itself. */
static void without_patience(struct check *c, const struct tensor *x, const struct tensor *chosen,
                             const struct tensor *weights, const struct op_moe *m) {
    struct tensor logit = run_new_2d(&c->run, RUN_STEP, TENSOR_F32, 1, 1);
    struct moe_few f = {.dst = x,
                        .x = x,
                        .chosen = chosen,
                        .weights = weights,
                        .experts = m->experts,
                        .router = m->router,
                        .shared_router = m->shared_gate,
                        .normalise = m->normalise,
                        .norm = m->norm,
                        .eps = eps,
                        .shared_logit = m->shared_gate ? &logit : NULL,
                        .shared_gate = m->gate,
                        .shared_up = m->up,
                        .shared_down = m->down};
    check_true(c, moe_few_routes(&f), "logits are made with the first step of the experts");
    moe_few(&c->run, &f);
}

static void work(struct check *c, void *ctx) {
    struct job *j = ctx;
    struct op_experts experts = {.n = j->router.shape[0]};
    bool shared = j->shared[GATE].rank;
    for (size_t kind = 0; kind < KINDS; kind++)
        check_on(c, &j->all[kind]);
    experts.gate = check_on_all(c, j->experts[GATE], experts.n);
    experts.up = check_on_all(c, j->experts[UP], experts.n);
    experts.down = check_on_all(c, j->experts[DOWN], experts.n);
    struct op_moe m = {.norm = check_on(c, &j->norm),
                       .eps = eps,
                       .router = check_on(c, &j->router),
                       .normalise = j->normalise,
                       .experts = &experts,
                       .shared_gate = shared ? check_on(c, &j->shared_gate) : NULL,
                       .gate = shared ? check_on(c, &j->shared[GATE]) : NULL,
                       .up = shared ? check_on(c, &j->shared[UP]) : NULL,
                       .down = shared ? check_on(c, &j->shared[DOWN]) : NULL};
    const struct tensor *x = check_on(c, &j->x), *chosen = check_on(c, &j->chosen);
    const struct tensor *weights = check_on(c, &j->weights);
    if (j->alone)
        without_patience(c, x, chosen, weights, &m);
    else
        op_moe(&c->run, x, chosen, weights, &m);
}

/* ---- reference ---- */

static double dot(const double *x, const struct tensor *w, size_t row) {
    size_t n = tensor_row(w);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * check_at(w, row * n + i);
    return sum;
}

static double *normalised(struct check *c, const struct job *j, size_t t) {
    size_t width = j->x.shape[1];
    double *y = check_doubles(c, width), squares = 0;
    for (size_t k = 0; k < width; k++)
        squares += check_at(&j->x, t * width + k) * check_at(&j->x, t * width + k);
    for (size_t k = 0; k < width; k++)
        y[k] = check_at(&j->x, t * width + k) * check_at(&j->norm, k) /
               sqrt(squares / (double)width + eps);
    return y;
}

/* x[d] += weight * down(silu(gate y) * up y)[d] */
static void add_mlp(struct check *c, double *x, const double *y, const struct tensor *gate,
                    const struct tensor *up, const struct tensor *down, double weight) {
    size_t inner = gate->shape[0];
    double *h = check_doubles(c, inner);
    for (size_t i = 0; i < inner; i++) {
        double g = dot(y, gate, i);
        h[i] = g / (1 + exp(-g)) * dot(y, up, i);
    }
    for (size_t d = 0; d < down->shape[0]; d++)
        x[d] += weight * dot(h, down, d);
}

/* Marks the k largest. */
static void choose(const double *logit, size_t n, size_t k, bool *chosen) {
    for (size_t e = 0; e < n; e++) {
        size_t before = 0;
        for (size_t other = 0; other < n; other++)
            before += logit[other] > logit[e] || (other < e && logit[other] == logit[e]);
        chosen[e] = before < k;
    }
}

/* One row of x; its part of want_chosen and want_weights. */
static void reference(struct check *c, const struct job *j, const struct shape *s, size_t t,
                      double *x, double *want_chosen, double *want_weights) {
    double *y = normalised(c, j, t), *logit = check_doubles(c, s->experts), sum = 0;
    bool chosen[MOST_EXPERTS];
    size_t i = 0;
    for (size_t d = 0; d < s->width; d++)
        x[d] = check_at(&j->x, t * s->width + d);
    for (size_t e = 0; e < s->experts; e++)
        logit[e] = dot(y, &j->router, e);
    choose(logit, s->experts, s->chosen, chosen);
    for (size_t e = 0; e < s->experts; e++)
        sum += chosen[e] || !s->normalise ? exp(logit[e]) : 0;
    for (size_t e = 0; e < s->experts; e++) {
        if (!chosen[e])
            continue;
        want_chosen[i] = (double)e;
        want_weights[i++] = exp(logit[e]) / sum;
        add_mlp(c, x, y, &j->experts[GATE][e], &j->experts[UP][e], &j->experts[DOWN][e],
                exp(logit[e]) / sum);
    }
    if (s->shared)
        add_mlp(c, x, y, &j->shared[GATE], &j->shared[UP], &j->shared[DOWN],
                1 / (1 + exp(-dot(y, &j->shared_gate, 0))));
}

/* ---- tests ---- */

static void compare(struct check *c, struct job *j, const struct shape *s,
                    enum tensor_dtype dtype) {
    double *x = check_doubles(c, s->rows * s->width);
    double *chosen = check_doubles(c, s->rows * s->chosen);
    double *weights = check_doubles(c, s->rows * s->chosen);
    size_t wrong = 0;
    for (size_t t = 0; t < s->rows; t++)
        reference(c, j, s, t, x + t * s->width, chosen + t * s->chosen, weights + t * s->chosen);
    work(c, j);
    check_close(c, &j->x, x, 1e-5, "moe %zu rows, %zu of %zu experts, %s [%zu, %zu], shared %zu",
                s->rows, s->chosen, s->experts, tensor_dtype_name(dtype), s->inner, s->width,
                s->shared);
    check_close(c, &j->weights, weights, 1e-4, "their weights");
    for (size_t i = 0; i < s->rows * s->chosen; i++)
        wrong += tensor_i32(&j->chosen)[i] != (int32_t)chosen[i];
    check_true(c, wrong == 0, "%zu wrong choices", wrong);
}

/* What the row has become goes through again, and again by workgroups that do not wait. */
static void again(struct check *c, struct job *j, const struct shape *s, enum tensor_dtype dtype) {
    struct tensor before = check_copy(c, &j->x);
    compare(c, j, s, dtype);
    struct tensor x = j->x, weights = check_copy(c, &j->weights), ids = check_copy(c, &j->chosen);
    j->x = before;
    j->alone = true;
    work(c, j);
    check_same(c, &j->x, &x, "same without patience");
    check_same(c, &j->weights, &weights, "their weights");
    check_same(c, &j->chosen, &ids, "their choice");
}

static void one(struct check *c, const struct shape *s, enum tensor_dtype dtype) {
    static struct job j;
    j = (struct job){.normalise = s->normalise};
    make(c, &j, s, dtype);
    compare(c, &j, s, dtype);
    if (c->run.gpu && s->rows == 1)
        again(c, &j, s, dtype);
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const struct shape shapes[] = {
        {1, 8, 3, 4, 1, 0, true},        {1, 64, 32, 8, 2, 16, true},
        {1, 200, 72, 16, 6, 40, false},  {2, 33, 17, 5, 5, 9, true},
        {5, 96, 40, 128, 8, 0, true},    {8, 128, 24, 100, 6, 72, false},
        {1, 512, 64, 128, 8, 0, true},   {40, 64, 33, 8, 2, 20, true},
        {20, 136, 48, 10, 3, 64, false}, {1, 2056, 16, 33, 4, 8, true},
        {40, 64, 36, 8, 2, 0, true},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && !check_only_quantised(c); i++) {
        one(c, &shapes[i], TENSOR_F32);
        one(c, &shapes[i], TENSOR_BF16);
    }
    /* On the CPU through other ops, whose own tests have the rounded products. */
    for (size_t i = 0; (c->run.gpu || c->run.precise) && i < CHECK_QUANTISED; i++) {
        one(c, &(struct shape){2, 256, 256, 5, 2, 512, true}, check_quantised[i]);
        one(c, &(struct shape){1, 2048, 256, 9, 3, 0, false}, check_quantised[i]);
        one(c, &(struct shape){1, 256, 256, 40, 2, 256, true}, check_quantised[i]);
        one(c, &(struct shape){1, 256, 768, 9, 8, 0, true}, check_quantised[i]);
        one(c, &(struct shape){20, 256, 256, 5, 2, 512, true}, check_quantised[i]);
    }
}

static void bench_one(struct check *c, const struct shape *s, enum tensor_dtype dtype) {
    static struct job j;
    double rows = (double)s->rows, plain = (double)(s->experts * s->width);
    double weights = 3.0 * (double)((s->chosen * s->inner + s->shared) * s->width);
    double size = (double)tensor_dtype_size(dtype) / (double)tensor_dtype_block(dtype);
    double router = (double)tensor_dtype_size(check_plain(dtype));
    j = (struct job){.normalise = s->normalise};
    make(c, &j, s, dtype);
    check_bench(c, work, &j, (size * weights + router * plain) * rows, 2 * (weights + plain) * rows,
                "moe %zu rows, %zu of %zu experts, %s [%zu, %zu], shared %zu", s->rows, s->chosen,
                s->experts, tensor_dtype_name(dtype), s->inner, s->width, s->shared);
    check_free(c);
}

/* Thinker and talker. */
static void bench(struct check *c) {
    const struct shape shapes[] = {{1, 2048, 768, 128, 8, 0, true},
                                   {1, 1024, 384, 128, 6, 768, true},
                                   {2, 1024, 384, 128, 6, 768, true}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        bench_one(c, &shapes[i], TENSOR_BF16);
        bench_one(c, &shapes[i], TENSOR_Q8_0);
        if (shapes[i].inner % QUANT_LARGE == 0)
            bench_one(c, &shapes[i], TENSOR_Q4_K);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
