#include "common/ops/run.h"

#include "common/base/die.h"
#include "common/ops/cpu/kernels.h"
#include "common/ops/planes.h"

#include <fnmatch.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tensors ---- */

static void *alloc(struct run *run, enum run_memory m, const struct tensor *t) {
    if (run->gpu)
        return (void *)(uintptr_t)gpu_alloc(run->gpu, &run->device[m], tensor_bytes(t));
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

struct tensor run_new_like(struct run *run, enum run_memory m, const struct tensor *t) {
    struct tensor fresh = *t;
    fresh.data = alloc(run, m, t);
    return fresh;
}

void run_step(struct run *run) {
    arena_reset(&run->memory[RUN_STEP]);
    gpu_release(&run->device[RUN_STEP], (struct gpu_arena_mark){.used = 0});
}

struct run_mark run_mark(const struct run *run, enum run_memory m) {
    return (struct run_mark){arena_mark(&run->memory[m]), gpu_mark(&run->device[m])};
}

void run_release(struct run *run, enum run_memory m, struct run_mark mark) {
    arena_release(&run->memory[m], mark.host);
    gpu_release(&run->device[m], mark.device);
}

void run_write(struct run *run, const struct tensor *dst, const void *src) {
    if (run->gpu)
        gpu_write(run->gpu, run_address(dst), src, tensor_bytes(dst));
    else
        memcpy(dst->data, src, tensor_bytes(dst));
}

void run_read(struct run *run, const struct tensor *src, void *dst) {
    if (run->gpu)
        gpu_read(run->gpu, run_address(src), dst, tensor_bytes(src));
    else
        memcpy(dst, src->data, tensor_bytes(src));
}

void run_zero(struct run *run, const struct tensor *dst) {
    if (run->gpu)
        gpu_fill(run->gpu, run_address(dst), tensor_bytes(dst));
    else
        memset(dst->data, 0, tensor_bytes(dst));
}

void run_submit(struct run *run) {
    if (run->gpu)
        gpu_submit(run->gpu);
}

void run_wait(struct run *run) {
    if (run->gpu)
        gpu_wait(run->gpu);
}

struct run_letter run_post(struct run *run, const struct tensor *src, void *dst) {
    struct run_letter l = {.dst = dst};
    if (run->gpu)
        l.gpu = gpu_post(run->gpu, run_address(src), tensor_bytes(src));
    else
        run_read(run, src, dst);
    return l;
}

void run_collect(struct run *run, const struct run_letter *l) {
    if (run->gpu)
        gpu_collect(run->gpu, &l->gpu, l->dst);
}

void run_load(struct run *run, const struct tensor *dst, const struct gpu_file *from) {
    struct gpu_planes planes = planes_of(dst);
    gpu_load(run->gpu, run_address(dst), from, tensor_bytes(dst), &planes);
}

void run_upload(struct run *run, struct tensor *t) {
    const void *host = t->data;
    if (!run->gpu)
        return;
    *t = run_new_like(run, RUN_MODEL, t);
    run_write(run, t, host);
}

/* ---- tracing ---- */

/* The trace looks at host memory. */
static void trace_copy(struct run *run, const char *name, const struct tensor *t) {
    struct tensor copy = *t;
    copy.data = arena_xrealloc(NULL, tensor_bytes(t), 1);
    run_read(run, t, copy.data);
    run->trace(run->trace_ctx, name, &copy);
    free(copy.data);
}

void run_trace(struct run *run, const struct tensor *t, const char *fmt, ...) {
    if (!run->trace || (run->gpu && gpu_rehearses(run->gpu)))
        return;
    char name[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    if (fnmatch(run->trace_glob, name, 0) != 0)
        return;
    if (run->gpu)
        trace_copy(run, name, t);
    else
        run->trace(run->trace_ctx, name, t);
}
