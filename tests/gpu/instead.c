/* Parts of a recording that other kernels may do instead: here they do something else than the
 * dispatches, so that it can be seen who did. usage: instead [N]; prints TAP. */
#include "common/base/die.h"
#include "common/gpu/gpu.h"
#include "shaders/add.h"
#include "shaders/add_scaled.h"
#include "shaders/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t n_checks, n_failed;

static void check(bool ok, const char *what) {
    n_failed += !ok;
    printf("%sok %zu - %s\n", ok ? "" : "not ", ++n_checks, what);
}

/* What a replay adds to the sum: by dispatches, by what stays. */
enum { ALONE = 4, STAYING = 120 };

struct test {
    struct gpu *g;
    uint64_t one, ten; /* f32 [1], as the others */
    uint64_t sum;
    uint64_t seen; /* the sum after the first part, each time */
    uint64_t lost; /* what the sweeps add one to */
};

static void set(const struct test *t, uint64_t to, float x) {
    gpu_write(t->g, to, &x, sizeof x);
}

static float get(const struct test *t, uint64_t from) {
    float x;
    gpu_read(t->g, from, &x, sizeof x);
    return x;
}

static struct gpu_dispatch add_of(const struct add_args *a) {
    return (struct gpu_dispatch){.program = &shader_add,
                                 .args = a,
                                 .args_size = sizeof *a,
                                 .groups = {1, 1, 1},
                                 .reads = {{a->dst, 4}, {a->x, 4}},
                                 .n_reads = 2,
                                 .writes = {{a->dst, 4}},
                                 .n_writes = 1};
}

static void add(const struct test *t, uint64_t dst, uint64_t x) {
    struct add_args a = {.dst = dst, .x = x, .n = 1};
    struct gpu_dispatch d = add_of(&a);
    gpu_dispatch(t->g, &d);
}

static void instead(const struct test *t, const struct gpu_dispatch *stays) {
    struct add_args a = {.dst = t->lost, .x = t->one, .n = 1};
    struct gpu_dispatch sweep = add_of(&a);
    gpu_instead(t->g, stays, &sweep);
}

/* One part that is added ten to, one that is added a hundred to by another kernel, one like the
 * first. */
static struct gpu_recording *record(const struct test *t) {
    struct add_args ten = {.dst = t->sum, .x = t->ten, .n = 1};
    struct add_scaled_args hundred = {
        .dst = t->sum, .x = t->ten, .scale = t->ten, .n = 1, .width = 1};
    struct gpu_dispatch a = add_of(&ten), b = {.program = &shader_add_scaled,
                                               .args = &hundred,
                                               .args_size = sizeof hundred,
                                               .groups = {1, 1, 1}};
    gpu_record(t->g);
    instead(t, &a);
    add(t, t->sum, t->one);
    gpu_instead_end(t->g);
    add(t, t->seen, t->sum);
    instead(t, &b);
    add(t, t->sum, t->one);
    add(t, t->sum, t->one);
    gpu_instead_end(t->g);
    instead(t, &a);
    add(t, t->sum, t->one);
    gpu_instead_end(t->g);
    return gpu_recorded(t->g);
}

static void ask_for(const char *form) {
    setenv("OMNI_RESIDENT", form, 1);
}

static void replay(const struct test *t, struct gpu_recording *r, size_t n) {
    set(t, t->sum, 0);
    set(t, t->seen, 0);
    for (size_t i = 0; i < n; i++)
        gpu_replay(t->g, r);
}

static void both_forms(const struct test *t) {
    ask_for("0");
    replay(t, record(t), 3);
    check(get(t, t->sum) == 3 * ALONE && get(t, t->seen) == 3 + 3 * ALONE, "by dispatches");
    ask_for("1");
    gpu_rehearse(t->g);
    check(record(t) == NULL, "a rehearsal");
    gpu_rehearsed(t->g);
    replay(t, record(t), 3);
    check(get(t, t->sum) == 3 * STAYING && get(t, t->seen) == 3 * 10 + 3 * STAYING,
          "parts by different kernels");
}

/* Of a round's 18 replays each form has half; all before are dispatches. */
static void measured(const struct test *t) {
    enum { MOST = 100000 };
    size_t n = 0;
    ask_for("auto");
    struct gpu_recording *r = record(t);
    replay(t, r, 0);
    for (; n < MOST && gpu_steps(t->g).measured == 0; n++) {
        gpu_replay(t->g, r);
        if (n > 50)
            usleep(100); /* for kernels that are being made */
    }
    check(n < MOST && get(t, t->sum) == (float)(ALONE * (n - 9) + STAYING * 9),
          "measured in turns");
}

/* As if workgroups had not met. */
static void lost(struct test *t) {
    ask_for("1");
    t->lost = gpu_report(t->g);
    struct gpu_recording *r = record(t);
    replay(t, r, 1);
    check(get(t, t->sum) == STAYING, "before it is known that workgroups do not meet");
    replay(t, r, 1);
    check(get(t, t->sum) == ALONE, "and from then on");
    replay(t, record(t), 1);
    check(get(t, t->sum) == ALONE, "other recordings too");
}

int main(int argc, char **argv) {
    struct gpu *g;
    struct gpu_arena a = {.used = 0};
    struct err e = {.code = 0};
    die_init("instead");
    setenv("XDG_CACHE_HOME", "/proc/none", 1); /* nothing is known from earlier starts */
    if (gpu_open(&g, argc > 1 ? atoi(argv[1]) : GPU_BEST, &e))
        die_err(&e);
    struct test t = {.g = g,
                     .one = gpu_alloc(g, &a, sizeof(float)),
                     .ten = gpu_alloc(g, &a, sizeof(float)),
                     .sum = gpu_alloc(g, &a, sizeof(float)),
                     .seen = gpu_alloc(g, &a, sizeof(float)),
                     .lost = gpu_alloc(g, &a, sizeof(float))};
    set(&t, t.one, 1);
    set(&t, t.ten, 10);
    set(&t, t.lost, 0);
    both_forms(&t);
    measured(&t);
    lost(&t);
    printf("1..%zu\n", n_checks);
    gpu_arena_free(g, &a);
    gpu_close(g);
    return n_failed != 0;
}
