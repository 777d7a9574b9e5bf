#include "tests/ops/check.h"

#include <math.h>

struct shape {
    size_t rows, heads, kv_heads, head_dim, keys, at, window;
};

/* One query row: y = softmax(q . k[s] / sqrt(head_dim)) v over lo <= s < hi. */
static void attend(double *y, const struct shape *s, const struct tensor *q, const struct tensor *k,
                   const struct tensor *v, size_t row, size_t kv, size_t lo, size_t hi,
                   double *score) {
    size_t width = s->kv_heads * s->head_dim;
    double max = -INFINITY, sum = 0;
    for (size_t j = lo; j < hi; j++) {
        score[j] = 0;
        for (size_t d = 0; d < s->head_dim; d++)
            score[j] +=
                check_at(q, row * s->head_dim + d) * check_at(k, j * width + kv * s->head_dim + d);
        score[j] /= sqrt((double)s->head_dim);
        max = fmax(max, score[j]);
    }
    for (size_t j = lo; j < hi; j++)
        sum += score[j] = exp(score[j] - max);
    for (size_t d = 0; d < s->head_dim; d++)
        for (size_t j = lo; j < hi; j++)
            y[d] += score[j] / sum * check_at(v, j * width + kv * s->head_dim + d);
}

static double *reference(struct check *c, const struct shape *s, const struct tensor *q,
                         const struct tensor *k, const struct tensor *v) {
    double *y = check_doubles(c, s->rows * s->heads * s->head_dim);
    double *score = check_doubles(c, s->keys);
    for (size_t t = 0; t < s->rows; t++) {
        size_t hi = s->at + t + 1, lo = s->window && hi > s->window ? hi - s->window : 0;
        for (size_t h = 0; h < s->heads; h++)
            attend(y + (t * s->heads + h) * s->head_dim, s, q, k, v, t * s->heads + h,
                   h / (s->heads / s->kv_heads), lo, hi, score);
    }
    return y;
}

static void one(struct check *c, const struct shape *s, enum tensor_dtype dtype, float scale) {
    struct tensor q = check_3d(c, TENSOR_F32, s->rows, s->heads, s->head_dim);
    struct tensor k = check_3d(c, dtype, s->keys, s->kv_heads, s->head_dim);
    struct tensor v = check_3d(c, dtype, s->keys, s->kv_heads, s->head_dim);
    struct tensor dst = check_3d(c, TENSOR_F32, s->rows, s->heads, s->head_dim);
    struct tensor at = check_ints(c, 1);
    tensor_i32(&at)[0] = (int32_t)s->at;
    for (size_t i = 0; i < tensor_count(&q); i++)
        tensor_f32(&q)[i] *= scale;
    op_attention(&c->run, check_on(c, &dst), check_on(c, &q), check_on(c, &k), check_on(c, &v),
                 check_on(c, &at), s->window);
    /* On matrix units q is rounded before the scores are made, whose error grows by exp. */
    check_close(c, &dst, reference(c, s, &q, &k, &v), c->run.gpu && !c->run.precise ? 1e-2 : 1e-5,
                "attention %zu rows, %zu/%zu heads of %zu, %s, at %zu, window %zu", s->rows,
                s->heads, s->kv_heads, s->head_dim, tensor_dtype_name(dtype), s->at, s->window);
    struct tensor again = check_copy(c, &dst);
    check_threads(c, 3);
    op_attention(&c->run, check_on(c, &again), check_on(c, &q), check_on(c, &k), check_on(c, &v),
                 check_on(c, &at), s->window);
    check_threads(c, CHECK_THREADS);
    check_same(c, &again, &dst, "same with three threads");
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const struct shape shapes[] = {
        {1, 1, 1, 2, 1, 0, 0},          {1, 4, 2, 16, 9, 5, 0},       {1, 16, 2, 128, 700, 690, 0},
        {1, 32, 4, 128, 2100, 2050, 0}, {3, 6, 3, 10, 20, 4, 0},      {33, 4, 2, 16, 40, 7, 0},
        {130, 2, 1, 64, 131, 0, 0},     {20, 2, 2, 64, 200, 150, 72}, {8, 16, 16, 64, 80, 72, 72},
        {5, 2, 2, 16, 5, 0, 4},         {2, 16, 8, 128, 2, 0, 0},     {70, 8, 1, 36, 300, 200, 50},
        {9, 520, 520, 16, 20, 4, 0} /* more kv heads than few rows have counters for */};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        one(c, &shapes[i], TENSOR_F32, 1);
        one(c, &shapes[i], TENSOR_BF16, 1);
        one(c, &shapes[i], TENSOR_BF16, 40); /* scores far apart */
    }
}

struct job {
    struct tensor dst, q, k, v, at;
};

static void work(struct check *c, void *ctx) {
    struct job *j = ctx;
    op_attention(&c->run, check_on(c, &j->dst), check_on(c, &j->q), check_on(c, &j->k),
                 check_on(c, &j->v), check_on(c, &j->at), 0);
}

static void bench_one(struct check *c, const struct shape *s) {
    struct job j = {check_3d(c, TENSOR_F32, s->rows, s->heads, s->head_dim),
                    check_3d(c, TENSOR_F32, s->rows, s->heads, s->head_dim),
                    check_3d(c, TENSOR_BF16, s->keys, s->kv_heads, s->head_dim),
                    check_3d(c, TENSOR_BF16, s->keys, s->kv_heads, s->head_dim), check_ints(c, 1)};
    tensor_i32(&j.at)[0] = (int32_t)s->at;
    double pairs = (double)(s->rows * s->at) + (double)(s->rows * (s->rows + 1)) / 2;
    check_bench(c, work, &j, (double)((s->at + s->rows) * s->kv_heads * s->head_dim) * 4,
                pairs * (double)(s->heads * s->head_dim) * 4,
                "attention %zu rows at %zu, %zu/%zu heads of %zu, bf16 cache", s->rows, s->at,
                s->heads, s->kv_heads, s->head_dim);
    check_free(c);
}

/* Thinker decode and prefill; talker; code predictor. */
static void bench(struct check *c) {
    const struct shape shapes[] = {{1, 32, 4, 128, 8192, 255, 0},    {1, 32, 4, 128, 8192, 2047, 0},
                                   {1, 32, 4, 128, 8192, 8191, 0},   {512, 32, 4, 128, 8192, 0, 0},
                                   {512, 32, 4, 128, 8192, 2048, 0}, {1, 16, 2, 128, 4096, 500, 0},
                                   {1, 16, 8, 128, 16, 8, 0}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        bench_one(c, &shapes[i]);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
