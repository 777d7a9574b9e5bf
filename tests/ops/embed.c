#include "common/weights/quant.h"
#include "tests/ops/check.h"

static void one_of(struct check *c, struct tensor table, size_t rows) {
    size_t vocab = table.shape[0], width = table.shape[1];
    struct tensor ids = check_ints(c, rows);
    struct tensor dst = check_2d(c, TENSOR_F32, rows, width);
    double *want = check_doubles(c, rows * width);
    for (size_t t = 0; t < rows; t++) {
        int32_t id = t % 5 == 3 ? -1 - (int32_t)t : (int32_t)check_below(c, vocab);
        tensor_i32(&ids)[t] = id;
        for (size_t d = 0; d < width; d++)
            want[t * width + d] = id < 0 ? 0 : check_at(&table, (size_t)id * width + d);
    }
    op_embed(&c->run, check_on(c, &dst), check_on(c, &table), check_on(c, &ids));
    check_close(c, &dst, want, 0, "embed %s, %zu of [%zu, %zu]", tensor_dtype_name(table.dtype),
                rows, vocab, width);
    check_free(c);
}

static void one(struct check *c, enum tensor_dtype dtype, size_t vocab, size_t rows, size_t width) {
    one_of(c, check_2d(c, dtype, vocab, width), rows);
}

/* Numbers so small that the scales of a block are not what binary16 calls normal. */
static void small(struct check *c, enum tensor_dtype dtype) {
    enum { VOCAB = 9, WIDTH = 512 };
    struct tensor numbers = check_2d(c, TENSOR_F32, VOCAB, WIDTH);
    struct tensor table = check_2d(c, dtype, VOCAB, WIDTH);
    for (size_t i = 0; i < VOCAB * WIDTH; i++)
        tensor_f32(&numbers)[i] *= 1e-4F;
    quant_narrow(table.data, tensor_f32(&numbers), dtype, VOCAB * WIDTH);
    one_of(c, table, 20);
}

static void test(struct check *c) {
    for (enum tensor_dtype dtype = TENSOR_F32; dtype <= TENSOR_BF16; dtype++) {
        one(c, dtype, 1, 1, 1);
        one(c, dtype, 100, 1, 64);
        one(c, dtype, 1000, 17, 33);
    }
    for (size_t i = 0; i < CHECK_QUANTISED; i++) {
        one(c, check_quantised[i], 1, 1, 256);
        one(c, check_quantised[i], 100, 17, 768);
        small(c, check_quantised[i]);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
