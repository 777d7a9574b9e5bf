#include "tests/ops/check.h"

#include <math.h>

/* What the formula may lose: x exp(alpha) is rounded to f32, so the sine is off by as much as the
 * angle; `angle` in ulps of itself, everything else a few ulps of the summands. */
static double allowed(double x, double angle, double magnitude) {
    return 2e-7 * fabs(x) + 3e-7 * magnitude * (1 + fabs(angle));
}

static double worst_error(const struct tensor *dst, const struct tensor *x,
                          const struct tensor *alpha, const struct tensor *beta) {
    size_t width = tensor_count(alpha);
    double worst = 0;
    for (size_t i = 0; i < tensor_count(x); i++) {
        double v = check_at(x, i), angle = v * exp(check_at(alpha, i % width));
        double magnitude = 1 / (exp(check_at(beta, i % width)) + 1e-9);
        double want = v + magnitude * pow(sin(angle), 2);
        double error = fabs(check_at(dst, i) - want) / allowed(v, angle, magnitude);
        worst = error <= worst ? worst : error; /* keeps NaN */
    }
    return worst;
}

static void one(struct check *c, enum tensor_dtype dtype, size_t rows, size_t width, float range,
                bool in_place) {
    struct tensor x = check_2d(c, TENSOR_F32, rows, width);
    struct tensor alpha = check_1d(c, dtype, width), beta = check_1d(c, dtype, width);
    for (size_t i = 0; i < rows * width; i++)
        tensor_f32(&x)[i] *= range;
    struct tensor dst = in_place ? check_copy(c, &x) : check_2d(c, TENSOR_F32, rows, width);
    op_snakebeta(&c->run, check_on(c, &dst), check_on(c, in_place ? &dst : &x), check_on(c, &alpha),
                 check_on(c, &beta));
    check_back(c);
    double worst = worst_error(&dst, &x, &alpha, &beta);
    check_true(c, worst <= 1, "snakebeta%s %s [%zu, %zu], numbers to %g: %.2f of what is allowed",
               in_place ? " in place" : "", tensor_dtype_name(dtype), rows, width, (double)range,
               worst);
    check_free(c);
}

/* x in [-1, 1) times a large frequency: the sine is that of the angle as rounded to f32, however
 * little that means for the sound. */
static void large_angles(struct check *c, float frequency) {
    enum { ROWS = 9, WIDTH = 111 };
    struct tensor x = check_2d(c, TENSOR_F32, ROWS, WIDTH);
    struct tensor dst = check_2d(c, TENSOR_F32, ROWS, WIDTH);
    struct tensor alpha = check_1d(c, TENSOR_F32, WIDTH), beta = check_1d(c, TENSOR_F32, WIDTH);
    double worst = 0;
    for (size_t i = 0; i < WIDTH; i++) {
        tensor_f32(&alpha)[i] = logf(frequency);
        tensor_f32(&beta)[i] = 0;
    }
    op_snakebeta(&c->run, check_on(c, &dst), check_on(c, &x), check_on(c, &alpha),
                 check_on(c, &beta));
    check_back(c);
    for (size_t i = 0; i < tensor_count(&x); i++) {
        float angle = tensor_f32(&x)[i] * expf(logf(frequency));
        double want = check_at(&x, i) + pow(sin((double)angle), 2);
        worst = fmax(worst, fabs(check_at(&dst, i) - want));
    }
    check_true(c, worst < 5e-7, "snakebeta of angles to %g: %g", (double)frequency, worst);
    check_free(c);
}

static void threads(struct check *c) {
    struct tensor x = check_2d(c, TENSOR_F32, 777, 97), alpha = check_1d(c, TENSOR_F32, 97);
    struct tensor one = check_copy(c, &x), two = check_copy(c, &x);
    op_snakebeta(&c->run, check_on(c, &two), check_on(c, &x), check_on(c, &alpha),
                 check_on(c, &alpha));
    check_threads(c, 1);
    op_snakebeta(&c->run, check_on(c, &one), check_on(c, &x), check_on(c, &alpha),
                 check_on(c, &alpha));
    check_threads(c, CHECK_THREADS);
    check_same(c, &one, &two, "snakebeta, one thread and two");
    check_free(c);
}

static void rounded(struct check *c) {
    struct tensor x = check_2d(c, TENSOR_F32, 21, 70), full = check_2d(c, TENSOR_F32, 21, 70);
    struct tensor alpha = check_1d(c, TENSOR_BF16, 70), beta = check_1d(c, TENSOR_BF16, 70);
    struct tensor half = check_2d(c, TENSOR_BF16, 21, 70), *dst[] = {&full, &half};
    for (size_t i = 0; i < 2; i++)
        op_snakebeta(&c->run, check_on(c, dst[i]), check_on(c, &x), check_on(c, &alpha),
                     check_on(c, &beta));
    check_rounded(c, &half, &full, "snakebeta to bf16");
    check_free(c);
}

static void test(struct check *c) {
    if (c->run.gpu)
        rounded(c);
    for (enum tensor_dtype dtype = TENSOR_F32; dtype <= TENSOR_BF16; dtype++) {
        one(c, dtype, 1, 1, 1, false);
        one(c, dtype, 1, 1536, 1, true);
        one(c, dtype, 77, 33, 10, false);
        one(c, dtype, 1001, 96, 1000, true);
        one(c, dtype, 1 << 21, 1, 10, false); /* more rows than workgroups */
    }
    for (int decade = 2; decade < 10; decade++)
        large_angles(c, powf(10, (float)decade));
    threads(c);
}

static void work(struct check *c, void *ctx) {
    struct tensor *t = ctx;
    op_snakebeta(&c->run, check_on(c, &t[3]), check_on(c, &t[0]), check_on(c, &t[1]),
                 check_on(c, &t[2]));
}

/* What one frame of sound goes through. */
static void bench(struct check *c) {
    static const size_t shapes[][2] = {{4, 1536}, {32, 768}, {160, 384}, {640, 192}, {1920, 96}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t rows = shapes[i][0], width = shapes[i][1];
        struct tensor t[] = {check_2d(c, TENSOR_F32, rows, width), check_1d(c, TENSOR_BF16, width),
                             check_1d(c, TENSOR_BF16, width), check_2d(c, TENSOR_F32, rows, width)};
        check_bench(c, work, t, 8.0 * (double)(rows * width), 0, "snakebeta [%zu, %zu]", rows,
                    width);
        check_free(c);
    }
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, bench);
}
