#include "tests/ops/check.h"

static void one(struct check *c, enum tensor_dtype dtype, size_t vocab, size_t rows, size_t width) {
    struct tensor table = check_2d(c, dtype, vocab, width), ids = check_ints(c, rows);
    struct tensor dst = check_2d(c, TENSOR_F32, rows, width);
    double *want = check_doubles(c, rows * width);
    for (size_t t = 0; t < rows; t++) {
        int32_t id = t % 5 == 3 ? -1 : (int32_t)check_below(c, vocab);
        tensor_i32(&ids)[t] = id;
        for (size_t d = 0; d < width; d++)
            want[t * width + d] = check_at(&dst, t * width + d) +
                                  (id < 0 ? 0 : check_at(&table, (size_t)id * width + d));
    }
    op_embed_add(&c->run, check_on(c, &dst), check_on(c, &table), check_on(c, &ids));
    check_close(c, &dst, want, 1e-7, "embed_add %s, %zu of [%zu, %zu]", tensor_dtype_name(dtype),
                rows, vocab, width);
    check_free(c);
}

static void test(struct check *c) {
    for (enum tensor_dtype dtype = TENSOR_F32; dtype <= TENSOR_BF16; dtype++) {
        one(c, dtype, 1, 1, 1);
        one(c, dtype, 100, 1, 64);
        one(c, dtype, 1000, 17, 33);
    }
    for (size_t i = 0; i < CHECK_QUANTISED; i++)
        one(c, check_quantised[i], 100, 17, 512);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
