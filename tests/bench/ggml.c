/* Products of one row with quantised weights, here and in llama.cpp's ggml, in turns in one run:
 *     ggml DIR [ROWS]
 * DIR holds libggml-base.so and libggml-cpu.so (tests/bench/ggml.sh says where from). Weights are
 * the same bytes for both, more of them than any cache holds. Run it with OMP_NUM_THREADS=1 on a
 * busy machine: then only the time that the thread had a core counts. */
#include "common/base/clock.h"
#include "common/base/die.h"
#include "common/ops/ops.h"
#include "common/weights/quant.h"
#include "tests/bench/peak.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 5, MOST_COPIES = 128, UNIQUE = 1 << 18 };
static const size_t ENOUGH = (size_t)256 << 20; /* bytes of weights */

/* What is used of ggml.h, in which these are public and stable. */
struct ggml_context;
struct ggml_tensor;
struct ggml_cgraph;
struct ggml_init_params {
    size_t mem_size;
    void *mem_buffer;
    bool no_alloc;
};
struct ggml {
    struct ggml_context *(*init)(struct ggml_init_params);
    void (*free)(struct ggml_context *);
    struct ggml_tensor *(*new_tensor_2d)(struct ggml_context *, int type, int64_t, int64_t);
    struct ggml_tensor *(*mul_mat)(struct ggml_context *, struct ggml_tensor *,
                                   struct ggml_tensor *);
    void *(*get_data)(const struct ggml_tensor *);
    struct ggml_cgraph *(*new_graph)(struct ggml_context *);
    void (*expand)(struct ggml_cgraph *, struct ggml_tensor *);
    int (*compute)(struct ggml_context *, struct ggml_cgraph *, int n_threads);
};

static void *find(void *base, void *cpu, const char *name) {
    void *f = dlsym(base, name);
    f = f ? f : dlsym(cpu, name);
    if (!f)
        die(ERR_NOINPUT, "ggml has no %s", name);
    return f;
}

static void *library(const char *dir, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    void *l = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!l)
        die(ERR_NOINPUT, "%s", dlerror());
    return l;
}

static struct ggml load(const char *dir) {
    struct ggml g = {0};
    void *base = library(dir, "libggml-base.so"), *cpu = library(dir, "libggml-cpu.so");
    *(void **)&g.init = find(base, cpu, "ggml_init");
    *(void **)&g.free = find(base, cpu, "ggml_free");
    *(void **)&g.new_tensor_2d = find(base, cpu, "ggml_new_tensor_2d");
    *(void **)&g.mul_mat = find(base, cpu, "ggml_mul_mat");
    *(void **)&g.get_data = find(base, cpu, "ggml_get_data");
    *(void **)&g.new_graph = find(base, cpu, "ggml_new_graph");
    *(void **)&g.expand = find(base, cpu, "ggml_build_forward_expand");
    *(void **)&g.compute = find(base, cpu, "ggml_graph_compute_with_ctx");
    return g;
}

struct job {
    enum tensor_dtype dtype;
    int type; /* ggml's number of it */
    size_t outs, width, rows, copies;
    struct tensor w[MOST_COPIES], x, y;
};

/* Random blocks; they repeat, as finding good ones takes time. */
static void fill(struct tensor *t) {
    size_t bytes = tensor_bytes(t), block = tensor_dtype_block(t->dtype);
    size_t size = tensor_dtype_size(t->dtype),
           n = tensor_count(t) < UNIQUE ? tensor_count(t) : UNIQUE;
    size_t written = n / block * size;
    float numbers[256];
    for (size_t i = 0; i < n / block; i++) {
        for (size_t k = 0; k < block; k++)
            numbers[k] = (float)rand() / (float)RAND_MAX - 0.5F;
        quant_narrow((char *)t->data + i * size, numbers, t->dtype, block);
    }
    for (size_t at = written; at < bytes; at += written)
        memcpy((char *)t->data + at, t->data, bytes - at < written ? bytes - at : written);
}

static double time_omni(struct run *run, struct job *j) {
    double start = bench_now();
    for (size_t i = 0; i < j->copies; i++)
        op_linear(run, &j->y, &j->x, &j->w[i], NULL, OP_NONE);
    return (bench_now() - start) / (double)j->copies;
}

/* One graph of all copies; the results of the last are compared. */
struct theirs {
    struct ggml_context *ctx;
    struct ggml_cgraph *graph;
    struct ggml_tensor *y;
};

static struct theirs build(const struct ggml *g, struct job *j) {
    size_t bytes = tensor_bytes(&j->w[0]);
    struct theirs t = {
        .ctx = g->init((struct ggml_init_params){
            j->copies * (bytes + 4 * j->rows * j->outs + 4096) + ((size_t)64 << 20), NULL, false})};
    struct ggml_tensor *x = g->new_tensor_2d(t.ctx, 0, (int64_t)j->width, (int64_t)j->rows);
    memcpy(g->get_data(x), j->x.data, tensor_bytes(&j->x));
    t.graph = g->new_graph(t.ctx);
    for (size_t i = 0; i < j->copies; i++) {
        struct ggml_tensor *w =
            g->new_tensor_2d(t.ctx, j->type, (int64_t)j->width, (int64_t)j->outs);
        j->w[i] = tensor_2d(j->dtype, g->get_data(w), j->outs, j->width);
        if (i == 0)
            fill(&j->w[0]);
        else
            memcpy(j->w[i].data, j->w[0].data, bytes);
        t.y = g->mul_mat(t.ctx, w, x);
        g->expand(t.graph, t.y);
    }
    return t;
}

static double time_ggml(const struct ggml *g, const struct theirs *t, const struct job *j) {
    double start = bench_now();
    if (g->compute(t->ctx, t->graph, omp_get_max_threads()))
        die(ERR_SOFTWARE, "ggml cannot compute");
    return (bench_now() - start) / (double)j->copies;
}

static double difference(const float *a, const float *b, size_t n) {
    double off = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        off += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        all += (double)a[i] * a[i];
    }
    return sqrt(off / all);
}

static void compare(struct run *run, const struct ggml *g, struct job *j, double bandwidth) {
    double ours = INFINITY, theirs = INFINITY, bytes;
    j->copies = 1;
    j->w[0] = tensor_2d(j->dtype, NULL, j->outs, j->width);
    while (j->copies < MOST_COPIES && j->copies * tensor_bytes(&j->w[0]) < ENOUGH)
        j->copies++;
    j->x = run_new_2d(run, RUN_SESSION, TENSOR_F32, j->rows, j->width);
    j->y = run_new_2d(run, RUN_SESSION, TENSOR_F32, j->rows, j->outs);
    for (size_t i = 0; i < j->rows * j->width; i++)
        tensor_f32(&j->x)[i] = (float)rand() / (float)RAND_MAX - 0.5F;
    struct theirs t = build(g, j);
    bytes = (double)tensor_bytes(&j->w[0]);
    for (int round = 0; round < ROUNDS; round++) {
        ours = fmin(ours, time_omni(run, j));
        theirs = fmin(theirs, time_ggml(g, &t, j));
    }
    printf("%-5s [%6zu, %4zu] %zu rows: omni %8.1f us %5.1f GB/s (%3.0f %%), ggml %8.1f us %5.1f "
           "GB/s: %.2f times as fast; results differ by %.1e\n",
           tensor_dtype_name(j->dtype), j->outs, j->width, j->rows, ours * 1e6, bytes / ours * 1e-9,
           100 * bytes / ours / bandwidth, theirs * 1e6, bytes / theirs * 1e-9, theirs / ours,
           difference(tensor_f32(&j->y), g->get_data(t.y), j->rows * j->outs));
    fflush(stdout);
    g->free(t.ctx);
}

int main(int argc, char **argv) {
    static const struct {
        enum tensor_dtype dtype;
        int type;
    } types[] = {{TENSOR_Q8_0, 8},
                 {TENSOR_Q4_0, 2},
                 {TENSOR_Q4_K, 12},
                 {TENSOR_Q5_K, 13},
                 {TENSOR_Q6_K, 14}};
    /* thinker: q, o, an expert's gate, lm_head */
    static const size_t shapes[][2] = {{4096, 2048}, {2048, 4096}, {768, 2048}, {152064, 2048}};
    static struct job j;
    struct run run;
    die_init(argv[0]);
    if (argc < 2)
        die(ERR_USAGE, "usage: ggml DIR [ROWS]");
    struct ggml g = load(argv[1]);
    run_init(&run, "cpu", omp_get_max_threads(), false);
    double bandwidth = bench_read_bandwidth(run.cpu);
    printf("%s, %d threads, %.1f GB/s read\n", run_device(&run), omp_get_max_threads(),
           bandwidth * 1e-9);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            j = (struct job){.dtype = types[i].dtype,
                             .type = types[i].type,
                             .outs = shapes[s][0],
                             .width = shapes[s][1],
                             .rows = argc > 2 ? (size_t)atoi(argv[2]) : 1};
            compare(&run, &g, &j, bandwidth);
        }
    }
    run_free(&run);
    return 0;
}
