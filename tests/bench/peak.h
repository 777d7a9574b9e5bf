/* peak: what this machine can do at most, all cores at work; what every number of the benchmarks is
 * measured against. */
#ifndef TESTS_BENCH_PEAK_H
#define TESTS_BENCH_PEAK_H

#include "common/base/arena.h"
#include "common/ops/cpu/kernels.h"

#include <math.h>
#include <omp.h>
#include <string.h>
#include <time.h>

enum { BENCH_ROUNDS = 12 };

/* Seconds. With one thread only the time that it had a core counts: other programs disturb less. */
static inline double bench_now(void) {
    struct timespec t;
    clock_gettime(omp_get_max_threads() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* FLOP/s of multiply-adds, best of several rounds. */
static inline double bench_fma_peak(const struct cpu_kernels *k) {
    double best = 0;
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double flop = 0, start = bench_now();
#pragma omp parallel reduction(+ : flop)
        {
            float sink = 0;
            flop += k->ceiling_fma(2000000, &sink);
        }
        best = fmax(best, flop / (bench_now() - start));
    }
    return best;
}

/* Bytes read from memory per second, best of several rounds over 1 GiB: more than any cache. */
static inline double bench_read_bandwidth(const struct cpu_kernels *k) {
    struct arena arena = {0};
    size_t n = (size_t)1 << 28, threads = (size_t)omp_get_max_threads();
    size_t part = n / threads / 1024 * 1024;
    float *p = arena_alloc(&arena, n * sizeof *p);
    double best = INFINITY;
    memset(p, 0, n * sizeof *p);
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = bench_now();
#pragma omp parallel
        {
            float sink = 0;
            k->ceiling_read(p + part * (size_t)omp_get_thread_num(), part, &sink);
        }
        best = fmin(best, bench_now() - start);
    }
    arena_free(&arena);
    return (double)(part * threads * sizeof *p) / best;
}

#endif
