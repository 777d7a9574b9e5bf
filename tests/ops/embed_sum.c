#include "tests/ops/check.h"

enum { MAX_TABLES = 16 };

/* last: the type of the last table. */
static void one(struct check *c, enum tensor_dtype dtype, enum tensor_dtype last, size_t n_tables,
                size_t rows, size_t width, float scale) {
    struct tensor tables[MAX_TABLES], dst = check_2d(c, TENSOR_F32, rows, width);
    struct tensor ids = check_ints(c, rows * n_tables);
    struct tensor codes = tensor_reshape_2d(&ids, rows, n_tables);
    double *want = check_doubles(c, rows * width);
    for (size_t g = 0; g < n_tables; g++)
        tables[g] = check_2d(c, g + 1 < n_tables ? dtype : last, 20 + g,
                             width); /* codebook 0 may be larger than others */
    for (size_t i = 0; i < rows * n_tables; i++) {
        size_t g = i % n_tables, code = check_below(c, tables[g].shape[0]);
        tensor_i32(&codes)[i] = (int32_t)code;
        for (size_t d = 0; d < width; d++)
            want[i / n_tables * width + d] +=
                (double)scale * check_at(&tables[g], code * width + d);
    }
    op_embed_sum(&c->run, check_on(c, &dst), check_on_all(c, tables, n_tables), check_on(c, &codes),
                 scale);
    check_close(c, &dst, want, 3e-7, "embed_sum %s and %s, %zu tables, [%zu, %zu], scale %g",
                tensor_dtype_name(dtype), tensor_dtype_name(last), n_tables, rows, width,
                (double)scale);
    check_free(c);
}

/* Both ends of a pipe add in this order, or their sums would differ in the last bit. */
static void order(struct check *c) {
    float large = 1e8F, one = 1, minus = -1e8F, sum;
    int32_t zeros[3] = {0};
    struct tensor tables[] = {tensor_2d(TENSOR_F32, &large, 1, 1),
                              tensor_2d(TENSOR_F32, &one, 1, 1),
                              tensor_2d(TENSOR_F32, &minus, 1, 1)};
    struct tensor codes = tensor_2d(TENSOR_I32, zeros, 1, 3);
    struct tensor dst = tensor_2d(TENSOR_F32, &sum, 1, 1);
    op_embed_sum(&c->run, check_on(c, &dst), check_on_all(c, tables, 3), check_on(c, &codes), 1);
    check_back(c);
    check_true(c, sum == 0, "embed_sum adds table 0 first, in f32");
}

static void test(struct check *c) {
    for (enum tensor_dtype dtype = TENSOR_F32; dtype <= TENSOR_BF16; dtype++) {
        one(c, dtype, dtype, 1, 1, 1, 1);
        one(c, dtype, dtype, 16, 1, 1024, 0.0625F);
        one(c, dtype, TENSOR_BF16, 4, 17, 33, 1);
    }
    for (size_t i = 0; i < CHECK_QUANTISED; i++) {
        one(c, check_quantised[i], check_quantised[i], 4, 5, 512, 0.5F);
        one(c, check_quantised[i], TENSOR_F32, 4, 5, 512, 0.5F);
        one(c, TENSOR_BF16, check_quantised[i], 4, 5, 512, 0.5F);
    }
    order(c);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
