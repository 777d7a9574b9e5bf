/* gpu_peak: what a GPU can do at most: what the numbers of its kernels are measured against. */
#ifndef TESTS_BENCH_GPU_PEAK_H
#define TESTS_BENCH_GPU_PEAK_H

#include "common/base/clock.h"
#include "common/gpu/gpu.h"

#include <math.h>

extern const struct gpu_program shader_stream;

/* Bytes read from memory per second by a kernel that does nothing else, best of several rounds over
 * 1 GiB, which is more than any cache holds. */
static inline double bench_gpu_read(struct gpu *g) {
    enum { BYTES = 1 << 30, GROUPS = 2048, TIMES = 8, ROUNDS = 12 };
    struct gpu_arena memory = {.used = 0};
    const struct {
        uint64_t dst, src;
        uint32_t n;
    } args = {gpu_alloc(g, &memory, 4), gpu_alloc(g, &memory, BYTES), BYTES / 16};
    const struct gpu_dispatch read = {.program = &shader_stream,
                                      .args = &args,
                                      .args_size = 20,
                                      .groups = {GROUPS, 1, 1},
                                      .reads = {{args.src, BYTES}},
                                      .n_reads = 1};
    int times = gpu_info(g)->hardware ? TIMES : 1;
    double best = INFINITY;
    gpu_fill(g, args.src, BYTES);
    gpu_record(g);
    for (int i = 0; i < times; i++)
        gpu_dispatch(g, &read);
    struct gpu_recording *r = gpu_recorded(g);
    for (int i = 0; i < (times > 1 ? ROUNDS : 2); i++) {
        gpu_wait(g);
        double start = clock_now();
        gpu_replay(g, r);
        gpu_wait(g);
        best = fmin(best, clock_now() - start);
    }
    gpu_arena_free(g, &memory);
    return (double)BYTES * times / best;
}

#endif
