/* peak: multiply-adds of all cores together, what every product is measured against. */
#ifndef TESTS_BENCH_PEAK_H
#define TESTS_BENCH_PEAK_H

#include "common/base/clock.h"
#include "common/ops/cpu/kernels.h"

#include <math.h>

/* FLOP/s, best of several rounds. */
static inline double bench_fma_peak(const struct cpu_kernels *k) {
    double best = 0;
    for (int round = 0; round < 12; round++) {
        double flop = 0, start = clock_now();
#pragma omp parallel reduction(+ : flop)
        {
            float sink = 0;
            flop += k->ceiling_fma(2000000, &sink);
        }
        best = fmax(best, flop / (clock_now() - start));
    }
    return best;
}

#endif
