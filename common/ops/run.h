/* run: where ops happen and what their memory is.
 *
 * Model code is written once in terms of op_x(run, ...). On the CPU an op's kernel runs at once; on
 * a GPU it is recorded and replayed, which is why values that change from step to step (positions,
 * cache length, tokens, sampler state) live in tensors that kernels read, and why model code
 * touches tensor memory only through run_write() and run_read(). */
#ifndef OPS_RUN_H
#define OPS_RUN_H

#include "common/base/arena.h"
#include "common/gpu/gpu.h"
#include "common/wire/tensor.h"

#include <stdio.h>

/* Lifetimes. MODEL: weights made at load. SESSION: caches and state. STEP: activations, gone at
 * run_step(). */
enum run_memory { RUN_MODEL, RUN_SESSION, RUN_STEP, RUN_MEMORIES };

struct cpu_kernels;

enum { RUN_COUNTERS = 1024 };

/* On a GPU a tensor's `data` is the device address of its first element: views of it (rows,
 * reshapes) are made as on the CPU, but only kernels may follow it. */
struct run {
    struct gpu *gpu; /* NULL: the CPU */
    bool precise;    /* plain f32 kernels and caches: what goldens are compared with */
    int threads;
    const struct cpu_kernels *cpu;         /* inner loops for this machine, see ops/cpu/kernels.h */
    struct arena memory[RUN_MEMORIES];     /* of the host; on the CPU tensors live here too */
    struct gpu_arena device[RUN_MEMORIES]; /* tensors of a GPU run */
    /* On a GPU i32 [RUN_COUNTERS], zeros: for kernels whose last workgroup to end sums up. Each
     * leaves zeros. */
    struct tensor counters;
    /* Called for every traced tensor; NULL traces nothing. data is host-readable f32 or i32. */
    void (*trace)(void *ctx, const char *name, const struct tensor *t);
    void *trace_ctx;
    const char *trace_glob;
};

/* device: "cpu", "vulkan", "vulkan:N" or "auto" (a hardware GPU if there is one, else the CPU).
 * threads 0: one a core; sets OpenMP's thread count for the calling thread. Dies 69 when the device
 * cannot be used, 64 when OMNI_ISA names an instruction set that this machine does not have. */
void run_init(struct run *run, const char *device, int threads, bool precise);
void run_free(struct run *run);

/* Prints the devices that there are, a line each, as -d names them. */
void run_list_devices(void);
/* What run works on: the GPU's name, or the CPU's instruction set. */
const char *run_device(const struct run *run);
/* From now on keeps the GPU's time by kernel; run_say_times() prints what it was spent on, and
 * which kernels took longest to be made. */
void run_time(struct run *run);
void run_say_times(struct run *run, FILE *to);
/* Which kernels a GPU uses for products of many rows, in words. */
const char *run_matrix_kernels(const struct run *run);
/* The recorded steps of a GPU, see gpu_recorded(). */
struct gpu_steps run_steps(const struct run *run);
/* Kernels that have been made ready for the GPU; bytes of weights loaded, and the host's time for
 * that. */
struct gpu_made run_made(const struct run *run);
struct gpu_time run_loaded(const struct run *run);
/* The most bytes of memory m that were in use. */
size_t run_peak(const struct run *run, enum run_memory m);

/* ---- tensors ---- */

/* New tensors, uninitialised. rank sizes follow as size_t. Dies 71 when memory is short. */
struct tensor run_new_1d(struct run *run, enum run_memory m, enum tensor_dtype dtype, size_t n0);
struct tensor run_new_2d(struct run *run, enum run_memory m, enum tensor_dtype dtype, size_t n0,
                         size_t n1);
struct tensor run_new_3d(struct run *run, enum run_memory m, enum tensor_dtype dtype, size_t n0,
                         size_t n1, size_t n2);

struct tensor run_new_like(struct run *run, enum run_memory m, const struct tensor *t);

/* Forgets all RUN_STEP tensors, and host memory of the step. */
void run_step(struct run *run);

/* Forgets what of memory m was made since the mark, on the host and on the device. */
struct run_mark {
    struct arena_mark host;
    struct gpu_arena_mark device;
};
struct run_mark run_mark(const struct run *run, enum run_memory m);
void run_release(struct run *run, enum run_memory m, struct run_mark mark);

/* Host to tensor and back; bytes = all of the tensor. In order with the ops before and after;
 * run_read() waits for what it reads. */
void run_write(struct run *run, const struct tensor *dst, const void *src);
void run_read(struct run *run, const struct tensor *src, void *dst);
void run_zero(struct run *run, const struct tensor *dst);

/* The GPU begins with what is recorded so far; otherwise it does at the next read or letter. */
void run_submit(struct run *run);
/* All that is recorded so far has happened. */
void run_wait(struct run *run);

/* run_read() without the waiting, for small tensors: run_post() asks for src as it is at this place
 * among the ops, dst has it after run_collect(). At most RUN_LETTERS may be on their way. */
enum { RUN_LETTERS = GPU_LETTERS };
struct run_letter {
    struct gpu_letter gpu;
    void *dst;
};
struct run_letter run_post(struct run *run, const struct tensor *src, void *dst);
void run_collect(struct run *run, const struct run_letter *l);

/* On a GPU: dst gets its bytes from a file, see gpu_load(); a quantised matrix is taken apart as
 * shaders/quant.h says. */
void run_load(struct run *run, const struct tensor *dst, const struct gpu_file *from);

/* t, a view of host memory that outlives run, becomes a tensor with the same numbers: itself on the
 * CPU, a copy in RUN_MODEL memory on a GPU. */
void run_upload(struct run *run, struct tensor *t);

/* ---- GPU: one kernel, for the ops ---- */

struct run_kernel {
    const struct gpu_program *program; /* shader_<name>, see shaders/programs.h */
    uint32_t constants[GPU_CONSTANTS]; /* constant_id 0, 1, ..: all that the shader has */
    const void *args;                  /* struct <name>_args of shaders/<name>.h */
    size_t args_size;
    size_t groups[3]; /* workgroups, up to RUN_MAX_GROUPS; 0 after the first means 1 */
    /* The tensors it touches, up to the first NULL; what it reads and writes is in both. Weights
     * may be left out of reads. */
    const struct tensor *reads[GPU_READS], *writes[GPU_WRITES];
};
void run_dispatch(struct run *run, const struct run_kernel *k);

/* Where t is, as kernel arguments name it; 0 for NULL. */
uint64_t run_address(const struct tensor *t);

/* Workgroups that are enough for n items at `each` a group; never more than any device takes, so
 * the kernel strides over the rest. */
enum { RUN_MAX_GROUPS = 65535 };
size_t run_groups(size_t n, size_t each);

/* ---- recorded steps ---- */

/* Ops that repeat with the same tensors are recorded once and submitted again and again:
 *     run_step(run);
 *     if (!run_replay(run, &r)) {
 *         run_record(run, &r);
 *         ... ops; no run_write or run_read, no choice by the host ...
 *         run_recorded(run, &r);
 *     }
 * On the CPU and while tracing nothing is kept: run_replay() is false and the ops happen at once.
 */
struct run_recording {
    struct gpu_recording *kept; /* NULL: not yet recorded */
};
bool run_replay(struct run *run, const struct run_recording *r);
void run_record(struct run *run, struct run_recording *r);
void run_recorded(struct run *run, struct run_recording *r);

/* On a GPU, in a recording or its rehearsal: what gpu_instead() says, up to gpu_instead_end(). */
void run_instead(struct run *run, const struct run_kernel *stays, const struct run_kernel *sweep);

/* A rehearsal: on a GPU the ops up to run_rehearsed() only have their kernels made ready,
 * meanwhile, and step memory is there afterwards; data is left as it is, run_read() gives zeros.
 * False on the CPU, where ops would happen, and on a software driver, which compiles them when they
 * happen. */
bool run_rehearse(struct run *run);
void run_rehearsed(struct run *run);

/* ---- tracing ---- */

/* Offers t to the trace under a printf-made name. Costs one glob match when tracing, else nothing.
 */
void run_trace(struct run *run, const struct tensor *t, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
