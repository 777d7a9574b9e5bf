#include "tests/ops/check.h"

static void one(struct check *c, int32_t first, size_t rows) {
    struct tensor positions = check_2d(c, TENSOR_F32, rows, 3), at = check_ints(c, 1);
    double *want = check_doubles(c, 3 * rows);
    tensor_i32(&at)[0] = first;
    for (size_t t = 0; t < rows; t++)
        for (size_t axis = 0; axis < 3; axis++)
            want[3 * t + axis] = first + (double)t;
    op_positions(&c->run, check_on(c, &positions), check_on(c, &at));
    check_close(c, &positions, want, 0, "positions from %d, %zu rows", (int)first, rows);
    check_free(c);
}

static void test(struct check *c) {
    one(c, 0, 1);
    one(c, 0, 100);
    one(c, 65535, 3);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
