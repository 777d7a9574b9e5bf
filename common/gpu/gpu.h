/* gpu: computing on a Vulkan device. This is all that the rooms to the right see of Vulkan.
 *
 * Memory is named by device address, as a kernel sees it. Commands (gpu_dispatch, gpu_write,
 * gpu_fill, gpu_read) happen as if one after the other: each is told what it touches, and waits
 * only for those before it that touch the same. They are collected and submitted together;
 * gpu_read() submits and waits by itself.
 *
 * Opening a device reports failure in words. Later failures are the end of the program: 69 device
 * lost, 71 out of device memory, 70 misuse. One thread uses a device; it has helpers inside. */
#ifndef GPU_GPU_H
#define GPU_GPU_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gpu;

/* ---- devices ---- */

/* The threads of a subgroup in kernels that need to know them; 0: they differ. */
struct gpu_subgroup {
    uint32_t size;
    bool asked; /* the device chooses unless it is asked for that size */
};

/* Matrix units: a subgroup of so many threads multiplies bf16 matrices, [rows, sums] with [sums,
 * outs], and adds the result to f32. rows 0: there are none that omni can use. */
struct gpu_matrix {
    uint32_t subgroup, rows, outs, sums;
    bool tensors;      /* also as large as a workgroup's tile, loaded and stored as such */
    const char *lacks; /* what the device would need, if there are none */
};

struct gpu_info {
    char name[256];   /* "NVIDIA H100 80GB HBM3" */
    char driver[520]; /* name and version of the driver */
    bool hardware;    /* false: a CPU plays the GPU */
    size_t memory;    /* bytes of the largest device-local heap */
    size_t shared;    /* bytes of memory that a workgroup's threads may share */
    struct gpu_subgroup subgroup;
    struct gpu_matrix matrix;
    char lacks[128]; /* what omni needs and the device has not; empty: usable */
};

/* Up to `room` devices in the order that numbers them, and how many there are. */
size_t gpu_list(struct gpu_info *list, size_t room);

enum { GPU_BEST = -1, GPU_HARDWARE = -2 };
/* Opens device n of the list; GPU_BEST: the fastest kind, a software driver if there is nothing
 * else; GPU_HARDWARE: never a software driver. 69 with the reason if there is none. */
int gpu_open(struct gpu **g, int n, struct err *e);
void gpu_close(struct gpu *g);
const struct gpu_info *gpu_info(const struct gpu *g);

/* ---- memory ---- */

/* Device memory that is given back all at once, like `struct arena`. Zeroed: empty. The same
 * allocations after the same mark give the same addresses. Small allocations share blocks; a large
 * one has a block of its size, so that no room is lost between the two. */
struct gpu_arena_block;
struct gpu_chain {
    struct gpu_arena_block *first, *current;
};
struct gpu_arena {
    struct gpu_chain small, large;
    size_t used, peak;
};
struct gpu_chain_mark {
    struct gpu_arena_block *block;
    size_t used;
};
struct gpu_arena_mark {
    struct gpu_chain_mark small, large;
    size_t used;
};

/* 256-byte aligned, uninitialised. */
uint64_t gpu_alloc(struct gpu *g, struct gpu_arena *a, size_t bytes);
struct gpu_arena_mark gpu_mark(const struct gpu_arena *a);
void gpu_release(struct gpu_arena *a, struct gpu_arena_mark m);
/* Gives the memory back, after waiting for what uses it. */
void gpu_arena_free(struct gpu *g, struct gpu_arena *a);

/* To the device, from the device, zeros. src may be reused at once; dst is there on return. */
void gpu_write(struct gpu *g, uint64_t dst, const void *src, size_t bytes);
void gpu_read(struct gpu *g, uint64_t src, void *dst, size_t bytes);
void gpu_fill(struct gpu *g, uint64_t dst, size_t bytes);

/* bytes of a file to the device, by threads that read meanwhile; the file stays open until
 * gpu_load_wait(). The first dispatch, replay or read that follows waits for all of them by itself.
 * That a file cannot be read is the end of the program: 74. */
struct gpu_file {
    int fd;
    size_t offset;
    const char *name; /* for the message; lives as long */
};
/* Blocks may be taken apart on the way: part i of each, `size` bytes from `offset` on, goes behind
 * that of the block before, the first one's to byte `at` of dst. n 0: all stays as it is. */
enum { GPU_PLANES = 4 };
struct gpu_planes {
    size_t n, block; /* parts; bytes of a block */
    struct gpu_plane {
        size_t offset, size, at;
    } plane[GPU_PLANES];
};
void gpu_load(struct gpu *g, uint64_t dst, const struct gpu_file *from, size_t bytes,
              const struct gpu_planes *planes);
void gpu_load_wait(struct gpu *g);

/* A read that is not waited for, with its place among the commands all the same: gpu_post() submits
 * what there is, gpu_collect() waits for that and copies to dst. For up to GPU_LETTERS small reads
 * on their way. */
enum { GPU_LETTERS = 16, GPU_LETTER = 64 << 10 };
struct gpu_letter {
    uint64_t done_at;
    size_t at, bytes;
};
struct gpu_letter gpu_post(struct gpu *g, uint64_t src, size_t bytes);
void gpu_collect(struct gpu *g, const struct gpu_letter *l, void *dst);

/* ---- kernels ---- */

/* A compute shader as the Makefile embeds it: shader_<name> of shaders/<name>.comp, declared in the
 * generated "shaders/programs.h". */
struct gpu_program {
    const char *name;
    const uint32_t *words; /* NULL: the compiler does not know what it needs, see Makefile */
    size_t bytes;
    bool subgroups; /* made of subgroups of gpu_info.subgroup.size threads, all of them full */
};

enum { GPU_CONSTANTS = 13, GPU_READS = 12, GPU_WRITES = 6, GPU_ARGS = 128 };

struct gpu_range {
    uint64_t address;
    size_t bytes;
};

struct gpu_dispatch {
    const struct gpu_program *program;
    uint32_t constants[GPU_CONSTANTS]; /* specialisation: constant_id i has this value */
    const void *args;                  /* push constants, up to GPU_ARGS bytes */
    size_t args_size;
    uint32_t groups[3];
    /* What it touches, written or read; weights that gpu_write() has filled may be left out. */
    struct gpu_range reads[GPU_READS], writes[GPU_WRITES];
    size_t n_reads, n_writes;
};

void gpu_dispatch(struct gpu *g, const struct gpu_dispatch *d);

/* ---- order ---- */

/* Sends what is collected to the device, without waiting; waits until all of it is done. Reads and
 * letters submit by themselves, and every 256 commands are submitted too: gpu_submit() is for when
 * the host has something else to do meanwhile. */
void gpu_submit(struct gpu *g);
void gpu_wait(struct gpu *g);

/* Between gpu_record() and gpu_recorded() dispatches and fills are kept instead of submitted;
 * gpu_replay() puts them among the commands, as often as wanted. A recording lives until
 * gpu_close(). gpu_recorded() is NULL in a rehearsal. */
struct gpu_recording;
void gpu_record(struct gpu *g);
struct gpu_recording *gpu_recorded(struct gpu *g);
void gpu_replay(struct gpu *g, struct gpu_recording *r);

/* In a recording or its rehearsal: what is dispatched up to gpu_instead_end() may be done by
 * `stays` instead, a kernel whose workgroups wait for each other, one for each multiprocessor, and
 * `sweep` behind it, one workgroup. Should they not meet, `stays` ends within a second, `sweep`
 * does it all, and adds 1 to the u32 at gpu_report(): from then on such kernels are not used any
 * more. A recording may have several such parts, with different kernels. Elsewhere nothing happens.
 *
 * Both forms of a recording compute the same numbers; the faster one is used. OMNI_RESIDENT: auto:
 * both are measured, for a device and a recording (choice.c), once the kernels that stay are there:
 * nothing waits for them; yes: they are used, if they can be; N: with so many workgroups; 0: no.
 * Not set: auto on hardware, else 0. */
void gpu_instead(struct gpu *g, const struct gpu_dispatch *stays, const struct gpu_dispatch *sweep);
void gpu_instead_end(struct gpu *g);
uint64_t gpu_report(struct gpu *g);
/* The recordings, and how many of them stay; of those that were measured seconds of a replay, by
 * dispatches one by one and by kernels that stay. */
struct gpu_steps {
    size_t n, stay, measured;
    uint32_t groups; /* workgroups that stay; 0: no kernel can */
    double dispatches, staying;
};
struct gpu_steps gpu_steps(const struct gpu *g);

/* A rehearsal, before the first commands that matter: dispatches only have their kernels made
 * ready, by several threads and meanwhile; writes and fills are left out, reads give zeros. Memory
 * is allocated as ever. Recordings inside are not kept. Afterwards a command waits for its own
 * kernel, if that is not there yet. */
void gpu_rehearse(struct gpu *g);
void gpu_rehearsed(struct gpu *g);
bool gpu_rehearses(const struct gpu *g);

/* ---- times ---- */

/* From now on the device's time is kept by kernel; recordings then run one at a time. gpu_times():
 * what there is so far, the largest first. */
struct gpu_time {
    const char *name; /* of the program, or "(write)", "(read)", "(fill)" */
    size_t n;
    double seconds;
};
void gpu_time(struct gpu *g);
const struct gpu_time *gpu_times(struct gpu *g, size_t *n);
/* The host's time for loads, n being bytes; the name is NULL. */
struct gpu_time gpu_loaded(const struct gpu *g);

/* Kernels made ready. */
struct gpu_made {
    size_t n, threads; /* how many, and how many of them at once */
    double seconds;    /* while some were being made, */
    double waited;     /* and of that commands had to wait */
};
struct gpu_made gpu_made(const struct gpu *g);

/* Each of them if times are kept, what took longest first; how many. */
enum { GPU_PIPELINES = 1024 /* more than the catalogue can have */ };
struct gpu_kernel {
    const char *name;
    const uint32_t *constants; /* [GPU_CONSTANTS] */
    double seconds;
};
size_t gpu_kernels(const struct gpu *g, struct gpu_kernel list[GPU_PIPELINES]);

#endif
