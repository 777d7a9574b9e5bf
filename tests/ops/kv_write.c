#include "tests/ops/check.h"

#include "common/base/bf16.h"

static void one(struct check *c, enum tensor_dtype dtype, size_t rows, size_t at) {
    size_t keys = 13, width = 2 * 9;
    struct tensor cache = check_3d(c, dtype, keys, 2, 9), x = check_3d(c, TENSOR_F32, rows, 2, 9);
    struct tensor at_tensor = check_ints(c, 1);
    double *want = check_doubles(c, keys * width);
    for (size_t i = 0; i < keys * width; i++)
        want[i] = check_at(&cache, i);
    for (size_t i = 0; i < rows * width; i++) {
        float f = tensor_f32(&x)[i];
        want[at * width + i] = dtype == TENSOR_F32 ? f : bf16_to_f32(bf16_from_f32(f));
    }
    tensor_i32(&at_tensor)[0] = (int32_t)at;
    op_kv_write(&c->run, check_on(c, &cache), check_on(c, &x), check_on(c, &at_tensor));
    check_close(c, &cache, want, 0, "kv_write %zu rows to %s at %zu of %zu", rows,
                tensor_dtype_name(dtype), at, keys);
    check_free(c);
}

static void test(struct check *c) {
    const size_t cases[][2] = {{1, 0}, {1, 12}, {5, 3}, {13, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        one(c, TENSOR_F32, cases[i][0], cases[i][1]);
        one(c, TENSOR_BF16, cases[i][0], cases[i][1]);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
