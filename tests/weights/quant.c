/* Weights from type to type, for 43-weights-quant.bats:
 *     quant widen TYPE     stored numbers on stdin, f32 on stdout
 *     quant narrow TYPE    the other way
 *     quant error TYPE     stores normal random numbers; prints the mean squared error and the
 *                          cosine between them and what came back */
#include "common/weights/quant.h"
#include "common/base/die.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 256, SAMPLE = 1 << 18 };

static enum tensor_dtype parse(const char *name) {
    for (int i = 0; i < TENSOR_DTYPES; i++)
        if (strcmp(tensor_dtype_name((enum tensor_dtype)i), name) == 0 &&
            quant_known((enum tensor_dtype)i))
            return (enum tensor_dtype)i;
    die(ERR_USAGE, "no such type: %s", name);
}

/* Bytes of n numbers. */
static size_t stored(enum tensor_dtype dtype, size_t n) {
    return n / tensor_dtype_block(dtype) * tensor_dtype_size(dtype);
}

static void convert(enum tensor_dtype dtype, bool widen) {
    char in[PIECE * sizeof(float)];
    union {
        char bytes[PIECE * sizeof(float)];
        float numbers[PIECE];
    } out, copy;
    size_t block = tensor_dtype_block(dtype), whole = widen ? stored(dtype, PIECE) : sizeof in, got;
    while ((got = fread(in, 1, whole, stdin)) > 0) {
        size_t n = widen ? got / tensor_dtype_size(dtype) * block : got / sizeof(float);
        memcpy(copy.bytes, in, got);
        if (widen)
            quant_widen(out.numbers, copy.bytes, dtype, n);
        else
            quant_narrow(out.bytes, copy.numbers, dtype, n);
        size_t bytes = widen ? n * sizeof(float) : stored(dtype, n);
        if (fwrite(out.bytes, 1, bytes, stdout) != bytes)
            die(ERR_IO, "stdout: cannot write");
    }
}

/* splitmix64 and Box-Muller: mean 0, deviation 1. */
static double uniform(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static float normal(uint64_t *state) {
    double r = sqrt(-2 * log(1 - uniform(state)));
    return (float)(r * cos(2 * M_PI * uniform(state)));
}

static void error(enum tensor_dtype dtype) {
    static float x[SAMPLE], y[SAMPLE];
    static char bytes[SAMPLE * sizeof(float)];
    uint64_t state = 1;
    for (size_t i = 0; i < SAMPLE; i++)
        x[i] = normal(&state);
    quant_narrow(bytes, x, dtype, SAMPLE);
    quant_widen(y, bytes, dtype, SAMPLE);
    double off = 0, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < SAMPLE; i++) {
        off += ((double)y[i] - x[i]) * ((double)y[i] - x[i]);
        xx += (double)x[i] * x[i];
        yy += (double)y[i] * y[i];
        xy += (double)x[i] * y[i];
    }
    printf("%.4g %.8f\n", off / SAMPLE, xy / sqrt(xx * yy));
}

int main(int argc, char **argv) {
    die_init(argv[0]);
    if (argc != 3)
        die(ERR_USAGE, "usage: quant widen|narrow|error TYPE");
    enum tensor_dtype dtype = parse(argv[2]);
    if (strcmp(argv[1], "error") == 0)
        error(dtype);
    else
        convert(dtype, strcmp(argv[1], "widen") == 0);
    return 0;
}
