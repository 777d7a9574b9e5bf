#include "tests/ops/check.h"

static void one(struct check *c, int32_t from, size_t n) {
    struct tensor at = check_ints(c, 1);
    tensor_i32(&at)[0] = from;
    op_advance(&c->run, check_on(c, &at), n);
    check_back(c);
    check_true(c, tensor_i32(&at)[0] == from + (int32_t)n, "advance from %d by %zu", (int)from, n);
    check_free(c);
}

/* A step that is recorded and replayed sees what the step before left. */
static void recorded(struct check *c) {
    enum { STEPS = 5 };
    struct run_recording step = {.kept = NULL};
    struct tensor at = check_ints(c, 1), sum = check_2d(c, TENSOR_F32, 1, 3);
    struct tensor x = check_2d(c, TENSOR_F32, 1, 3);
    double want[3];
    for (size_t i = 0; i < 3; i++)
        want[i] = check_at(&sum, i) + STEPS * check_at(&x, i);
    const struct tensor *on_at = check_on(c, &at), *on_sum = check_on(c, &sum);
    const struct tensor *on_x = check_on(c, &x);
    for (int i = 0; i < STEPS; i++) {
        run_step(&c->run);
        if (run_replay(&c->run, &step))
            continue;
        run_record(&c->run, &step);
        struct tensor copy = run_new_2d(&c->run, RUN_STEP, TENSOR_F32, 1, 3);
        op_copy(&c->run, &copy, on_x);
        op_add(&c->run, on_sum, &copy);
        op_advance(&c->run, on_at, 2);
        run_recorded(&c->run, &step);
    }
    check_close(c, &sum, want, 1e-6, "%d times a recorded step", (int)STEPS);
    check_true(c, tensor_i32(&at)[0] == 2 * STEPS, "it advances each time");
    check_free(c);
}

static void test(struct check *c) {
    one(c, 0, 1);
    one(c, 7, 0);
    one(c, 12345, 128);
    recorded(c);
}

int main(int argc, char **argv) {
    return check_main(argc, argv, test, NULL);
}
