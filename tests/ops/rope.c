#include "tests/ops/check.h"

static void one(struct check *c, size_t rows, size_t heads, size_t width) {
    size_t half = width / 2;
    struct tensor x = check_3d(c, TENSOR_F32, rows, heads, width);
    struct tensor table = check_2d(c, TENSOR_F32, rows, width);
    double *want = check_doubles(c, rows * heads * width);
    for (size_t r = 0; r < rows * heads; r++) {
        for (size_t d = 0; d < width; d++) {
            size_t turn = r / heads * width + d % half;
            double same = check_at(&x, r * width + d);
            double other = check_at(&x, r * width + (d + half) % width); /* rotate_half */
            want[r * width + d] = same * check_at(&table, turn) +
                                  (d < half ? -other : other) * check_at(&table, turn + half);
        }
    }
    op_rope(&c->run, check_on(c, &x), check_on(c, &table));
    check_close(c, &x, want, 2e-7, "rope [%zu, %zu, %zu]", rows, heads, width);
    check_free(c);
}

static void test(struct check *c) {
    one(c, 1, 1, 2);
    one(c, 1, 32, 128);
    one(c, 7, 3, 22);
    one(c, 40, 16, 64);
}

static void work(struct check *c, void *ctx) {
    struct tensor *t = ctx;
    op_rope(&c->run, check_on(c, &t[0]), check_on(c, &t[1]));
}

static void bench(struct check *c) {
    static const size_t rows[] = {1, 512};
    for (size_t i = 0; i < 2; i++) {
        struct tensor t[] = {check_3d(c, TENSOR_F32, rows[i], 32, 128),
                             check_2d(c, TENSOR_F32, rows[i], 128)};
        for (size_t j = 0; j < rows[i] * 128; j++) /* a rotation, or x would grow */
            tensor_f32(&t[1])[j] = j % 128 < 64 ? 0.6F : 0.8F;
        check_bench(c, work, t, 8.0 * 32 * 128 * (double)rows[i], 0, "rope [%zu, 32, 128]",
                    rows[i]);
        check_free(c);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
