#include "tests/ops/check.h"

/* A draw is that of op_sample() with the same sampler, and dst is the token's row. */
static void one(struct check *c, enum tensor_dtype dtype, size_t vocab, size_t width, float temp) {
    enum { DRAWS = 7 };
    struct tensor logits = check_2d(c, TENSOR_F32, 1, vocab);
    struct tensor table = check_2d(c, dtype, vocab, width);
    struct tensor tokens = check_ints(c, DRAWS), wanted = check_ints(c, DRAWS);
    struct tensor rows = check_2d(c, TENSOR_F32, DRAWS, width);
    struct tensor seen = check_ints(c, vocab), marks = check_ints(c, vocab);
    struct op_sampler s = {
        .temp = temp, .top_p = 0.9F, .rep = 1.1F, .seed_lo = 3, .suppress_from = INT32_MAX};
    struct op_sampler same = s;
    struct tensor sampler = tensor_1d(TENSOR_I32, &s, sizeof s / sizeof(int32_t));
    struct tensor sampler2 = tensor_1d(TENSOR_I32, &same, sizeof same / sizeof(int32_t));
    double *want = check_doubles(c, DRAWS * width);
    for (size_t i = 0; i < DRAWS; i++) {
        struct tensor token = tensor_rows(check_on(c, &tokens), i, 1);
        struct tensor plain = tensor_rows(check_on(c, &wanted), i, 1);
        struct tensor row = tensor_rows(check_on(c, &rows), i, 1);
        op_sample_embed(&c->run, &token, check_on(c, &logits), check_on(c, &sampler),
                        check_on(c, &seen), 0, &row, check_on(c, &table));
        op_sample(&c->run, &plain, check_on(c, &logits), check_on(c, &sampler2),
                  check_on(c, &marks), 0);
    }
    check_same(c, &tokens, &wanted, "draws of sample_embed, %zu ids, temp %g", vocab, (double)temp);
    check_same(c, &seen, &marks, "and what they mark");
    for (size_t i = 0; i < DRAWS * width; i++)
        want[i] = check_at(&table, (size_t)tensor_i32(&tokens)[i / width] * width + i % width);
    check_close(c, &rows, want, 0, "rows of sample_embed, %s [%zu, %zu]", tensor_dtype_name(dtype),
                vocab, width);
    check_true(c, s.step == DRAWS, "each draw is a step");
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    for (enum tensor_dtype dtype = TENSOR_F32; dtype <= TENSOR_BF16; dtype++) {
        one(c, dtype, 1, 1, 1);
        one(c, dtype, 300, 33, 0);
        one(c, dtype, 2048, 1024, 1);
        one(c, dtype, 9001, 7, 1);
    }
    one(c, TENSOR_Q8_0, 300, 544, 1);
    one(c, TENSOR_Q5_K, 300, 512, 1);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
