#include "tests/ops/check.h"

#include <math.h>

/* How many experts come before expert e: larger logits, and equal ones of lower index. */
static size_t rank_of(const float *logit, size_t n_experts, size_t e) {
    size_t rank = 0;
    for (size_t other = 0; other < n_experts; other++)
        rank += logit[other] > logit[e] || (other < e && logit[other] == logit[e]);
    return rank;
}

/* steps: logits are multiples of 1 / steps, so that small ones make ties. */
static void one(struct check *c, size_t rows, size_t n_experts, size_t k, int steps,
                bool normalise) {
    struct tensor logits = check_2d(c, TENSOR_F32, rows, n_experts);
    struct tensor weights = check_2d(c, TENSOR_F32, rows, k), ids = check_ints(c, rows * k);
    struct tensor experts = tensor_reshape_2d(&ids, rows, k);
    double *want = check_doubles(c, rows * k);
    bool chosen = true;
    for (size_t i = 0; i < rows * n_experts; i++)
        tensor_f32(&logits)[i] = rintf(5 * tensor_f32(&logits)[i] * (float)steps) / (float)steps;
    op_route(&c->run, check_on(c, &experts), check_on(c, &weights), check_on(c, &logits),
             normalise);
    check_back(c);
    for (size_t t = 0; t < rows; t++) {
        const float *logit = tensor_f32(&logits) + t * n_experts;
        double all = 0, kept = 0;
        size_t j = 0;
        for (size_t e = 0; e < n_experts; e++) {
            double p = exp((double)logit[e]);
            all += p;
            if (rank_of(logit, n_experts, e) < k) {
                kept += p;
                chosen = chosen && tensor_i32(&experts)[t * k + j] == (int32_t)e;
                want[t * k + j++] = p;
            }
        }
        for (j = 0; j < k; j++)
            want[t * k + j] /= normalise ? kept : all;
    }
    check_true(c, chosen, "route [%zu, %zu], %zu best, 1/%d steps: experts", rows, n_experts, k,
               steps);
    check_close(c, &weights, want, 5e-7, "route [%zu, %zu], %zu best, normalise %d", rows,
                n_experts, k, normalise);
    check_free(c);
}

static void large_logits(struct check *c) {
    float logit[] = {1e4F, -1e4F, 1e4F, 0}, weight[2];
    int32_t expert[2];
    struct tensor logits = tensor_2d(TENSOR_F32, logit, 1, 4);
    struct tensor weights = tensor_2d(TENSOR_F32, weight, 1, 2);
    struct tensor experts = tensor_2d(TENSOR_I32, expert, 1, 2);
    op_route(&c->run, check_on(c, &experts), check_on(c, &weights), check_on(c, &logits), false);
    check_back(c);
    check_true(c, expert[0] == 0 && expert[1] == 2 && weight[0] == 0.5F && weight[1] == 0.5F,
               "route of logits beyond exp");
}

/* A broken row must not make an index that crashes the experts. */
static void not_numbers(struct check *c) {
    float logit[5] = {NAN, NAN, NAN, 1, NAN}, weight[3];
    int32_t expert[3] = {-1, -1, -1};
    struct tensor logits = tensor_2d(TENSOR_F32, logit, 1, 5);
    struct tensor weights = tensor_2d(TENSOR_F32, weight, 1, 3);
    struct tensor experts = tensor_2d(TENSOR_I32, expert, 1, 3);
    op_route(&c->run, check_on(c, &experts), check_on(c, &weights), check_on(c, &logits), true);
    check_back(c);
    check_true(c, expert[0] >= 0 && expert[0] < expert[1] && expert[1] < expert[2] && expert[2] < 5,
               "route of NaN: different experts that exist");
}

static void test(struct check *c) {
    for (int normalise = 0; normalise <= 1; normalise++) {
        one(c, 1, 1, 1, 1000, normalise);
        one(c, 1, 128, 8, 100000, normalise);
        one(c, 100, 128, 6, 100000, normalise);
        one(c, 33, 37, 5, 1, normalise);
        one(c, 9, 8, 8, 2, normalise);
    }
    large_logits(c);
    not_numbers(c);
}

static void work(struct check *c, void *ctx) {
    struct tensor *t = ctx;
    op_route(&c->run, check_on(c, &t[0]), check_on(c, &t[1]), check_on(c, &t[2]), true);
}

static void bench(struct check *c) {
    static const size_t rows[] = {1, 512};
    for (size_t i = 0; i < 2; i++) {
        struct tensor ids = check_ints(c, rows[i] * 8);
        struct tensor t[] = {tensor_reshape_2d(&ids, rows[i], 8),
                             check_2d(c, TENSOR_F32, rows[i], 8),
                             check_2d(c, TENSOR_F32, rows[i], 128)};
        check_bench(c, work, t, 4.0 * 128 * (double)rows[i], 0, "route [%zu, 128], 8 best",
                    rows[i]);
        check_free(c);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
