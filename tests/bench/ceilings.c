/* What this machine can do at most, all cores at work: bytes read from memory per second and
 * floating-point operations per second, for each instruction set; best of several rounds. */
#include "common/base/arena.h"
#include "tests/bench/peak.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 12 };

static double read_bandwidth(const struct cpu_kernels *k, const float *p, size_t n) {
    double best = INFINITY;
    size_t part = n / (size_t)omp_get_max_threads() / 1024 * 1024;
    for (int round = 0; round < ROUNDS; round++) {
        double start = clock_now();
#pragma omp parallel
        {
            float sink = 0;
            k->ceiling_read(p + part * (size_t)omp_get_thread_num(), part, &sink);
        }
        best = fmin(best, clock_now() - start);
    }
    return (double)(part * (size_t)omp_get_max_threads() * sizeof *p) / best;
}

int main(void) {
    struct arena arena = {0};
    size_t n = (size_t)1 << 28; /* 1 GiB: larger than any cache */
    float *p = arena_alloc(&arena, n * sizeof *p);
    memset(p, 0, n * sizeof *p);
    for (size_t i = 0; cpu_kernels_nth(i); i++) {
        const struct cpu_kernels *k = cpu_kernels_nth(i);
        printf("%-8s %6.1f GB/s read  %7.1f GFLOP/s  (%d threads)\n", k->name,
               read_bandwidth(k, p, n) * 1e-9, bench_fma_peak(k) * 1e-9, omp_get_max_threads());
    }
    arena_free(&arena);
}
