#include "tests/ops/check.h"

#include <math.h>

static void one(struct check *c, size_t n) {
    struct tensor x = check_2d(c, TENSOR_F32, n, 1);
    double *want = check_doubles(c, n);
    for (size_t i = 0; i < n; i++)
        want[i] = fmin(fmax(check_at(&x, i), -0.5), 0.25);
    struct tensor dst = check_2d(c, TENSOR_F32, n, 1);
    op_clamp(&c->run, check_on(c, &dst), check_on(c, &x), -0.5F, 0.25F);
    check_close(c, &dst, want, 0, "clamp [%zu, 1]", n);
    op_clamp(&c->run, check_on(c, &x), check_on(c, &x), -0.5F, 0.25F);
    check_close(c, &x, want, 0, "clamp [%zu, 1] in place", n);
    check_free(c);
}

static void test(struct check *c) {
    one(c, 1);
    one(c, 1920);
    one(c, 70001);
    float wild[] = {-INFINITY, INFINITY, 0.1F};
    struct tensor x = tensor_1d(TENSOR_F32, wild, 3);
    op_clamp(&c->run, check_on(c, &x), check_on(c, &x), -1, 1);
    check_back(c);
    check_true(c, wild[0] == -1 && wild[1] == 1 && wild[2] == 0.1F, "clamp of infinities");
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
