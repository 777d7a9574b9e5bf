/* What this machine can do at most, all cores at work: bytes read from memory per second and
 * floating-point operations per second, for each instruction set. */
#include "tests/bench/peak.h"
#include "tests/bench/row.h"

int main(void) {
    for (size_t i = 0; cpu_kernels_nth(i); i++) {
        const struct cpu_kernels *k = cpu_kernels_nth(i);
        bench_row(&(struct bench_row){.bench = "ceiling",
                                      .device = k->name,
                                      .value = bench_read_bandwidth(k) * 1e-9,
                                      .unit = "GB/s"},
                  "", "read, %d threads", omp_get_max_threads());
        bench_row(&(struct bench_row){.bench = "ceiling",
                                      .device = k->name,
                                      .value = bench_fma_peak(k) * 1e-9,
                                      .unit = "GFLOP/s"},
                  "", "fma, %d threads", omp_get_max_threads());
    }
}
