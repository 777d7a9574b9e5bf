#include "tests/ops/check.h"

#include <math.h>

/* Row t of head h over all rows of its group. */
static void attend(double *y, const struct tensor *q, const struct tensor *k,
                   const struct tensor *v, size_t t, size_t h, size_t lo, size_t hi) {
    size_t heads = q->shape[1], head_dim = q->shape[2];
    double sum = 0;
    for (size_t s = lo; s < hi; s++) {
        double score = 0;
        for (size_t d = 0; d < head_dim; d++)
            score += check_at(q, (t * heads + h) * head_dim + d) *
                     check_at(k, (s * heads + h) * head_dim + d);
        double p = exp(score / sqrt((double)head_dim)); /* |score| < 10: no overflow */
        sum += p;
        for (size_t d = 0; d < head_dim; d++)
            y[d] += p * check_at(v, (s * heads + h) * head_dim + d);
    }
    for (size_t d = 0; d < head_dim; d++)
        y[d] /= sum;
}

static void one(struct check *c, size_t rows, size_t heads, size_t head_dim, size_t group,
                enum tensor_dtype dtype) {
    struct tensor q = check_3d(c, dtype, rows, heads, head_dim);
    struct tensor k = check_3d(c, dtype, rows, heads, head_dim);
    struct tensor v = check_3d(c, dtype, rows, heads, head_dim);
    struct tensor dst = check_3d(c, dtype, rows, heads, head_dim);
    double *want = check_doubles(c, tensor_count(&dst));
    for (size_t t = 0; t < rows; t++) {
        size_t lo = t / group * group, hi = lo + group < rows ? lo + group : rows;
        for (size_t h = 0; h < heads; h++)
            attend(want + (t * heads + h) * head_dim, &q, &k, &v, t, h, lo, hi);
    }
    op_attention_blocks(&c->run, check_on(c, &dst), check_on(c, &q), check_on(c, &k),
                        check_on(c, &v), group);
    check_close(c, &dst, want, 1e-5, "attention_blocks %zu rows, %zu heads of %zu, group %zu, %s",
                rows, heads, head_dim, group, tensor_dtype_name(dtype));
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const size_t shapes[][4] = {
        {1, 1, 4, 104}, {13, 2, 16, 52}, {104, 3, 64, 104}, {230, 2, 64, 104}, {31, 4, 18, 7}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const size_t *s = shapes[i];
        one(c, s[0], s[1], s[2], s[3], TENSOR_F32);
        if (op_attention_blocks_dtype(&c->run, s[2]) == TENSOR_BF16)
            one(c, s[0], s[1], s[2], s[3], TENSOR_BF16);
    }
}

struct job {
    struct tensor dst, q, k, v;
};

static void work(struct check *c, void *ctx) {
    struct job *j = ctx;
    op_attention_blocks(&c->run, check_on(c, &j->dst), check_on(c, &j->q), check_on(c, &j->k),
                        check_on(c, &j->v), 104);
}

/* 30 s of audio. */
static void bench(struct check *c) {
    enum tensor_dtype dtype = op_attention_blocks_dtype(&c->run, 64);
    struct job j = {check_3d(c, dtype, 390, 20, 64), check_3d(c, dtype, 390, 20, 64),
                    check_3d(c, dtype, 390, 20, 64), check_3d(c, dtype, 390, 20, 64)};
    double pairs = 3 * 104 * 104 + 78 * 78;
    check_bench(c, work, &j, 4.0 * 4 * 390 * 1280, pairs * 1280 * 4,
                "attention_blocks 390 rows, 20 heads of 64, group 104");
    check_free(c);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
