/* Log-mel features against published values of the reference and a Fourier sum written out. */
#include "common/sound/mel.h"

#include "tests/sound/tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_MELS = 128 };

static double filter_at(const struct sound_mel *mel, size_t k, size_t m) {
    const struct sound_mel_filter *f = &mel->filter[m];
    return k >= f->first && k < f->first + f->n ? (double)f->weight[k - f->first] : 0;
}

static bool near(double a, double b, double tol) {
    return fabs(a - b) <= tol;
}

static void test_filters(struct tap *t, const struct sound_mel *mel) {
    double sum = 0;
    size_t fewest = MEL_BINS;
    for (size_t m = 0; m < N_MELS; m++) {
        fewest = mel->filter[m].n < fewest ? mel->filter[m].n : fewest;
        for (size_t k = 0; k < MEL_BINS; k++)
            sum += filter_at(mel, k, m);
    }
    tap_ok(t, near(filter_at(mel, 1, 0), 0.012373986, 1e-9), "filter 0 at bin 1");
    tap_ok(t, near(filter_at(mel, 1, 1), 0.030392565, 1e-9), "filter 1 at bin 1");
    tap_ok(t, near(filter_at(mel, 2, 2), 0.024747973, 1e-9), "filter 2 at bin 2");
    tap_ok(t, near(filter_at(mel, 199, 127), 0.0011142803, 1e-9), "filter 127 at bin 199");
    tap_ok(t, near(sum, 3.1909855, 1e-6), "sum of all filters");
    tap_ok(t, fewest == 1 && mel->filter[3].n == 1 && mel->filter[127].n == 9, "filter widths");
}

/* Rows of x in pieces of `piece` samples, normalised if asked. The caller frees. */
static float *rows_of(struct sound_mel *mel, const float *x, size_t n, size_t piece, size_t *n_rows,
                      bool normalise) {
    float *rows = calloc(sound_mel_rows_max(n) * N_MELS, sizeof(float));
    float loudest = -INFINITY;
    sound_mel_reset(mel);
    *n_rows = 0;
    for (size_t at = 0; at < n; at += piece) {
        size_t take = at + piece < n ? piece : n - at;
        *n_rows += sound_mel_push(mel, x + at, take, rows + *n_rows * N_MELS);
    }
    *n_rows += sound_mel_finish(mel, rows + *n_rows * N_MELS);
    for (size_t i = 0; i < *n_rows * N_MELS; i++)
        loudest = fmaxf(loudest, rows[i]);
    if (normalise)
        sound_mel_normalise(rows, *n_rows * N_MELS, loudest);
    return rows;
}

/* Values WhisperFeatureExtractor gives for a 440 Hz sine of amplitude 0.5. */
static void test_sine(struct tap *t, struct sound_mel *mel) {
    enum { N = 16077 };
    const double frame50[] = {1.344505, 1.337491, 1.485354, 1.275244}; /* mels 16 .. 19 */
    static float x[N];
    size_t n_rows;
    for (size_t i = 0; i < N; i++)
        x[i] = (float)(0.5 * sin(2 * M_PI * 440 * (double)i / 16000));
    float *rows = rows_of(mel, x, N, N, &n_rows, true), *row = rows + (size_t)50 * N_MELS;
    tap_ok(t, n_rows == 100, "16077 samples are 100 rows");
    for (size_t i = 0; i < 4; i++)
        tap_ok(t, near((double)row[16 + i], frame50[i], 2e-6), "sine: frame 50, mel %zu", 16 + i);
    for (size_t m = 0; m < N_MELS; m += m ? 63 : 64)
        tap_ok(t, near((double)row[m], -0.514646, 2e-6), "sine: mel %zu is the floor", m);
    tap_ok(t, near((double)rows[17], 1.176514, 2e-6), "sine: frame 0 sees the mirrored start");
    free(rows);
}

/* Sample i of x mirrored at both ends, the ends themselves not doubled. */
static double mirrored(const float *x, long n, long i) {
    i = labs(i);
    return (double)x[i < n ? i : 2 * (n - 1) - i];
}

static double reference(const struct sound_mel *mel, const float *x, size_t n, size_t j, size_t m) {
    double energy = 0;
    for (size_t k = 0; k < MEL_BINS; k++) {
        double re = 0, im = 0;
        for (int i = 0; i < 400; i++) {
            double window = pow(sin(M_PI * i / 400), 2);
            double v = window * mirrored(x, (long)n, (long)j * 160 + i - 200);
            re += v * cos(2 * M_PI * i * (double)k / 400);
            im += v * sin(2 * M_PI * i * (double)k / 400);
        }
        energy += filter_at(mel, k, m) * (re * re + im * im);
    }
    return log10(fmax(energy, 1e-10));
}

static void test_noise(struct tap *t, struct sound_mel *mel, size_t n) {
    static const size_t mels[] = {0, 31, 127};
    float *x = calloc(n, sizeof(float));
    double worst = 0;
    size_t n_rows;
    unsigned random = 1;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((random = random * 1664525 + 1013904223) >> 8) * 0x1p-23F - 1;
    float *rows = rows_of(mel, x, n, n, &n_rows, false);
    for (size_t j = 0; j<n_rows; j += n_rows> 4 ? n_rows / 4 : 1)
        for (size_t i = 0; i < 3; i++)
            worst = fmax(
                worst, fabs((double)rows[j * N_MELS + mels[i]] - reference(mel, x, n, j, mels[i])));
    size_t j = n_rows - 1;
    worst = fmax(worst, fabs((double)rows[j * N_MELS] - reference(mel, x, n, j, 0)));
    tap_ok(t, n_rows == n / 160, "%zu samples are %zu rows", n, n / 160);
    tap_ok(t, worst < 1e-6, "%zu samples of noise against the written-out sum: %g", n, worst);

    for (size_t piece = 1; piece < n; piece = piece * 6 + 1) {
        size_t n_pieced;
        float *pieced = rows_of(mel, x, n, piece, &n_pieced, false);
        tap_ok(t, n_pieced == n_rows && !memcmp(rows, pieced, n_rows * N_MELS * sizeof(float)),
               "%zu samples in pieces of %zu: the same bits", n, piece);
        free(pieced);
    }
    free(rows);
    free(x);
}

static void test_short(struct tap *t, struct sound_mel *mel) {
    static const float x[201] = {1};
    size_t n_rows;
    free(rows_of(mel, x, 200, 200, &n_rows, false));
    tap_ok(t, n_rows == 0, "200 samples are no row");
    free(rows_of(mel, x, 201, 3, &n_rows, false));
    tap_ok(t, n_rows == 1, "201 samples are one row");
}

static void test_silence(struct tap *t, struct sound_mel *mel) {
    static const float x[1000];
    size_t n_rows;
    float *rows = rows_of(mel, x, 1000, 1000, &n_rows, true);
    tap_ok(t, n_rows == 6 && near((double)rows[0], -1.5, 1e-6), "silence is -1.5 everywhere");
    free(rows);
}

int main(void) {
    static const size_t lengths[] = {201, 319, 320, 360, 401, 1234, 16000};
    struct tap t = {0};
    struct sound_mel mel;
    sound_mel_init(&mel, N_MELS);
    test_filters(&t, &mel);
    test_sine(&t, &mel);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        test_noise(&t, &mel, lengths[i]);
    test_short(&t, &mel);
    test_silence(&t, &mel);
    sound_mel_free(&mel);
    return tap_end(&t);
}
