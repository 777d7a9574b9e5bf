#include "common/ops/run.h"

#include "common/base/die.h"
#include "common/ops/cpu/kernels.h"

#include <fnmatch.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cpu_kernels *choose_kernels(void) {
    const char *isa = getenv("OMNI_ISA");
    if (!isa)
        return cpu_kernels_best();
    const struct cpu_kernels *found = cpu_kernels_find(isa);
    if (!found)
        die(ERR_USAGE, "OMNI_ISA: '%s' is not an instruction set of this machine", isa);
    return found;
}

void run_init(struct run *run, int threads, bool precise) {
    *run = (struct run){.precise = precise, .threads = threads, .cpu = choose_kernels()};
    if (run->threads <= 0)
        run->threads = omp_get_num_procs();
    omp_set_num_threads(run->threads);
}

void run_free(struct run *run) {
    for (int m = 0; m < RUN_MEMORIES; m++)
        arena_free(&run->memory[m]);
}

static void *alloc(struct run *run, enum run_memory m, const struct tensor *t) {
    return arena_alloc(&run->memory[m], tensor_bytes(t));
}

struct tensor run_new_1d(struct run *run, enum run_memory m, enum tensor_dtype dtype, size_t n0) {
    struct tensor t = tensor_1d(dtype, NULL, n0);
    t.data = alloc(run, m, &t);
    return t;
}

struct tensor run_new_2d(struct run *run, enum run_memory m, enum tensor_dtype dtype, size_t n0,
                         size_t n1) {
    struct tensor t = tensor_2d(dtype, NULL, n0, n1);
    t.data = alloc(run, m, &t);
    return t;
}

struct tensor run_new_3d(struct run *run, enum run_memory m, enum tensor_dtype dtype, size_t n0,
                         size_t n1, size_t n2) {
    struct tensor t = tensor_3d(dtype, NULL, n0, n1, n2);
    t.data = alloc(run, m, &t);
    return t;
}

void run_step(struct run *run) {
    arena_reset(&run->memory[RUN_STEP]);
}

void run_write(struct run *run, const struct tensor *dst, const void *src) {
    (void)run;
    memcpy(dst->data, src, tensor_bytes(dst));
}

void run_read(struct run *run, const struct tensor *src, void *dst) {
    (void)run;
    memcpy(dst, src->data, tensor_bytes(src));
}

void run_zero(struct run *run, const struct tensor *dst) {
    (void)run;
    memset(dst->data, 0, tensor_bytes(dst));
}

void run_trace(struct run *run, const struct tensor *t, const char *fmt, ...) {
    if (!run->trace)
        return;
    char name[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    if (fnmatch(run->trace_glob, name, 0) == 0)
        run->trace(run->trace_ctx, name, t);
}
