#include "tests/ops/check.h"

#include "common/ops/rope_table.h"

#include <math.h>

/* cos and sin as torch computes them in float32 (theta 1e6, head_dim 128). */
struct anchor {
    double position;
    size_t i;
    double cosine, sine;
};

static const struct anchor anchors[] = {
    {1, 1, 0.69250387, 0.721414149},
    {1, 2, 0.796457887, 0.604694009},
    {1, 63, 1, 1.24093776e-06},
    {5003, 1, -0.569180489, -0.822212636},
    {5003, 2, 0.900602996, 0.434642702},
    {5003, 9, 0.79420799, 0.607645988},
    {5003, 20, -0.736689925, -0.676230669},
    {5003, 37, -0.128967136, 0.991648853},
    {5003, 63, 0.999980748, 0.00620837137},
    {60000, 1, 0.146054506, 0.989276528},
    {60000, 2, 0.647613823, 0.761968732},
    {60000, 9, -0.894751906, 0.446563572},
    {60000, 20, -0.54600203, 0.837783873},
    {60000, 63, 0.997229397, 0.0743874907},
};

static struct tensor frequencies(struct check *c, double theta, size_t width) {
    struct tensor t = check_1d(c, TENSOR_F32, width / 2);
    rope_frequencies(tensor_f32(&t), theta, width);
    return t;
}

static void against_torch(struct check *c) {
    const size_t plain[3] = {64, 0, 0};
    for (size_t a = 0; a < sizeof anchors / sizeof *anchors; a++) {
        struct tensor table = check_2d(c, TENSOR_F32, 1, 128), at = check_2d(c, TENSOR_F32, 1, 3);
        struct tensor frequency = frequencies(c, 1e6, 128);
        for (size_t axis = 0; axis < 3; axis++)
            tensor_f32(&at)[axis] = (float)anchors[a].position;
        op_rope_table(&c->run, check_on(c, &table), check_on(c, &at), check_on(c, &frequency),
                      plain);
        check_back(c);
        double cosine = check_at(&table, anchors[a].i), sine = check_at(&table, 64 + anchors[a].i);
        check_true(c,
                   fabs(cosine - anchors[a].cosine) < 1e-6 && fabs(sine - anchors[a].sine) < 1e-6,
                   "rope_table at position %g, frequency %zu", anchors[a].position, anchors[a].i);
        check_free(c);
    }
}

/* 0, 1, 2: time, height, width; written from the description of the layout, T H W T H W .. T T. */
static size_t axis_of(size_t i, const size_t section[3]) {
    size_t n_height = section[1], n_width = section[2];
    for (size_t h = 0; h < n_height; h++)
        if (i == 1 + 3 * h)
            return 1;
    for (size_t w = 0; w < n_width; w++)
        if (i == 2 + 3 * w)
            return 2;
    return 0;
}

static void one(struct check *c, size_t rows, size_t width, double theta, const size_t section[3]) {
    size_t half = width / 2;
    struct tensor table = check_2d(c, TENSOR_F32, rows, width);
    struct tensor at = check_2d(c, TENSOR_F32, rows, 3);
    struct tensor frequency = frequencies(c, theta, width);
    double *want = check_doubles(c, rows * width);
    for (size_t i = 0; i < 3 * rows; i++) /* fractions occur with videos */
        tensor_f32(&at)[i] = 0.25F * (float)check_below(c, 80);
    for (size_t t = 0; t < rows; t++) {
        for (size_t i = 0; i < half; i++) {
            double position = check_at(&at, 3 * t + axis_of(i, section));
            double angle = position * pow(theta, -2.0 * (double)i / (double)width);
            want[t * width + i] = cos(angle);
            want[t * width + half + i] = sin(angle);
        }
    }
    op_rope_table(&c->run, check_on(c, &table), check_on(c, &at), check_on(c, &frequency), section);
    check_close(c, &table, want, 5e-7, "rope_table [%zu, %zu], theta %g, sections %zu %zu", rows,
                width, theta, section[1], section[2]);
    check_free(c);
}

static void test(struct check *c) {
    const size_t released[3] = {24, 20, 20}, tiny[3] = {4, 2, 2}, plain[3] = {0};
    against_torch(c);
    one(c, 1, 128, 1e6, released);
    one(c, 33, 128, 1e6, released);
    one(c, 33, 16, 1e6, tiny);
    one(c, 7, 64, 1e4, plain);
    one(c, 1, 2, 1e4, plain);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
