/* gpu_peak: what a GPU can do at most: what the numbers of its kernels are measured against. */
#ifndef TESTS_BENCH_GPU_PEAK_H
#define TESTS_BENCH_GPU_PEAK_H

#include "common/base/clock.h"
#include "common/gpu/gpu.h"

#include <math.h>
#include <time.h>

extern const struct gpu_program shader_stream, shader_fma;

/* Seconds of a dispatch, best of several rounds of a few of them; a software driver makes two. */
static inline double bench_gpu_dispatch(struct gpu *g, const struct gpu_dispatch *d) {
    enum { TIMES = 8, ROUNDS = 12 };
    int times = gpu_info(g)->hardware ? TIMES : 1;
    double best = INFINITY;
    gpu_record(g);
    for (int i = 0; i < times; i++)
        gpu_dispatch(g, d);
    struct gpu_recording *r = gpu_recorded(g);
    for (int i = 0; i < (times > 1 ? ROUNDS : 2); i++) {
        gpu_wait(g);
        double start = clock_now();
        gpu_replay(g, r);
        gpu_wait(g);
        best = fmin(best, clock_now() - start);
    }
    return best / times;
}

/* Bytes read from memory per second by a kernel that does nothing else, over 1 GiB, which is more
 * than any cache holds. */
static inline double bench_gpu_read(struct gpu *g) {
    enum { BYTES = 1 << 30, GROUPS = 2048 };
    struct gpu_arena memory = {.used = 0};
    const struct {
        uint64_t dst, src;
        uint32_t n;
    } args = {gpu_alloc(g, &memory, 4), gpu_alloc(g, &memory, BYTES), BYTES / 16};
    gpu_fill(g, args.src, BYTES);
    double seconds = bench_gpu_dispatch(g, &(struct gpu_dispatch){.program = &shader_stream,
                                                                  .args = &args,
                                                                  .args_size = 20,
                                                                  .groups = {GROUPS, 1, 1},
                                                                  .reads = {{args.src, BYTES}},
                                                                  .n_reads = 1});
    gpu_arena_free(g, &memory);
    return BYTES / seconds;
}

/* FLOP/s of f32 multiply-adds of a kernel that does nothing else. */
static inline double bench_gpu_fma(struct gpu *g) {
    enum { GROUPS = 2048, THREADS = 256, FLOP = 32 /* of a turn */ };
    struct gpu_arena memory = {.used = 0};
    const struct {
        uint64_t dst;
        float a, b;
        uint32_t turns;
    } args = {gpu_alloc(g, &memory, 4), 0.5F, 1, gpu_info(g)->hardware ? 4000 : 16};
    double seconds = bench_gpu_dispatch(g, &(struct gpu_dispatch){.program = &shader_fma,
                                                                  .args = &args,
                                                                  .args_size = 20,
                                                                  .groups = {GROUPS, 1, 1},
                                                                  .writes = {{args.dst, 4}},
                                                                  .n_writes = 1});
    gpu_arena_free(g, &memory);
    return (double)GROUPS * THREADS * FLOP * args.turns / seconds;
}

/* The ceilings, of a second's work: a GPU that has had nothing to do takes its time to reach its
 * clocks. */
struct bench_gpu {
    double read, fma;
};

static inline struct bench_gpu bench_gpu_ceilings(struct gpu *g) {
    struct bench_gpu c = {0, 0};
    double start = clock_now();
    do {
        c.read = fmax(c.read, bench_gpu_read(g));
        c.fma = fmax(c.fma, bench_gpu_fma(g));
    } while (gpu_info(g)->hardware && clock_now() - start < 1);
    return c;
}

/* True if it reads and multiplies as fast as it did at first: it may have lowered its clocks, with
 * little to do or for all the power that matrix units take, and others may use it. */
static inline bool bench_gpu_is_calm(struct gpu *g, const struct bench_gpu *c) {
    const double enough = 0.85;
    return !gpu_info(g)->hardware ||
           (bench_gpu_read(g) > enough * c->read && bench_gpu_fma(g) > enough * c->fma);
}

/* The seconds that measure(ctx) finds; of a GPU that was not at its speed the best of some more
 * times, each after a while. g NULL: once. */
static inline double bench_gpu_calmly(struct gpu *g, const struct bench_gpu *c,
                                      double (*measure)(void *ctx), void *ctx) {
    enum { TRIES = 4 };
    const struct timespec pause = {.tv_nsec = 200 * 1000 * 1000};
    double best = measure(ctx);
    for (int i = 1; g && i < TRIES && !bench_gpu_is_calm(g, c); i++) {
        nanosleep(&pause, NULL);
        best = fmin(best, measure(ctx));
    }
    return best;
}

#endif
