/* What a Vulkan device can do at most, and what it costs to ask: read bandwidth, dispatches one
 * after another and side by side, the way there and back. usage: gpu [N [FILE]]: device N of the
 * list, FILE to upload from. */
#include "common/gpu/gpu.h"
#include "common/base/die.h"
#include "shaders/add.h"
#include "shaders/programs.h"
#include "tests/bench/gpu_peak.h"
#include "tests/bench/row.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REPEAT = 20 };

struct bench {
    struct gpu *gpu;
    struct gpu_arena memory;
    uint64_t x, y;
};

static void say(const char *what, double value, const char *unit) {
    bench_row(
        &(struct bench_row){.bench = "device", .device = "vulkan", .value = value, .unit = unit},
        "", "%s", what);
}

/* The best time of work(b), which waits for the device by itself. */
static double best_of(struct bench *b, void (*work)(struct bench *b)) {
    double best = INFINITY;
    work(b);
    for (int i = 0; i < REPEAT; i++) {
        double start = clock_now();
        work(b);
        best = fmin(best, clock_now() - start);
    }
    return best;
}

/* The time of one of `times` calls of work, recorded together. */
static double recorded(struct bench *b, void (*work)(struct bench *b, int i), int times) {
    double best = INFINITY;
    work(b, 0);
    gpu_wait(b->gpu);
    gpu_record(b->gpu);
    for (int i = 0; i < times; i++)
        work(b, i);
    struct gpu_recording *r = gpu_recorded(b->gpu);
    for (int i = 0; i < REPEAT; i++) {
        gpu_wait(b->gpu);
        double start = clock_now();
        gpu_replay(b->gpu, r);
        gpu_wait(b->gpu);
        best = fmin(best, clock_now() - start);
    }
    return best / times;
}

/* ---- dispatches ---- */

static void add(struct bench *b, uint64_t dst) {
    struct add_args args = {.dst = dst, .x = b->x, .n = 1};
    gpu_dispatch(b->gpu, &(struct gpu_dispatch){.program = &shader_add,
                                                .args = &args,
                                                .args_size = sizeof args,
                                                .groups = {1, 1, 1},
                                                .reads = {{dst, 4}, {b->x, 4}},
                                                .n_reads = 2,
                                                .writes = {{dst, 4}},
                                                .n_writes = 1});
}

static void dependent(struct bench *b, int i) {
    (void)i;
    add(b, b->y);
}

static void independent(struct bench *b, int i) {
    add(b, b->y + 4 * (uint64_t)(i % 32));
}

static void one_and_wait(struct bench *b) {
    add(b, b->y);
    gpu_wait(b->gpu);
}

static void one_and_read(struct bench *b) {
    float got;
    add(b, b->y);
    gpu_read(b->gpu, b->y, &got, 4);
}

static void dispatches(struct bench *b) {
    enum { MANY = 2000 };
    char zeros[256] = {0};
    struct gpu_arena_mark mark = gpu_mark(&b->memory);
    b->x = gpu_alloc(b->gpu, &b->memory, 4);
    b->y = gpu_alloc(b->gpu, &b->memory, sizeof zeros);
    gpu_write(b->gpu, b->x, zeros, 4);
    gpu_write(b->gpu, b->y, zeros, sizeof zeros);
    say("a dispatch that depends on the one before", 1e6 * recorded(b, dependent, MANY), "us");
    say("a dispatch beside 31 others", 1e6 * recorded(b, independent, MANY), "us");
    double start = clock_now();
    for (int i = 0; i < MANY; i++)
        dependent(b, i);
    say("the host's work for a dispatch", 1e6 * (clock_now() - start) / MANY, "us");
    gpu_wait(b->gpu);
    say("a dispatch: submit, wait", 1e6 * best_of(b, one_and_wait), "us");
    say("a dispatch: submit, read 4 bytes", 1e6 * best_of(b, one_and_read), "us");
    gpu_release(&b->memory, mark);
}

/* ---- transfers ---- */

enum { MOVED = 1 << 30 };

static double upload(struct bench *b, const char *from, size_t bytes) {
    double start = clock_now();
    gpu_write(b->gpu, b->x, from, bytes);
    gpu_wait(b->gpu);
    return 1e-9 * (double)bytes / (clock_now() - start);
}

static void transfers(struct bench *b) {
    struct gpu_arena_mark mark = gpu_mark(&b->memory);
    char *host = malloc(MOVED);
    b->x = gpu_alloc(b->gpu, &b->memory, MOVED);
    memset(host, 1, MOVED);
    upload(b, host, MOVED); /* staging memory is there, and the device's pages */
    say("upload, 1 GiB of memory", upload(b, host, MOVED), "GB/s");
    double start = clock_now();
    gpu_read(b->gpu, b->x, host, MOVED);
    say("download, 1 GiB", 1e-9 * MOVED / (clock_now() - start), "GB/s");
    free(host);
    gpu_release(&b->memory, mark);
}

/* As weights are loaded: from a mapped file. */
static void upload_file(struct bench *b, const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st))
        die(ERR_NOINPUT, "%s: cannot be read", path);
    size_t bytes = (size_t)st.st_size < MOVED ? (size_t)st.st_size : MOVED;
    char *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        die(ERR_IO, "%s: cannot be mapped", path);
    struct gpu_arena_mark mark = gpu_mark(&b->memory);
    b->x = gpu_alloc(b->gpu, &b->memory, bytes);
    say("upload of a mapped file, the first time", upload(b, map, bytes), "GB/s");
    madvise(map, bytes, MADV_DONTNEED);
    say("upload of a mapped file that is in the page cache", upload(b, map, bytes), "GB/s");
    gpu_release(&b->memory, mark);
    munmap(map, bytes);
    close(fd);
}

int main(int argc, char **argv) {
    struct bench b = {.x = 0};
    struct err e = {.code = 0};
    die_init("bench/gpu");
    double start = clock_now();
    if (gpu_open(&b.gpu, argc > 1 ? atoi(argv[1]) : GPU_BEST, &e))
        die_err(&e);
    printf("%s, %s\n", gpu_info(b.gpu)->name, gpu_info(b.gpu)->driver);
    say("opening the device", 1e3 * (clock_now() - start), "ms");
    bench_row(&(struct bench_row){.bench = "ceiling",
                                  .device = "vulkan",
                                  .value = 1e-9 * bench_gpu_read(b.gpu),
                                  .unit = "GB/s"},
              "", "read");
    bench_row(&(struct bench_row){.bench = "ceiling",
                                  .device = "vulkan",
                                  .value = 1e-9 * bench_gpu_fma(b.gpu),
                                  .unit = "GFLOP/s"},
              "", "fma");
    dispatches(&b);
    transfers(&b);
    if (argc > 2)
        upload_file(&b, argv[2]);
    gpu_arena_free(b.gpu, &b.memory);
    gpu_close(b.gpu);
    return 0;
}
