#include "tests/ops/check.h"

#include "common/base/bf16.h"

#include <math.h>
#include <string.h>

struct shape {
    size_t rows, heads, kv_heads, head_dim, capacity, at, window;
    bool norms;
    size_t outs; /* of the output projection; 0: without */
};

struct layer {
    struct tensor dst, q, k, v, q_norm, k_norm, rope, k_cache, v_cache, at, sum, out;
};

static const double eps = 1e-6;

static struct layer make(struct check *c, const struct shape *s, enum tensor_dtype cache,
                         enum tensor_dtype norm) {
    struct layer l = {check_3d(c, TENSOR_F32, s->rows, s->heads, s->head_dim),
                      check_3d(c, TENSOR_F32, s->rows, s->heads, s->head_dim),
                      check_3d(c, TENSOR_F32, s->rows, s->kv_heads, s->head_dim),
                      check_3d(c, TENSOR_F32, s->rows, s->kv_heads, s->head_dim),
                      check_1d(c, norm, s->head_dim),
                      check_1d(c, norm, s->head_dim),
                      check_2d(c, TENSOR_F32, s->rows, s->head_dim),
                      check_3d(c, cache, s->capacity, s->kv_heads, s->head_dim),
                      check_3d(c, cache, s->capacity, s->kv_heads, s->head_dim),
                      check_ints(c, 1),
                      check_2d(c, TENSOR_F32, s->rows, s->outs + 1),
                      check_2d(c, norm, s->outs + 1, s->heads * s->head_dim)};
    l.sum.shape[1] = l.out.shape[0] = s->outs;
    tensor_i32(&l.at)[0] = (int32_t)s->at;
    return l;
}

/* out: of l, or a copy, on the device. */
static void run_op(struct check *c, const struct shape *s, const struct layer *l,
                   const struct tensor *out) {
    const struct op_self_attention op = {.dst = check_on(c, &l->dst),
                                         .q = check_on(c, &l->q),
                                         .k = check_on(c, &l->k),
                                         .v = check_on(c, &l->v),
                                         .q_norm = s->norms ? check_on(c, &l->q_norm) : NULL,
                                         .k_norm = s->norms ? check_on(c, &l->k_norm) : NULL,
                                         .eps = (float)eps,
                                         .rope = check_on(c, &l->rope),
                                         .k_cache = check_on(c, &l->k_cache),
                                         .v_cache = check_on(c, &l->v_cache),
                                         .at = check_on(c, &l->at),
                                         .window = s->window,
                                         .sum = s->outs ? check_on(c, &l->sum) : NULL,
                                         .out = s->outs ? out : NULL,
                                         .next = s->outs ? out : NULL};
    op_self_attention(&c->run, &op);
}

/* y = rope(rms(head `i` of x; norm)); norm NULL: without rms. */
static void turn(double *y, const struct tensor *x, size_t i, size_t width,
                 const struct tensor *norm, const struct tensor *rope, size_t row) {
    double squares = 0, normed[128];
    size_t half = width / 2;
    for (size_t d = 0; d < width; d++)
        squares += pow(check_at(x, i * width + d), 2);
    for (size_t d = 0; d < width; d++)
        normed[d] = check_at(x, i * width + d) *
                    (norm ? check_at(norm, d) / sqrt(squares / (double)width + eps) : 1);
    for (size_t d = 0; d < width; d++) {
        double other = normed[(d + half) % width]; /* rotate_half */
        y[d] = normed[d] * check_at(rope, row * width + d % half) +
               (d < half ? -other : other) * check_at(rope, row * width + half + d % half);
    }
}

/* x as a cache of that type holds it. */
static double as_cached(const struct tensor *cache, double x) {
    return cache->dtype == TENSOR_BF16 ? (double)bf16_to_f32(bf16_from_f32((float)x)) : x;
}

/* The caches with the new rows in them. */
static void fill_caches(double *k, double *v, const struct shape *s, const struct layer *l) {
    size_t width = s->head_dim, old = s->capacity * s->kv_heads * width;
    double turned[128];
    for (size_t i = 0; i < old; i++) {
        k[i] = check_at(&l->k_cache, i);
        v[i] = check_at(&l->v_cache, i);
    }
    for (size_t i = 0; i < s->rows * s->kv_heads; i++) {
        size_t to = (s->at * s->kv_heads + i) * width;
        turn(turned, &l->k, i, width, s->norms ? &l->k_norm : NULL, &l->rope, i / s->kv_heads);
        for (size_t d = 0; d < width; d++) {
            k[to + d] = as_cached(&l->k_cache, turned[d]);
            v[to + d] = as_cached(&l->v_cache, check_at(&l->v, i * width + d));
        }
    }
}

/* y = softmax(q . k / sqrt(width)) v over keys lo <= key < hi of kv head `kv`. */
static void attend(double *y, const double *q, const double *k, const double *v,
                   const struct shape *s, size_t kv, size_t lo, size_t hi, double *score) {
    size_t width = s->head_dim;
    double max = -INFINITY, sum = 0;
    for (size_t key = lo; key < hi; key++) {
        score[key] = 0;
        for (size_t d = 0; d < width; d++)
            score[key] += q[d] * k[(key * s->kv_heads + kv) * width + d] / sqrt((double)width);
        max = fmax(max, score[key]);
    }
    for (size_t key = lo; key < hi; key++)
        sum += score[key] = exp(score[key] - max);
    for (size_t key = lo; key < hi; key++)
        for (size_t d = 0; d < width; d++)
            y[d] += score[key] / sum * v[(key * s->kv_heads + kv) * width + d];
}

static double *reference(struct check *c, const double *k, const double *v, const struct shape *s,
                         const struct layer *l) {
    double *y = check_doubles(c, s->rows * s->heads * s->head_dim), q[128];
    double *score = check_doubles(c, s->capacity);
    for (size_t i = 0; i < s->rows * s->heads; i++) {
        size_t t = i / s->heads, kv = i % s->heads / (s->heads / s->kv_heads);
        size_t hi = s->at + t + 1, lo = s->window && hi > s->window ? hi - s->window : 0;
        turn(q, &l->q, i, s->head_dim, s->norms ? &l->q_norm : NULL, &l->rope, t);
        attend(y + i * s->head_dim, q, k, v, s, kv, lo, hi, score);
    }
    return y;
}

/* What the output projection adds to. */
static double *project(struct check *c, const double *y, const struct shape *s,
                       const struct layer *l) {
    size_t n = s->rows * s->outs, width = s->heads * s->head_dim;
    double *sum = check_doubles(c, n);
    for (size_t i = 0; i < n; i++) {
        sum[i] = check_at(&l->sum, i);
        for (size_t d = 0; d < width; d++)
            sum[i] += y[i / s->outs * width + d] * check_at(&l->out, i % s->outs * width + d);
    }
    return sum;
}

static void one(struct check *c, const struct shape *s, enum tensor_dtype cache,
                enum tensor_dtype norm) {
    struct layer l = make(c, s, cache, norm);
    size_t n = tensor_count(&l.k_cache);
    double *k = check_doubles(c, n), *v = check_doubles(c, n);
    fill_caches(k, v, s, &l);
    double *want = reference(c, k, v, s, &l);
    if (s->outs)
        want = project(c, want, s, &l);
    run_op(c, s, &l, check_on(c, &l.out));
    /* Where f32 and f64 fall on two sides of a rounding to bf16, they differ by 2^-8. */
    double tol = cache == TENSOR_BF16 ? 1e-4 : 1e-5;
    check_close(
        c, s->outs ? &l.sum : &l.dst, want, tol,
        "self_attention %zu rows, %zu/%zu heads of %zu, %s, at %zu, window %zu, norms %s, %zu outs",
        s->rows, s->heads, s->kv_heads, s->head_dim, tensor_dtype_name(cache), s->at, s->window,
        s->norms ? tensor_dtype_name(norm) : "none", s->outs);
    check_close(c, &l.k_cache, k, tol, "cache of keys");
    check_close(c, &l.v_cache, v, 0, "cache of values");
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const struct shape shapes[] = {
        {1, 1, 1, 2, 3, 0, 0, true, 0},
        {1, 16, 8, 128, 16, 9, 0, true, 0},
        {1, 32, 4, 128, 300, 271, 0, true, 0},
        {1, 16, 2, 128, 100, 64, 0, false, 0},
        {1, 6, 3, 36, 90, 63, 20, true, 0},
        {1, 16, 16, 64, 200, 150, 72, false, 0},
        {1, 9, 1, 10, 40, 32, 0, true, 0},
        {2, 16, 8, 128, 16, 0, 0, true, 0},
        {33, 4, 2, 16, 40, 7, 0, true, 0},
        {70, 8, 1, 36, 300, 200, 50, false, 0},
        {130, 2, 1, 64, 131, 0, 0, true, 0},
        {1, 4, 4, 66, 70, 31, 0, true, 0},
        {1, 4, 2, 16, 100, 70, 0, true, 0},
        {1, 64, 64, 32, 700, 650, 0, true, 0},
        {1, 12, 4, 32, 40, 39, 0, false, 0},
        {1, 16, 2, 128, 100, 40, 0, true, 0},
        /* With the output projection, in one kernel if there are few keys. */
        {1, 16, 8, 128, 16, 15, 0, true, 1024},
        {1, 16, 8, 128, 16, 0, 0, false, 100},
        {1, 4, 2, 16, 9, 4, 0, true, 67},
        {1, 36, 9, 32, 30, 20, 0, true, 65},
        {1, 4, 4, 64, 16, 3, 0, true, 33},
        {2, 16, 8, 128, 16, 0, 0, true, 96},
        {1, 16, 2, 128, 100, 64, 0, true, 40},
        /* More outs than one kernel has counters for. */
        {1, 2, 1, 16, 9, 4, 0, true, 66000},
        /* More tiles of keys than workgroups for them. */
        {1, 32, 4, 128, 1200, 1100, 0, true, 0}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        one(c, &shapes[i], TENSOR_F32, TENSOR_F32);
        one(c, &shapes[i], TENSOR_BF16, TENSOR_BF16);
    }
}

struct job {
    struct shape shape;
    struct layer layer;
    struct check_copies out;
};

static void work(struct check *c, void *ctx) {
    struct job *j = ctx;
    run_op(c, &j->shape, &j->layer, check_turn(&j->out));
}

/* Thinker and talker while they generate, predictor, prefill. */
static void bench(struct check *c) {
    const struct shape shapes[] = {
        {1, 32, 4, 128, 8192, 255, 0, true, 0},  {1, 32, 4, 128, 8192, 1023, 0, true, 0},
        {1, 32, 4, 128, 8192, 8191, 0, true, 0}, {1, 16, 2, 128, 4096, 500, 0, true, 0},
        {1, 16, 8, 128, 16, 8, 0, true, 0},      {1, 16, 8, 128, 16, 8, 0, true, 1024},
        {512, 32, 4, 128, 8192, 0, 0, true, 0}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        struct job j = {*s, make(c, s, TENSOR_BF16, TENSOR_BF16), {.n = 0}};
        double weights = (double)(s->outs * s->heads * s->head_dim);
        j.out = check_copies(c, &j.layer.out);
        double keys = (double)(s->at + s->rows);
        double pairs = (double)s->rows * ((double)s->at + ((double)s->rows + 1) / 2);
        check_bench(c, work, &j, keys * (double)(s->kv_heads * s->head_dim) * 4 + weights * 2,
                    pairs * (double)(s->heads * s->head_dim) * 4 + weights * 2,
                    "self_attention %zu rows at %zu, %zu/%zu heads of %zu, bf16 cache, %zu outs",
                    s->rows, s->at, s->heads, s->kv_heads, s->head_dim, s->outs);
        check_free(c);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
