/* common/gpu by itself: bytes go to the device and come back, in order, whatever their size and
 * place. usage: core [N]; prints TAP. */
#include "common/base/die.h"
#include "common/gpu/gpu.h"
#include "shaders/add.h"
#include "shaders/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t n_checks, n_failed;

static void check(bool ok, const char *what) {
    n_failed += !ok;
    printf("%sok %zu - %s\n", ok ? "" : "not ", ++n_checks, what);
}

/* Different at each place, and for each seed. */
static unsigned char *pattern(size_t bytes, unsigned seed) {
    unsigned char *p = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        p[i] = (unsigned char)(i * 31 + i / 251 + seed);
    return p;
}

static bool holds(struct gpu *g, uint64_t at, const unsigned char *want, size_t bytes) {
    unsigned char *got = malloc(bytes);
    gpu_read(g, at, got, bytes);
    bool same = memcmp(got, want, bytes) == 0;
    free(got);
    return same;
}

/* Writes and fills of odd sizes at odd places leave their neighbours alone. */
static void odd_places(struct gpu *g, struct gpu_arena *a) {
    enum { ROOM = 9000 };
    unsigned char *want = pattern(ROOM, 1), *other = pattern(ROOM, 99);
    uint64_t at = gpu_alloc(g, a, ROOM);
    bool ok = true;
    gpu_write(g, at, want, ROOM);
    for (size_t place = 0; place < 5; place++) {
        for (size_t bytes = 0; bytes < 12; bytes++) {
            gpu_write(g, at + place, other, bytes);
            memcpy(want + place, other, bytes);
            gpu_fill(g, at + 4097 + place, bytes);
            memset(want + 4097 + place, 0, bytes);
            ok &= holds(g, at, want, ROOM);
        }
    }
    gpu_fill(g, at + 3, 8191);
    memset(want + 3, 0, 8191);
    check(ok, "small writes and fills at odd places");
    check(holds(g, at, want, ROOM), "a large fill at an odd place");
    free(want);
    free(other);
}

/* More than one piece of staging memory, and more than the ring has. */
static void large(struct gpu *g, struct gpu_arena *a) {
    size_t bytes = (72 << 20) + 5;
    unsigned char *want = pattern(bytes, 7);
    uint64_t at = gpu_alloc(g, a, bytes);
    gpu_write(g, at, want, bytes);
    check(holds(g, at, want, bytes), "72 MiB there and back");
    free(want);
}

/* Parts of a file to places that are not in its order, some larger than a piece, while other bytes
 * are written. */
static void load(struct gpu *g, struct gpu_arena *a) {
    enum { PARTS = 300 };
    char path[] = "/tmp/omni-test-XXXXXX";
    size_t bytes = (21 << 20) + 3, at[PARTS + 1] = {0};
    unsigned char *want = pattern(bytes, 3), *other = pattern(5000, 4);
    uint64_t place[PARTS], between[PARTS];
    bool ok = true;
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, want, bytes) != (ssize_t)bytes)
        abort();
    unlink(path);
    for (size_t i = 1; i < PARTS; i++)
        at[i] = at[i - 1] + (i == 100 ? 9 << 20 : i * 77 % 20000);
    at[PARTS] = bytes;
    for (size_t i = PARTS; i-- > 0;) {
        place[i] = gpu_alloc(g, a, at[i + 1] - at[i]);
        between[i] = gpu_alloc(g, a, 5000);
        gpu_load(g, place[i], &(struct gpu_file){fd, at[i], "a file"}, at[i + 1] - at[i],
                 &(struct gpu_planes){.n = 0});
        gpu_write(g, between[i], other, 5000);
    }
    for (size_t i = 0; i < PARTS; i++)
        ok = ok && holds(g, place[i], want + at[i], at[i + 1] - at[i]) &&
             holds(g, between[i], other, 5000);
    check(ok && gpu_loaded(g).n == bytes, "parts of a file");
    close(fd);
    free(want);
    free(other);
}

/* Blocks of 34 bytes, more than a piece has, whose last 32 bytes and first two go to planes. */
static void load_planes(struct gpu *g, struct gpu_arena *a) {
    enum { BLOCK = 34, PLANE = 32, BLOCKS = 400001, BEFORE = 77 };
    char path[] = "/tmp/omni-test-XXXXXX";
    size_t bytes = (size_t)BLOCKS * BLOCK;
    unsigned char *blocks = pattern(BEFORE + bytes, 5), *want = pattern(bytes, 6);
    uint64_t at = gpu_alloc(g, a, bytes);
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, blocks, BEFORE + bytes) != (ssize_t)(BEFORE + bytes))
        abort();
    unlink(path);
    for (size_t i = 0; i < BLOCKS; i++) {
        const unsigned char *block = blocks + BEFORE + i * BLOCK;
        memcpy(want + i * PLANE, block + 2, PLANE);
        memcpy(want + (size_t)BLOCKS * PLANE + i * 2, block, 2);
    }
    gpu_load(g, at, &(struct gpu_file){fd, BEFORE, "a file"}, bytes,
             &(struct gpu_planes){2, BLOCK, {{2, PLANE, 0}, {0, 2, (size_t)BLOCKS * PLANE}}});
    check(holds(g, at, want, bytes), "blocks of a file in planes");
    close(fd);
    free(blocks);
    free(want);
}

extern const struct gpu_program shader_subgroups;

/* A kernel that asks for them has full subgroups of the size that the device is said to have. */
static void subgroups(struct gpu *g, struct gpu_arena *a) {
    enum { THREADS = 256 };
    static struct gpu_program program; /* the table of kernels keeps its place */
    uint32_t size = gpu_info(g)->subgroup.size, got[THREADS + 2];
    uint64_t dst = gpu_alloc(g, a, sizeof got);
    bool there[THREADS] = {false}, all = true;
    program = shader_subgroups;
    program.subgroups = true;
    if (!size)
        return;
    gpu_dispatch(g, &(struct gpu_dispatch){.program = &program,
                                           .args = &dst,
                                           .args_size = sizeof dst,
                                           .groups = {1, 1, 1},
                                           .writes = {{dst, sizeof got}},
                                           .n_writes = 1});
    gpu_read(g, dst, got, sizeof got);
    for (size_t i = 0; i < THREADS; i++)
        if (got[i] < THREADS)
            there[got[i]] = true;
    for (size_t i = 0; i < THREADS; i++)
        all &= there[i];
    check(got[THREADS] == size && got[THREADS + 1] == THREADS / size && all,
          gpu_info(g)->subgroup.asked ? "subgroups of a size that is asked for"
                                      : "subgroups of the device's size");
}

/* Small and large pieces in turns: no two share memory, after a release they are where they were,
 * and between them hardly any room is lost. */
static void arena(struct gpu *g, struct gpu_arena *a) {
    enum { N = 8 };
    static const size_t sizes[N] = {5 << 20, 20 << 20, 5 << 20, 40 << 20, 1, 9 << 20, 7, 5 << 20};
    struct gpu_arena_mark mark = gpu_mark(a);
    size_t used = a->used;
    uint64_t first[N], again[N];
    bool apart = true;
    for (size_t i = 0; i < N; i++)
        first[i] = gpu_alloc(g, a, sizes[i]);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < N; k++)
            apart = apart && first[i] % 256 == 0 &&
                    (i == k || first[i] + sizes[i] <= first[k] || first[k] + sizes[k] <= first[i]);
    gpu_release(a, mark);
    check(apart, "pieces of an arena are aligned and apart");
    check(a->used == used && a->peak >= used + (84 << 20), "an arena counts");
    for (size_t i = 0; i < N; i++)
        again[i] = gpu_alloc(g, a, sizes[i]);
    check(!memcmp(first, again, sizeof first), "after a release addresses repeat");
    check(first[2] - first[0] == sizes[0] || first[7] - first[2] == sizes[2] + 512,
          "small pieces lie side by side whatever is allocated between them");
    gpu_release(a, mark);
}

static void add(struct gpu *g, uint64_t dst, uint64_t x, uint32_t n) {
    struct add_args args = {.dst = dst, .x = x, .n = n};
    gpu_dispatch(g, &(struct gpu_dispatch){.program = &shader_add,
                                           .args = &args,
                                           .args_size = sizeof args,
                                           .groups = {1, 1, 1},
                                           .reads = {{dst, 4 * n}, {x, 4 * n}},
                                           .n_reads = 2,
                                           .writes = {{dst, 4 * n}},
                                           .n_writes = 1});
}

/* Each letter has the value of its place among the commands, though later ones change it. */
static void letters(struct gpu *g, struct gpu_arena *a) {
    float one = 1, zero = 0, got;
    uint64_t x = gpu_alloc(g, a, 4), sum = gpu_alloc(g, a, 4);
    struct gpu_letter on_the_way[GPU_LETTERS];
    bool ok = true;
    gpu_write(g, x, &one, 4);
    gpu_write(g, sum, &zero, 4);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < GPU_LETTERS; i++) {
            add(g, sum, x, 1);
            on_the_way[i] = gpu_post(g, sum, 4);
        }
        for (int i = 0; i < GPU_LETTERS; i++) {
            gpu_collect(g, &on_the_way[i], &got);
            ok &= got == (float)(round * GPU_LETTERS + i + 1);
        }
    }
    check(ok, "letters");
}

/* More commands than a command buffer takes, each depending on the one before. */
static void chain(struct gpu *g, struct gpu_arena *a) {
    enum { LINKS = 3000 };
    float one = 1, zero = 0, got;
    uint64_t x = gpu_alloc(g, a, 4), sum = gpu_alloc(g, a, 4);
    gpu_write(g, x, &one, 4);
    gpu_write(g, sum, &zero, 4);
    for (int i = 0; i < LINKS; i++)
        add(g, sum, x, 1);
    gpu_read(g, sum, &got, 4);
    check(got == LINKS, "a long chain of commands");
}

/* A replay is in order with what is around it; fills are part of it. */
static void recordings(struct gpu *g, struct gpu_arena *a) {
    float one = 1, got[2] = {0, 0};
    uint64_t x = gpu_alloc(g, a, 4), sum = gpu_alloc(g, a, 8);
    gpu_write(g, x, &one, 4);
    gpu_write(g, sum, got, 8);
    gpu_record(g);
    add(g, sum + 4, sum, 1);
    gpu_fill(g, sum, 4);
    struct gpu_recording *r = gpu_recorded(g);
    for (int i = 0; i < 100; i++) {
        add(g, sum, x, 1);
        gpu_replay(g, r);
        gpu_replay(g, r);
    }
    gpu_read(g, sum, got, 8);
    check(got[0] == 0 && got[1] == 100, "recordings");
}

/* A replay reads what was being loaded when it was asked for. */
static void replay_of_loaded(struct gpu *g, struct gpu_arena *a) {
    enum { LAST = 64 << 20 };
    char path[] = "/tmp/omni-test-XXXXXX";
    float one = 1, zero = 0, got = 0;
    uint64_t x = gpu_alloc(g, a, LAST + 4), sum = gpu_alloc(g, a, 4);
    int fd = mkstemp(path);
    if (fd < 0 || pwrite(fd, &one, 4, LAST) != 4)
        abort();
    unlink(path);
    gpu_write(g, sum, &zero, 4);
    gpu_fill(g, x, LAST + 4);
    gpu_record(g);
    add(g, sum, x + LAST, 1);
    struct gpu_recording *r = gpu_recorded(g);
    gpu_wait(g);
    gpu_load(g, x, &(struct gpu_file){fd, 0, "a file"}, LAST + 4, &(struct gpu_planes){.n = 0});
    gpu_replay(g, r);
    gpu_wait(g);
    gpu_read(g, sum, &got, 4);
    check(got == 1, "a replay of what is being loaded");
    close(fd);
}

static void times(struct gpu *g, struct gpu_arena *a) {
    float zero = 0;
    uint64_t x = gpu_alloc(g, a, 4);
    size_t n, adds = 0;
    gpu_write(g, x, &zero, 4);
    gpu_time(g);
    gpu_record(g);
    add(g, x, x, 1);
    struct gpu_recording *r = gpu_recorded(g);
    for (int i = 0; i < 10; i++) {
        add(g, x, x, 1);
        gpu_replay(g, r);
    }
    const struct gpu_time *list = gpu_times(g, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, "add") == 0 && list[i].seconds > 0)
            adds = list[i].n;
    check(adds == 20, "times count every kernel");
}

int main(int argc, char **argv) {
    struct gpu *g;
    struct gpu_arena a = {.used = 0};
    struct err e = {.code = 0};
    die_init("core");
    if (gpu_open(&g, argc > 1 ? atoi(argv[1]) : GPU_BEST, &e))
        die_err(&e);
    odd_places(g, &a);
    large(g, &a);
    load(g, &a);
    load_planes(g, &a);
    arena(g, &a);
    subgroups(g, &a);
    letters(g, &a);
    chain(g, &a);
    recordings(g, &a);
    replay_of_loaded(g, &a);
    times(g, &a);
    printf("1..%zu\n", n_checks);
    gpu_arena_free(g, &a);
    gpu_close(g);
    return n_failed != 0;
}
