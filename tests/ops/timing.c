/* What benchmarks of ops share, see check.h. */
#include "common/base/clock.h"
#include "tests/bench/gpu_peak.h"
#include "tests/bench/peak.h"
#include "tests/bench/row.h"
#include "tests/ops/check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool check_times_quantised(const struct check *c) {
    return !c->run.gpu || !c->run.precise;
}

/* A copy made by the device. Only bytes count: they are copied as words. */
static struct tensor copy_on(struct check *c, const struct tensor *on) {
    struct tensor copy = run_new_like(&c->run, RUN_SESSION, on);
    size_t words = (tensor_bytes(on) + 3) / 4; /* the last one may end in padding */
    struct tensor dst = tensor_1d(TENSOR_F32, copy.data, words);
    struct tensor src = tensor_1d(TENSOR_F32, on->data, words);
    op_copy(&c->run, &dst, &src);
    return copy;
}

struct check_copies check_copies(struct check *c, const struct tensor *w) {
    const size_t enough = (size_t)256 << 20; /* larger than most caches */
    size_t bytes = tensor_bytes(w), most = bytes ? CHECK_COPIES : 1;
    struct check_copies all = {.t = {*check_on(c, w)}, .n = 1};
    for (; all.n < most && all.n * bytes < enough; all.n++)
        all.t[all.n] = c->run.gpu ? copy_on(c, &all.t[0]) : check_copy(c, w);
    return all;
}

const struct tensor *check_turn(struct check_copies *w) {
    return &w->t[w->next++ % w->n];
}

static double seconds(const struct check *c) {
    return c->run.gpu ? clock_now() : bench_now();
}

/* The best time of one of `times` calls in one recording, replayed for `least` seconds or longer.
 */
static double time_recorded(struct check *c, void (*work)(struct check *c, void *ctx), void *ctx,
                            int times, double least) {
    struct run_recording r = {.kept = NULL};
    double best = INFINITY;
    run_record(&c->run, &r);
    for (int i = 0; i < times; i++) {
        work(c, ctx);
        run_step(&c->run);
    }
    run_recorded(&c->run, &r);
    gpu_wait(c->run.gpu);
    double start = clock_now();
    for (int i = 0; i < 3 || clock_now() - start < least; i++) {
        double before = seconds(c);
        run_replay(&c->run, &r);
        gpu_wait(c->run.gpu);
        best = fmin(best, seconds(c) - before);
    }
    return best / times;
}

/* So many calls that submitting and waiting for them is a small part. */
static double time_gpu(struct check *c, void (*work)(struct check *c, void *ctx), void *ctx) {
    const double enough = 10e-3, look = 5e-3;
    const int most = 1000;
    work(c, ctx); /* kernels are compiled and tensors are on the device from here on */
    gpu_wait(c->run.gpu);
    run_step(&c->run);
    double one = time_recorded(c, work, ctx, 1, look);
    int times = one * most < enough ? most : (int)fmax(enough / one, 1);
    return time_recorded(c, work, ctx, times, c->least);
}

struct timed {
    struct check *c;
    void (*work)(struct check *c, void *ctx);
    void *ctx;
};

static double time_once(void *ctx) {
    const struct timed *t = ctx;
    return time_gpu(t->c, t->work, t->ctx);
}

/* The same of a device at its speed. */
static double time_gpu_calmly(struct check *c, void (*work)(struct check *c, void *ctx),
                              void *ctx) {
    const struct bench_gpu ceilings = {c->bandwidth, c->peak};
    return bench_gpu_calmly(c->run.gpu, &ceilings, time_once, &(struct timed){c, work, ctx});
}

static double time_cpu(struct check *c, void (*work)(struct check *c, void *ctx), void *ctx) {
    double best = INFINITY, start = clock_now();
    work(c, ctx); /* caches and pages are warm from here on */
    for (int i = 0; i < 3 || clock_now() - start < c->least; i++) {
        double before = seconds(c);
        work(c, ctx);
        best = fmin(best, seconds(c) - before);
        run_step(&c->run);
    }
    return best;
}

/* What part of the machine's ceiling a call of `seconds` reaches. */
static void measure(const struct check *c, struct bench_row *r, double bytes, double flop,
                    double seconds) {
    double read = bytes / c->bandwidth, fma = flop / c->peak;
    r->share = fmax(read, fma) / seconds;
    r->ceiling = read > fma ? "read" : "fma";
}

void check_bench(struct check *c, void (*work)(struct check *c, void *ctx), void *ctx, double bytes,
                 double flop, const char *fmt, ...) {
    char name[160], device[64], more[64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    double best = c->run.gpu ? time_gpu_calmly(c, work, ctx) : time_cpu(c, work, ctx);
    snprintf(device, sizeof device, "%s%s", check_backend(c), c->run.precise ? " precise" : "");
    snprintf(more, sizeof more, "%8.1f GB/s %8.1f GFLOP/s ", bytes / best * 1e-9,
             flop / best * 1e-9);
    size_t op = strcspn(name, " ");
    const char *rest = name[op] ? name + op + 1 : name + op;
    name[op] = 0;
    struct bench_row r = {.bench = name, .device = device, .value = best * 1e6, .unit = "us"};
    measure(c, &r, bytes, flop, best);
    bench_row(&r, more, "%s", rest);
}
