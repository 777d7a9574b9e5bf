/* A real transform of 400 is a complex one of 200 (Press et al., Numerical Recipes, 12.3): even
 * samples are the real parts, odd ones the imaginary parts. That one is split by its factors 2, 2,
 * 2, 5, 5 (Cooley and Tukey 1965, decimation in time). */
#include "common/sound/fft.h"

#include <math.h>
#include <stddef.h>

enum { HALF = FFT_N / 2, LARGEST = 5 };

struct line {
    double re[FFT_LANES], im[FFT_LANES];
};

void fft_init(struct fft *f) {
    for (size_t n = 0; n < FFT_N; n++) {
        f->cosine[n] = cos(8 * atan(1) * (double)n / FFT_N);
        f->sine[n] = sin(8 * atan(1) * (double)n / FFT_N);
    }
}

/* sum += x exp(-2 pi i turn / 400) */
static inline void add_turned(struct line *sum, const struct fft *f, size_t turn,
                              const struct line *x) {
    double c = f->cosine[turn], s = f->sine[turn];
    for (size_t l = 0; l < FFT_LANES; l++) {
        sum->re[l] += x->re[l] * c + x->im[l] * s;
        sum->im[l] += x->im[l] * c - x->re[l] * s;
    }
}

/* Transforms of in[0], in[stride], ..: the `parts` transforms of every parts-th of them, one behind
 * the other in out, become one of n. */
static void join(const struct fft *f, struct line *out, size_t n, size_t parts) {
    size_t m = n / parts, step = FFT_N / n;
    for (size_t k = 0; k < m; k++) {
        struct line part[LARGEST];
        for (size_t r = 0; r < parts; r++)
            part[r] = out[r * m + k];
        for (size_t q = 0; q < parts; q++) {
            struct line sum = part[0];
            for (size_t r = 1; r < parts; r++)
                add_turned(&sum, f, r * (q * m + k) * step % FFT_N, &part[r]);
            out[q * m + k] = sum;
        }
    }
}

static void transform(const struct fft *f, const struct line *in, size_t stride, struct line *out,
                      size_t n) {
    size_t parts = n % 2 ? 5 : 2;
    if (n == 1) {
        *out = *in;
        return;
    }
    for (size_t r = 0; r < parts; r++)
        transform(f, in + r * stride, stride * parts, out + r * (n / parts), n / parts);
    join(f, out, n, parts);
}

/* |X[k]|^2 from Z[k] and Z[200 - k]: X = even + odd exp(-2 pi i k / 400), where the transforms of
 * even and odd samples are Z's parts with real and with imaginary origin. */
static void untangle(const struct fft *f, const struct line *a, const struct line *b, size_t k,
                     double power[FFT_LANES]) {
    double c = f->cosine[k], s = f->sine[k];
    for (size_t l = 0; l < FFT_LANES; l++) {
        double even_re = a->re[l] + b->re[l], even_im = a->im[l] - b->im[l];
        double odd_re = a->im[l] + b->im[l], odd_im = b->re[l] - a->re[l];
        double re = even_re + odd_re * c + odd_im * s, im = even_im + odd_im * c - odd_re * s;
        power[l] = (re * re + im * im) / 4;
    }
}

void fft_power(const struct fft *f, double x[FFT_N][FFT_LANES], double power[FFT_BINS][FFT_LANES]) {
    struct line out[HALF];
    /* x[2 n] and x[2 n + 1] lie as the real and the imaginary part of z[n] do. */
    transform(f, (const struct line *)x, 1, out, HALF);
    for (size_t k = 0; k < FFT_BINS; k++)
        untangle(f, &out[k % HALF], &out[(HALF - k) % HALF], k, power[k]);
}
