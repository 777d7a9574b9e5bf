#include "tests/ops/check.h"

#include "common/base/bf16.h"
#include "common/base/clock.h"
#include "common/base/die.h"
#include "common/ops/cpu/kernels.h"
#include "common/ops/planes.h"
#include "common/weights/quant.h"
#include "tests/bench/gpu_peak.h"
#include "tests/bench/peak.h"

#include <math.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const enum tensor_dtype check_quantised[CHECK_QUANTISED] = {TENSOR_Q8_0, TENSOR_Q4_0, TENSOR_Q4_K,
                                                            TENSOR_Q5_K, TENSOR_Q6_K};

/* What rounding activations to bf16 may cost where a run is not precise. */
static const double CHECK_ROUNDED = 5e-3;

/* Whether products of bf16 round their x where a run is not precise. */
static bool rounds_bf16(const struct check *c) {
    return c->run.gpu ? gpu_info(c->run.gpu)->matrix.rows > 0 : c->run.cpu->gemm_pairs != NULL;
}

/* Runs `test` once, on a GPU or with the CPU's kernels number i. False: these round numbers where a
 * precise run does not. */
static bool run_test(struct check *c, const char *device, size_t i, bool precise,
                     void (*test)(struct check *c)) {
    c->seed = 1;
    run_init(&c->run, device, CHECK_THREADS, precise);
    c->run.cpu = cpu_kernels_nth(i);
    c->quantised = false;
    test(c);
    bool rounds = rounds_bf16(c) || c->quantised;
    run_free(&c->run);
    return !rounds;
}

static void run_tests(struct check *c, const char *device, void (*test)(struct check *c)) {
    bool cpu = strcmp(device, "cpu") == 0;
    for (size_t i = 0; i == 0 || (cpu && cpu_kernels_nth(i)); i++)
        if (!run_test(c, device, i, true, test))
            run_test(c, device, i, false, test);
    printf("1..%zu\n", c->n);
}

static void run_bench(struct check *c, const char *device, int threads, bool precise,
                      void (*bench)(struct check *c)) {
    c->seed = 1;
    c->timing = true;
    run_init(&c->run, device, threads, precise);
    if (c->run.gpu) {
        struct bench_gpu gpu = bench_gpu_ceilings(c->run.gpu);
        c->bandwidth = gpu.read;
        c->peak = gpu.fma;
    } else {
        c->bandwidth = bench_read_bandwidth(c->run.cpu);
        c->peak = bench_fma_peak(c->run.cpu);
    }
    bench(c);
    run_free(&c->run);
}

int check_main(int argc, char **argv, void (*test)(struct check *c),
               void (*bench)(struct check *c)) {
    static struct check c = {.least = 0.35};
    const char *device = "cpu";
    bool timing = false, precise = false;
    int threads = 0;
    die_init(argv[0]);
    for (int opt; (opt = getopt(argc, argv, "bd:j:ps:")) != -1;) {
        if (opt == 'b')
            timing = true;
        else if (opt == 'd')
            device = optarg;
        else if (opt == 'j')
            threads = atoi(optarg);
        else if (opt == 'p')
            precise = true;
        else if (opt == 's')
            c.least = atof(optarg);
        else
            die(ERR_USAGE, "usage: %s [-d DEVICE] [-b [-p] [-j THREADS] [-s SECONDS]]", argv[0]);
    }
    if (!timing)
        run_tests(&c, device, test);
    else if (bench)
        run_bench(&c, device, threads, precise, bench);
    return c.failed != 0;
}

void check_threads(struct check *c, int n) {
    c->run.threads = n;
    omp_set_num_threads(n);
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next(struct check *c) {
    uint64_t z = c->seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

float check_uniform(struct check *c, float lo, float hi) {
    return lo + (hi - lo) * ((float)(next(c) >> 40) * 0x1p-24f);
}

size_t check_below(struct check *c, size_t n) {
    return next(c) % n;
}

enum { FILL_BLOCK = 256, FILL_UNIQUE = 1 << 18 };

/* The first n numbers. */
static void fill_blocks(struct check *c, const struct tensor *t, size_t n) {
    size_t block = tensor_dtype_block(t->dtype), size = tensor_dtype_size(t->dtype);
    char *at = t->data;
    for (size_t i = 0; i < n; i += block, at += size) {
        float numbers[FILL_BLOCK];
        for (size_t k = 0; k < block; k++)
            numbers[k] = check_uniform(c, -1, 1);
        quant_narrow(at, numbers, t->dtype, block);
    }
}

static void fill_plain(struct check *c, const struct tensor *t, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float f = check_uniform(c, -1, 1);
        if (t->dtype == TENSOR_F32)
            tensor_f32(t)[i] = f;
        else
            ((uint16_t *)t->data)[i] =
                t->dtype == TENSOR_F16 ? bf16_half_from_f32(f) : bf16_from_f32(f);
    }
}

/* The first `unique` bytes once more, and again, up to `bytes`. */
static void repeat(char *data, size_t unique, size_t bytes) {
    for (size_t at = unique; at < bytes; at += unique)
        memcpy(data + at, data, bytes - at < unique ? bytes - at : unique);
}

static struct tensor fill(struct check *c, struct tensor t) {
    bool quantised = tensor_is_quantised(t.dtype);
    size_t n = tensor_count(&t), bytes = tensor_bytes(&t);
    size_t unique = (quantised || c->timing) && n > FILL_UNIQUE ? FILL_UNIQUE : n;
    t.data = arena_alloc(&c->run.memory[RUN_MODEL], bytes);
    c->quantised |= quantised;
    (quantised ? fill_blocks : fill_plain)(c, &t, unique);
    if (unique < n)
        repeat(t.data, unique / tensor_dtype_block(t.dtype) * tensor_dtype_size(t.dtype), bytes);
    return t;
}

struct tensor check_1d(struct check *c, enum tensor_dtype dtype, size_t n0) {
    return fill(c, tensor_1d(dtype, NULL, n0));
}

struct tensor check_2d(struct check *c, enum tensor_dtype dtype, size_t n0, size_t n1) {
    return fill(c, tensor_2d(dtype, NULL, n0, n1));
}

struct tensor check_3d(struct check *c, enum tensor_dtype dtype, size_t n0, size_t n1, size_t n2) {
    return fill(c, tensor_3d(dtype, NULL, n0, n1, n2));
}

struct tensor check_ints(struct check *c, size_t n0) {
    void *data = arena_zalloc(&c->run.memory[RUN_MODEL], n0 * sizeof(int32_t));
    return tensor_1d(TENSOR_I32, data, n0);
}

double *check_doubles(struct check *c, size_t n) {
    return arena_zalloc(&c->run.memory[RUN_MODEL], n * sizeof(double));
}

double *check_conv(struct check *c, size_t rows, const struct tensor *x, const struct tensor *w,
                   const struct tensor *b, size_t dilation) {
    size_t outs = w->shape[0], taps = w->shape[1], width = w->shape[2];
    double *y = check_doubles(c, rows * outs);
    for (size_t t = 0; t < rows; t++) {
        for (size_t n = 0; n < outs; n++) {
            double sum = b ? check_at(b, n) : 0;
            for (size_t i = 0; i < taps; i++)
                for (size_t k = 0; k < width; k++)
                    sum += check_at(w, (n * taps + i) * width + k) *
                           check_at(x, (t + i * dilation) * width + k);
            y[t * outs + n] = sum;
        }
    }
    return y;
}

struct tensor check_copy(struct check *c, const struct tensor *t) {
    struct tensor copy = *t;
    copy.data = arena_alloc(&c->run.memory[RUN_MODEL], tensor_bytes(t));
    memcpy(copy.data, t->data, tensor_bytes(t));
    return copy;
}

/* ---- on the device and back ---- */

/* The device's copy of host memory that lies in one that is there already; 0: none. */
static uint64_t find_pair(const struct check *c, const char *host, size_t bytes) {
    for (size_t i = 0; i < c->n_pairs; i++) {
        const struct check_pair *p = &c->pairs[i];
        size_t room = tensor_bytes(&p->device);
        if (host >= p->host && host + bytes <= p->host + room)
            return run_address(&p->device) + (size_t)(host - p->host);
        if (host < p->host + room && p->host < host + bytes)
            die(ERR_SOFTWARE, "check_on: a part of this tensor is on the device");
    }
    return 0;
}

/* t's bytes as a GPU has them: where t is quantised, each [shape[n - 2], shape[n - 1]] of it is a
 * matrix, see shaders/quant.h. */
static const void *as_on_gpu(struct check *c, const struct tensor *t) {
    size_t n = 1;
    if (!tensor_is_quantised(t->dtype))
        return t->data;
    for (size_t i = 0; i + 2 < t->rank; i++)
        n *= t->shape[i];
    size_t each = tensor_bytes(t) / n;
    char *bytes = arena_alloc(&c->run.memory[RUN_MODEL], n * each);
    for (size_t i = 0; i < n; i++) {
        struct tensor one = tensor_2d(t->dtype, (char *)t->data + i * each, 1, tensor_count(t) / n);
        planes_make(bytes + i * each, &one);
    }
    return bytes;
}

static uint64_t new_pair(struct check *c, const struct tensor *t) {
    size_t bytes = tensor_bytes(t);
    if (c->n_pairs == CHECK_PAIRS)
        die(ERR_SOFTWARE, "check_on: more than %d tensors", (int)CHECK_PAIRS);
    if (c->n_pairs == 0)
        c->before_pairs = run_mark(&c->run, RUN_SESSION);
    struct check_pair *p = &c->pairs[c->n_pairs++];
    *p = (struct check_pair){.host = t->data,
                             .device = run_new_1d(&c->run, RUN_SESSION, TENSOR_U8, bytes),
                             .only_read = tensor_is_quantised(t->dtype)};
    run_write(&c->run, &p->device, as_on_gpu(c, t));
    return run_address(&p->device);
}

const struct tensor *check_on_all(struct check *c, const struct tensor *t, size_t n) {
    if (!c->run.gpu || !t)
        return t;
    struct tensor *on = arena_alloc(&c->run.memory[RUN_MODEL], n * sizeof *on);
    for (size_t i = 0; i < n; i++) {
        uint64_t address = find_pair(c, t[i].data, tensor_bytes(&t[i]));
        on[i] = t[i];
        if (!address)
            address = new_pair(c, &t[i]);
        on[i].data = (void *)(uintptr_t)address;
    }
    return on;
}

const struct tensor *check_on(struct check *c, const struct tensor *t) {
    return check_on_all(c, t, 1);
}

void check_back(struct check *c) {
    if (c->n_pairs == 0)
        return;
    for (size_t i = 0; i < c->n_pairs; i++)
        if (!c->pairs[i].only_read)
            run_read(&c->run, &c->pairs[i].device, c->pairs[i].host);
    run_release(&c->run, RUN_SESSION, c->before_pairs);
    c->n_pairs = 0;
}

void check_free(struct check *c) {
    if (c->n_pairs)
        run_release(&c->run, RUN_SESSION, c->before_pairs);
    c->n_pairs = 0;
    arena_free(&c->run.memory[RUN_MODEL]);
}

/* Number i of a quantised tensor. The last block is kept: references read row after row. */
static double block_at(const struct tensor *t, size_t i) {
    static enum tensor_dtype dtype;
    static char bytes[FILL_BLOCK];
    static float numbers[FILL_BLOCK];
    size_t block = tensor_dtype_block(t->dtype), size = tensor_dtype_size(t->dtype);
    const char *p = (const char *)t->data + i / block * size;
    if (dtype != t->dtype || memcmp(bytes, p, size) != 0) {
        dtype = t->dtype;
        memcpy(bytes, p, size);
        quant_widen(numbers, p, dtype, block);
    }
    return numbers[i % block];
}

double check_at(const struct tensor *t, size_t i) {
    if (tensor_is_quantised(t->dtype))
        return block_at(t, i);
    if (t->dtype == TENSOR_F32)
        return tensor_f32(t)[i];
    uint16_t half = ((const uint16_t *)t->data)[i];
    return t->dtype == TENSOR_F16 ? bf16_half_to_f32(half) : bf16_to_f32(half);
}

bool check_only_quantised(const struct check *c) {
    return !c->run.precise && !rounds_bf16(c);
}

bool check_rounds(const struct check *c, enum tensor_dtype dtype, size_t rows) {
    const size_t few = 48;
    return !c->run.gpu && !c->run.precise && tensor_is_quantised(dtype) && rows <= few;
}

void check_round(double *x, size_t n) {
    for (size_t i = 0; i < n; i += 32) {
        float most = 0;
        for (size_t k = i; k < i + 32; k++)
            most = fmaxf(most, fabsf((float)x[k]));
        for (size_t k = i; most > 0 && k < i + 32; k++)
            x[k] = (double)nearbyintf((float)x[k] * (127 / most)) * (double)(most / 127);
    }
}

/* ---- comparing ---- */

const char *check_backend(const struct check *c) {
    return c->run.gpu ? "vulkan" : c->run.cpu->name;
}

static void report(struct check *c, bool ok, const char *fmt, va_list ap) {
    c->failed += !ok;
    printf("%sok %zu - %s%s: ", ok ? "" : "not ", ++c->n, check_backend(c),
           c->run.precise ? "" : ", not precise");
    vprintf(fmt, ap);
    putchar('\n');
}

static void near(struct check *c, const struct tensor *got, const double *want, double tol,
                 const char *fmt, va_list ap) {
    double diff = 0, norm = 0;
    check_back(c);
    for (size_t i = 0; i < tensor_count(got); i++) {
        double d = check_at(got, i) - want[i];
        diff += d * d;
        norm += want[i] * want[i];
    }
    bool ok = sqrt(diff) <= tol * sqrt(norm); /* false for NaN */
    report(c, ok, fmt, ap);
    if (!ok)
        printf("# relative error %g, allowed %g\n", sqrt(diff / norm), tol);
}

void check_near(struct check *c, const struct tensor *got, const double *want, double tol,
                const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    near(c, got, want, tol, fmt, ap);
    va_end(ap);
}

void check_close(struct check *c, const struct tensor *got, const double *want, double tol,
                 const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    near(c, got, want, c->run.precise || tol == 0 ? tol : fmax(tol, CHECK_ROUNDED), fmt, ap);
    va_end(ap);
}

void check_same(struct check *c, const struct tensor *a, const struct tensor *b, const char *fmt,
                ...) {
    check_back(c);
    bool ok = tensor_bytes(a) == tensor_bytes(b) && !memcmp(a->data, b->data, tensor_bytes(a));
    va_list ap;
    va_start(ap, fmt);
    report(c, ok, fmt, ap);
    va_end(ap);
}

void check_rounded(struct check *c, const struct tensor *half, const struct tensor *full,
                   const char *fmt, ...) {
    bool ok = tensor_count(half) == tensor_count(full);
    check_back(c);
    for (size_t i = 0; ok && i < tensor_count(half); i++)
        ok = ((const uint16_t *)half->data)[i] == bf16_from_f32(tensor_f32(full)[i]);
    va_list ap;
    va_start(ap, fmt);
    report(c, ok, fmt, ap);
    va_end(ap);
}

void check_true(struct check *c, bool ok, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    report(c, ok, fmt, ap);
    va_end(ap);
}
