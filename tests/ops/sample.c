#include "tests/ops/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct op_sampler plain = {
    .temp = 1, .top_p = 1, .rep = 1, .seed_lo = 7, .suppress_from = INT32_MAX, .suppress_keep = -1};

/* count draws, one after another; s steps on, seen (or NULL) is marked. The ids, for check_free().
 */
static int32_t *draws(struct check *c, struct op_sampler *s, const float *logit, int32_t *seen,
                      size_t n, size_t count) {
    struct tensor ids = check_ints(c, count), marks = tensor_1d(TENSOR_I32, seen, n);
    struct tensor logits = tensor_2d(TENSOR_F32, (float *)(uintptr_t)logit, 1, n);
    struct tensor sampler = tensor_1d(TENSOR_I32, s, sizeof *s / sizeof(int32_t));
    const struct tensor *on_logits = check_on(c, &logits), *on_sampler = check_on(c, &sampler);
    const struct tensor *on_ids = check_on(c, &ids), *on_marks = seen ? check_on(c, &marks) : NULL;
    for (size_t i = 0; i < count; i++) {
        struct tensor id = tensor_rows(on_ids, i, 1);
        op_sample(&c->run, &id, on_logits, on_sampler, on_marks, (uint32_t)s->last_codebook);
        run_step(&c->run);
    }
    check_back(c);
    return tensor_i32(&ids);
}

static int32_t draw(struct check *c, struct op_sampler *s, const float *logit, int32_t *seen,
                    size_t n) {
    return draws(c, s, logit, seen, n, 1)[0];
}

static int32_t greedy(struct check *c, const float *logit, int32_t *seen, size_t n, float rep) {
    struct op_sampler s = plain;
    s.temp = 0;
    s.rep = rep;
    return draw(c, &s, logit, seen, n);
}

static void test_greedy(struct check *c) {
    const float ties[] = {1, 3, 2, 3, 3}, one[] = {-5}, broken[] = {NAN, 1, NAN, 2};
    const float infinite[] = {0, INFINITY, 5}, none[] = {-INFINITY, -INFINITY};
    struct op_sampler warm = plain;
    check_true(c, greedy(c, ties, NULL, 5, 1) == 1, "greedy takes the first of equal logits");
    check_true(c, greedy(c, one, NULL, 1, 1) == 0, "greedy with one id");
    check_true(c, greedy(c, broken, NULL, 4, 1) == 3, "greedy never takes NaN");
    check_true(c, draw(c, &warm, infinite, NULL, 3) == 1, "an infinite logit is taken");
    check_true(c, draw(c, &warm, none, NULL, 2) == 0, "no finite logit: still an id");
}

/* Equal ones far from each other among many. */
static void test_greedy_of_many(struct check *c) {
    static float logit[20000];
    logit[19999] = logit[7777] = logit[4242] = logit[4241] = 2;
    check_true(c, greedy(c, logit, NULL, 20000, 1) == 4241,
               "greedy takes the first of equal ones of many");
    logit[3] = NAN;
    logit[19999] = INFINITY;
    check_true(c, greedy(c, logit, NULL, 20000, 1) == 19999,
               "greedy takes the infinite one of many");
}

static void test_penalty(struct check *c) {
    const float positive[] = {2, 1.9F}, negative[] = {-1, -1.05F};
    int32_t seen[] = {1, 0}, marks[] = {0, 0};
    check_true(c, greedy(c, positive, seen, 2, 1.1F) == 1 && seen[1] == 1,
               "penalty divides positive logits, and the token is marked");
    seen[1] = 0;
    check_true(c, greedy(c, negative, seen, 2, 1.1F) == 1, "penalty multiplies negative logits");
    seen[1] = 0;
    check_true(c, greedy(c, positive, seen, 2, 1) == 0, "penalty 1 is none");
    greedy(c, positive, marks, 2, 1.1F);
    check_true(c, marks[0] == 1 && marks[1] == 0, "only the token is marked");
    check_true(c, positive[0] == 2 && positive[1] == 1.9F, "logits are left as they are");
}

static void test_suppression(struct check *c) {
    const float logit[] = {0, 1, 5, 4, 6, 7};
    bool allowed = true;
    struct op_sampler s = plain;
    s.suppress_from = 2;
    s.suppress_keep = 3;
    const int32_t *id = draws(c, &s, logit, NULL, 6, 200);
    for (int i = 0; i < 200; i++)
        allowed = allowed && (id[i] < 2 || id[i] == 3);
    check_true(c, allowed, "suppressed ids are not drawn");
    s.temp = 0;
    check_true(c, draw(c, &s, logit, NULL, 6) == 3, "the kept id is not suppressed");
    s.suppress_keep = -1;
    check_true(c, draw(c, &s, logit, NULL, 6) == 1, "none is kept");
}

/* Which of n <= 32 ids 300 draws give, as bits. */
static uint32_t support(struct check *c, struct op_sampler s, const float *logit, size_t n) {
    uint32_t drawn = 0;
    const int32_t *id = draws(c, &s, logit, NULL, n, 300);
    for (int i = 0; i < 300; i++)
        drawn |= 1U << id[i];
    return drawn;
}

static void test_top_k(struct check *c) {
    const float logit[] = {0, 1, 0.5F, 0.5F, -0.0F, 0.2F};
    static const uint32_t kept[] = {0x3f, 0x02, 0x0e, 0x0e, 0x2e, 0x3f, 0x3f, 0x3f};
    for (int k = 0; k < 8; k++) {
        struct op_sampler s = plain;
        s.top_k = k;
        check_true(c, support(c, s, logit, 6) == kept[k],
                   "top-k %d keeps ties with the last, -0 is 0", k);
    }
}

static void test_top_p(struct check *c) {
    const float equal[] = {2, 2, 2, 2}, falling[] = {-1, 1, 0, 0.5F};
    static const struct {
        float p;
        uint32_t equal, falling;
    } cases[] = {{0, 1, 2},       {1e-9F, 1, 2},       {0.25F, 1, 2},     {0.26F, 3, 2},
                 {0.5F, 3, 0x0a}, {0.75F, 7, 0x0a},    {0.77F, 15, 0x0e}, {0.9F, 15, 0x0e},
                 {0.99F, 15, 15}, {0.999999F, 15, 15}, {1, 15, 15}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct op_sampler s = plain;
        s.top_p = cases[i].p;
        check_true(c,
                   support(c, s, equal, 4) == cases[i].equal &&
                       support(c, s, falling, 4) == cases[i].falling,
                   "top-p %g is the smallest set that reaches it", (double)cases[i].p);
    }
}

/* With 2^16 equal logits the token is the upper half of the random number. */
static int32_t upper_bits(struct check *c, const struct op_sampler *at, uint32_t codebook) {
    struct op_sampler s = *at;
    struct tensor logits = tensor_2d(TENSOR_F32, check_doubles(c, 1 << 15), 1, 1 << 16);
    struct tensor sampler = tensor_1d(TENSOR_I32, &s, sizeof s / sizeof(int32_t));
    struct tensor token = check_ints(c, 1);
    s.temp = s.top_p = s.rep = 1;
    s.top_k = 0;
    s.suppress_from = INT32_MAX;
    op_sample(&c->run, check_on(c, &token), check_on(c, &logits), check_on(c, &sampler), NULL,
              codebook);
    check_back(c);
    return tensor_i32(&token)[0];
}

/* Known answers of Random123's kat_vectors for philox4x32, 10 rounds. */
static void test_philox(struct check *c) {
    struct op_sampler zeros = plain, ones = plain, pi = plain;
    zeros.seed_lo = 0;
    ones.seed_lo = ones.seed_hi = ones.stage = ones.turn = UINT32_MAX;
    ones.step = -1;
    pi.seed_lo = 0xa4093822;
    pi.seed_hi = 0x299f31d0;
    pi.stage = 0x243f6a88;
    pi.turn = 0x85a308d3;
    pi.step = 0x13198a2e;
    check_true(c, upper_bits(c, &zeros, 0) == 0x6627, "philox of zeros");
    check_true(c, upper_bits(c, &ones, UINT32_MAX) == 0x408f, "philox of ones");
    check_true(c, upper_bits(c, &pi, 0x03707344) == 0xd16c, "philox of pi's digits");
    check_free(c);
}

static void test_counter(struct check *c) {
    const float logit[4] = {0};
    int32_t seen[4] = {0};
    struct op_sampler s = plain, t = plain;
    const int32_t *first = draws(c, &s, logit, NULL, 4, 64);
    const int32_t *again = draws(c, &t, logit, seen, 4, 64);
    check_true(c, memcmp(first, again, 64 * sizeof *first) == 0, "the same seed draws the same");
    check_true(c, s.step == 64, "each draw is a step");

    struct tensor token = check_ints(c, 1), logits = check_2d(c, TENSOR_F32, 1, 4);
    struct tensor sampler = tensor_1d(TENSOR_I32, &s, sizeof s / sizeof(int32_t));
    s.last_codebook = 3;
    for (uint32_t codebook = 1; codebook <= 2; codebook++)
        op_sample(&c->run, check_on(c, &token), check_on(c, &logits), check_on(c, &sampler), NULL,
                  codebook);
    check_back(c);
    check_true(c, s.step == 64, "no step before the last codebook");
    op_sample(&c->run, check_on(c, &token), check_on(c, &logits), check_on(c, &sampler), NULL, 3);
    check_back(c);
    check_true(c, s.step == 65, "a step at the last codebook");
    check_free(c);
}

struct choice {
    float logit;
    size_t id;
    double mass;
};

static int by_logit(const void *a, const void *b) {
    const struct choice *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return x->id < y->id ? -1 : 1;
}

/* probability[n] by the definition: sort, cut, cut, softmax. */
static void reference(const struct op_sampler *s, const float *logit, const int32_t *seen,
                      double *probability, size_t n) {
    struct choice *all = calloc(n, sizeof *all);
    double total = 0, sum = 0;
    size_t kept = n;
    for (size_t i = 0; i < n; i++) {
        float l = logit[i];
        if (seen && seen[i])
            l = l > 0 ? l / s->rep : l * s->rep;
        if (i >= (size_t)s->suppress_from && i != (size_t)s->suppress_keep)
            l = -INFINITY;
        all[i] = (struct choice){.logit = l, .id = i};
        probability[i] = 0;
    }
    qsort(all, n, sizeof *all, by_logit);
    if (s->top_k > 0 && (size_t)s->top_k < n)
        for (kept = (size_t)s->top_k; kept < n && all[kept].logit == all[kept - 1].logit;)
            kept++;
    for (size_t i = 0; i < kept; i++)
        total += all[i].mass = exp((double)(all[i].logit - all[0].logit) / (double)s->temp);
    if (s->top_p < 1) {
        size_t i = 0;
        do
            sum += all[i++].mass;
        while (i < kept && sum < (double)s->top_p * total);
        kept = i;
        total = sum;
    }
    for (size_t i = 0; i < kept; i++)
        probability[all[i].id] = all[i].mass / total;
    free(all);
}

/* Every draw must be the id where the summed probabilities pass its random number, of which the
 * upper 16 bits are known. */
static void test_reference(struct check *c, struct op_sampler s, size_t n, int draws) {
    struct tensor logits = check_2d(c, TENSOR_F32, 1, n), marks = check_ints(c, n);
    double *probability = check_doubles(c, n);
    int wrong = 0;
    for (size_t i = 0; i < n; i++) {
        tensor_f32(&logits)[i] *= 12;
        tensor_i32(&marks)[i] = check_below(c, 3) == 0;
    }
    for (int j = 0; j < draws; j++) {
        reference(&s, tensor_f32(&logits), tensor_i32(&marks), probability, n);
        double u = upper_bits(c, &s, 0) * 0x1p-16, below = 0;
        size_t id = (size_t)draw(c, &s, tensor_f32(&logits), tensor_i32(&marks), n);
        for (size_t i = 0; i < id; i++)
            below += probability[i];
        bool right = probability[id] > 0 && u + 0x1p-16 >= below - 1e-6 &&
                     u <= below + probability[id] + 1e-6;
        if (!right)
            printf("# id %zu has %.9f to %.9f, random number %.9f to %.9f\n", id, below,
                   below + probability[id], u, u + 0x1p-16);
        wrong += !right;
    }
    check_true(c, wrong == 0,
               "%d draws of %zu: temp %g, top-k %d, top-p %g, penalty %g, suppressed from %d: "
               "%d wrong",
               draws, n, (double)s.temp, (int)s.top_k, (double)s.top_p, (double)s.rep,
               (int)s.suppress_from, wrong);
    check_free(c);
    run_step(&c->run);
}

/* Pearson's statistic over 12 ids; 31.3 is passed once in a thousand seeds, and the seed is fixed.
 */
static void test_distribution(struct check *c) {
    enum { N = 12, DRAWS = 6000 };
    float logit[N];
    double probability[N], statistic = 0;
    int count[N] = {0};
    struct op_sampler s = plain;
    s.temp = 0.9F;
    for (size_t i = 0; i < N; i++)
        logit[i] = check_uniform(c, -1, 1);
    reference(&s, logit, NULL, probability, N);
    const int32_t *id = draws(c, &s, logit, NULL, N, DRAWS);
    for (int i = 0; i < DRAWS; i++)
        count[id[i]]++;
    for (size_t i = 0; i < N; i++)
        statistic += pow(count[i] - DRAWS * probability[i], 2) / (DRAWS * probability[i]);
    check_true(c, statistic < 31.3, "%d draws are distributed as softmax says: chi-square %.1f",
               DRAWS, statistic);
}

static void test(struct check *c) {
    struct op_sampler s = plain, talker = plain;
    test_greedy(c);
    test_greedy_of_many(c);
    test_penalty(c);
    test_suppression(c);
    test_top_k(c);
    test_top_p(c);
    test_philox(c);
    test_counter(c);
    test_distribution(c);

    test_reference(c, s, 1, 3);
    test_reference(c, s, 1000, 50);
    s.top_k = 50;
    s.top_p = 0.8F;
    test_reference(c, s, 2048, 50);
    test_reference(c, s, 9001, 20);
    s.top_k = 300; /* more than are compared with each other */
    test_reference(c, s, 9001, 20);
    talker.temp = 0.9F;
    talker.top_k = 50;
    talker.rep = 1.05F;
    talker.suppress_from = 2048;
    talker.suppress_keep = 2150;
    test_reference(c, talker, 3072, 50);
    s = plain;
    s.temp = 3;
    s.top_p = 0.95F;
    test_reference(c, s, 152064, 3);
}

struct job {
    struct tensor token, logits, sampler, seen;
};

static void work(struct check *c, void *ctx) {
    struct job *j = ctx;
    op_sample(&c->run, check_on(c, &j->token), check_on(c, &j->logits), check_on(c, &j->sampler),
              check_on(c, &j->seen), 0);
}

static void bench(struct check *c) {
    static const size_t sizes[] = {2048, 3072, 152064};
    for (size_t i = 0; i < 12; i++) {
        struct op_sampler s = plain;
        size_t n = sizes[i / 4];
        s.temp = i % 4 ? 0.9F : 0;
        s.top_k = i % 4 & 1 ? 50 : 0;
        s.top_p = i % 4 & 2 ? 0.8F : 1;
        struct job j = {check_ints(c, 1), check_2d(c, TENSOR_F32, 1, n),
                        tensor_1d(TENSOR_I32, &s, sizeof s / sizeof(int32_t)), check_ints(c, n)};
        check_bench(c, work, &j, 4.0 * (double)n, 0, "sample of %zu, temp %g, top-k %d, top-p %g",
                    n, (double)s.temp, (int)s.top_k, (double)s.top_p);
        check_free(c);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
