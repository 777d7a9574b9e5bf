/* run: where ops happen and what their memory is.
 *
 * Model code is written once in terms of op_x(run, ...). On the CPU an op's kernel runs at once; on
 * a GPU it is recorded and replayed, which is why values that change from step to step (positions,
 * cache length, tokens, sampler state) live in tensors that kernels read, and why model code
 * touches tensor memory only through run_write() and run_read(). */
#ifndef OPS_RUN_H
#define OPS_RUN_H

#include "common/base/arena.h"
#include "common/wire/tensor.h"

/* Lifetimes. MODEL: weights made at load. SESSION: caches and state. STEP: activations, gone at
 * run_step(). */
enum run_memory { RUN_MODEL, RUN_SESSION, RUN_STEP, RUN_MEMORIES };

struct cpu_kernels;

struct run {
    bool precise; /* plain f32 kernels and caches: what goldens are compared with */
    int threads;
    const struct cpu_kernels *cpu; /* inner loops for this machine, see ops/cpu/kernels.h */
    struct arena memory[RUN_MEMORIES];
    /* Called for every traced tensor; NULL traces nothing. data is host-readable f32 or i32. */
    void (*trace)(void *ctx, const char *name, const struct tensor *t);
    void *trace_ctx;
    const char *trace_glob;
};

/* CPU run. threads 0: one a core. Sets OpenMP's thread count for the calling thread. Dies 64 when
 * OMNI_ISA names an instruction set that this machine does not have. */
void run_init(struct run *run, int threads, bool precise);
void run_free(struct run *run);

/* New tensors, uninitialised or zeroed. rank sizes follow as size_t. Dies 71 when memory is short.
 */
struct tensor run_new_1d(struct run *run, enum run_memory m, enum tensor_dtype dtype, size_t n0);
struct tensor run_new_2d(struct run *run, enum run_memory m, enum tensor_dtype dtype, size_t n0,
                         size_t n1);
struct tensor run_new_3d(struct run *run, enum run_memory m, enum tensor_dtype dtype, size_t n0,
                         size_t n1, size_t n2);

/* Forgets all RUN_STEP tensors. */
void run_step(struct run *run);

/* Host to tensor and back; bytes = all of the tensor. */
void run_write(struct run *run, const struct tensor *dst, const void *src);
void run_read(struct run *run, const struct tensor *src, void *dst);
void run_zero(struct run *run, const struct tensor *dst);

/* Offers t to the trace under a printf-made name. Costs one glob match when tracing, else nothing.
 */
void run_trace(struct run *run, const struct tensor *t, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
