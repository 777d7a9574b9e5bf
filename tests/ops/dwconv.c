#include "tests/ops/check.h"

static void one(struct check *c, size_t rows, size_t width, size_t taps, enum tensor_dtype dtype) {
    struct tensor x = check_2d(c, TENSOR_F32, rows + taps - 1, width);
    struct tensor w = check_2d(c, dtype, width, taps), b = check_1d(c, dtype, width);
    struct tensor dst = check_2d(c, TENSOR_F32, rows, width);
    double *want = check_doubles(c, rows * width);
    for (size_t t = 0; t < rows; t++) {
        for (size_t d = 0; d < width; d++) {
            double sum = check_at(&b, d);
            for (size_t i = 0; i < taps; i++)
                sum += check_at(&w, d * taps + i) * check_at(&x, (t + i) * width + d);
            want[t * width + d] = sum;
        }
    }
    op_dwconv(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &w), check_on(c, &b));
    check_close(c, &dst, want, 1e-6, "dwconv %zu rows, %s [%zu, %zu]", rows,
                tensor_dtype_name(dtype), width, taps);
    check_free(c);
    run_step(&c->run);
}

static void test(struct check *c) {
    const size_t shapes[][3] = {{1, 1, 1}, {1, 1024, 7}, {2, 33, 7}, {17, 100, 3}, {130, 65, 7}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        one(c, shapes[i][0], shapes[i][1], shapes[i][2], TENSOR_F32);
        one(c, shapes[i][0], shapes[i][1], shapes[i][2], TENSOR_BF16);
    }
}

struct job {
    struct tensor dst, x, w, b;
};

static void work(struct check *c, void *ctx) {
    struct job *j = ctx;
    op_dwconv(&c->run, check_on(c, &j->dst), check_on(c, &j->x), check_on(c, &j->w),
              check_on(c, &j->b));
}

static void bench(struct check *c) {
    for (size_t rows = 2; rows <= 32; rows *= 2) {
        struct job j = {check_2d(c, TENSOR_F32, rows, 1024),
                        check_2d(c, TENSOR_F32, rows + 6, 1024), check_2d(c, TENSOR_BF16, 1024, 7),
                        check_1d(c, TENSOR_BF16, 1024)};
        check_bench(c, work, &j, (double)(2 * rows + 6) * 4096, (double)rows * 1024 * 14,
                    "dwconv %zu rows, bf16 [1024, 7]", rows);
        check_free(c);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
