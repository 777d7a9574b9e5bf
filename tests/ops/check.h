/* check: what the op tests share: reproducible random tensors, comparison with a double-precision
 * reference, timing.
 *
 * A test program is
 *     static void test(struct check *c)  { for sizes: fill, op_x, reference, check_close }
 *     static void bench(struct check *c) { for true shapes: fill, check_bench }
 *     int main(int argc, char **argv) { return check_main(argc, argv, test, bench); }
 * It runs `test` once for every instruction set this machine has and prints a TAP line a check;
 * with -b it runs `bench` instead, with the best instruction set or the one $OMNI_ISA names, on
 * all cores or -j THREADS, for -s SECONDS a case. With -d vulkan[:N] it runs either on that device:
 * tests as in a precise run, and again as in one that is not; benchmarks in such a one, or with -p
 * precise.
 *
 * Tests keep their tensors in host memory and hand them to ops through check_on():
 *     op_add(&c->run, check_on(c, &dst), check_on(c, &x));
 *     check_close(c, &dst, want, ...);
 * On a GPU that puts a copy on the device, and check_close() first brings all copies back. */
#ifndef TESTS_OPS_CHECK_H
#define TESTS_OPS_CHECK_H

#include "common/ops/ops.h"

/* A tensor's host memory and the device's copy of it. */
struct check_pair {
    char *host;
    struct tensor device; /* u8 [bytes] */
    bool only_read;       /* quantised weights, which a GPU has in another order */
};
enum { CHECK_PAIRS = 1024 };

struct check {
    struct run run; /* CHECK_THREADS threads in tests, one a core in benchmarks */
    uint64_t seed;  /* of the random fill; fixed at the start of each run of `test` */
    size_t n, failed;
    bool timing;            /* for benchmarks: whether this is one; */
    double bandwidth, peak; /* bytes/s; FLOP/s of f32 multiply-adds, */
    double least;           /* and seconds that a case is repeated for */
    bool quantised;         /* `test` has had quantised tensors, whose products round */
    struct check_pair pairs[CHECK_PAIRS];
    size_t n_pairs;
    struct run_mark before_pairs;
};

/* The exit status: 0, or 1 if any check failed. bench may be NULL. */
int check_main(int argc, char **argv, void (*test)(struct check *c),
               void (*bench)(struct check *c));

/* Results must not depend on the number of threads. */
enum { CHECK_THREADS = 2 };
void check_threads(struct check *c, int n);

/* Uniform random numbers in [lo, hi); integers in [0, n). */
float check_uniform(struct check *c, float lo, float hi);
size_t check_below(struct check *c, size_t n);

/* New tensors filled with uniform numbers in [-1, 1); dtype f32, bf16 or quantised. They live
 * until check_free(). Those of benchmarks, and quantised ones, repeat themselves if they are large:
 * to draw all of their numbers would take longer than what is measured. */
struct tensor check_1d(struct check *c, enum tensor_dtype dtype, size_t n0);
struct tensor check_2d(struct check *c, enum tensor_dtype dtype, size_t n0, size_t n1);
struct tensor check_3d(struct check *c, enum tensor_dtype dtype, size_t n0, size_t n1, size_t n2);
/* New i32 tensor [n0] of zeros. */
struct tensor check_ints(struct check *c, size_t n0);
/* New array of zeros, for references. */
double *check_doubles(struct check *c, size_t n);
/* What op_conv() shall give for `rows` rows; b may be NULL. */
double *check_conv(struct check *c, size_t rows, const struct tensor *x, const struct tensor *w,
                   const struct tensor *b, size_t dilation);
/* A copy with its own memory, for ops that work in place. */
struct tensor check_copy(struct check *c, const struct tensor *t);
/* t as an op takes it: t itself on the CPU; on a GPU a tensor of the device with t's numbers, made
 * at the first call and kept until check_back(), so that ops may follow one another. Of a tensor
 * and its rows (of a quantised one: and its matrices) give the tensor first. NULL stays NULL. The
 * second form: an array of n tensors. */
const struct tensor *check_on(struct check *c, const struct tensor *t);
const struct tensor *check_on_all(struct check *c, const struct tensor *t, size_t n);
/* Brings the numbers of all tensors that are on a GPU back to their host memory; call it before you
 * look at a result or change a tensor, unless check_close() or check_same() comes first. */
void check_back(struct check *c);

/* Whether this pass differs from the precise one only for quantised weights. */
bool check_only_quantised(const struct check *c);
/* Whether benchmarks have quantised weights: a precise run on a GPU, which is for comparing with a
 * reference, would tell nobody anything. */
bool check_times_quantised(const struct check *c);
/* Whether a product of so many rows with such weights takes its x as int8, and what such an x is:
 * n numbers, whole blocks of 32 with a scale each. */
bool check_rounds(const struct check *c, enum tensor_dtype dtype, size_t rows);
void check_round(double *x, size_t n);

/* What computes: the CPU's instruction set, or "vulkan". */
const char *check_backend(const struct check *c);

/* Frees all of the above. */
void check_free(struct check *c);

/* The quantised types. */
enum { CHECK_QUANTISED = 5 };
extern const enum tensor_dtype check_quantised[CHECK_QUANTISED];

/* The type of what goes with matrices of dtype and is not quantised: norms, biases. */
static inline enum tensor_dtype check_plain(enum tensor_dtype dtype) {
    return tensor_is_quantised(dtype) ? TENSOR_F32 : dtype;
}

/* Element i of an f32, bf16 or quantised tensor, exactly. */
double check_at(const struct tensor *t, size_t i);

/* These bring results back first.
 * ||got - want||_2 <= tol * ||want||_2, without NaN. got is f32 or bf16. fmt names the case. */
void check_close(struct check *c, const struct tensor *got, const double *want, double tol,
                 const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The same, with no allowance for a run that is not precise. */
void check_near(struct check *c, const struct tensor *got, const double *want, double tol,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* a and b hold the same bytes. */
void check_same(struct check *c, const struct tensor *a, const struct tensor *b, const char *fmt,
                ...) __attribute__((format(printf, 4, 5)));
/* half, bf16, holds what f32 `full` rounds to. */
void check_rounded(struct check *c, const struct tensor *half, const struct tensor *full,
                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void check_true(struct check *c, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Copies of weights that benchmarks use in turn, so that they come from memory and not from a
 * cache, as an op takes them. They live until check_free(): cases of the same weights share them.
 */
enum { CHECK_COPIES = 64 };
struct check_copies {
    struct tensor t[CHECK_COPIES];
    size_t n, next;
};
struct check_copies check_copies(struct check *c, const struct tensor *w);
const struct tensor *check_turn(struct check_copies *w);

/* Calls work(c, ctx) for c->least seconds or longer and prints the best time of one call, what it
 * makes of bytes (read and written) and flop, and of the machine's bandwidth or multiply-adds,
 * whichever is nearer; see tests/bench/row.h. fmt is the op and, behind a blank, the case. Forgets
 * RUN_STEP tensors after each call. On a GPU many calls are recorded and replayed: it is the
 * device's time of one call in a chain of them, and work() may only call ops. */
void check_bench(struct check *c, void (*work)(struct check *c, void *ctx), void *ctx, double bytes,
                 double flop, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

#endif
