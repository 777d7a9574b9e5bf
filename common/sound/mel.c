#include "common/sound/mel.h"

#include "common/sound/file.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    EDGE = MEL_WINDOW / 2, /* samples reflected at both ends */
    HELD = 160000,         /* samples held at most: enough windows for many threads */
    TOGETHER = 64          /* rows that are worth a thread */
};

/* Slaney's scale: linear below 1 kHz, then 27 steps for a factor of 6.4. */
static double hz_of_mel(double mel) {
    return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

static double mel_of_hz(double hz) {
    return hz < 1000 ? hz * 3 / 200 : 15 + 27 * log(hz / 1000) / log(6.4);
}

/* Triangle of unit area from left over centre to right at frequency hz. */
static double triangle(double hz, const double corner[3]) {
    double rise = (hz - corner[0]) / (corner[1] - corner[0]);
    double fall = (corner[2] - hz) / (corner[2] - corner[1]);
    return fmax(0, fmin(rise, fall)) * 2 / (corner[2] - corner[0]);
}

static void make_filter(struct sound_mel *mel, size_t m) {
    struct sound_mel_filter *filter = &mel->filter[m];
    double step = mel_of_hz(SOUND_RATE / 2.0) / (double)(mel->n_mels + 1), corner[3];
    for (size_t i = 0; i < 3; i++)
        corner[i] = hz_of_mel(step * (double)(m + i));
    filter->weight = arena_alloc(&mel->memory, MEL_BINS * sizeof(float));
    filter->first = filter->n = 0;
    for (size_t k = 0; k < MEL_BINS; k++) {
        float w = (float)triangle((double)k * SOUND_RATE / MEL_WINDOW, corner);
        if (w > 0 && filter->n == 0)
            filter->first = k;
        if (w > 0)
            filter->weight[filter->n++] = w;
    }
}

void sound_mel_init(struct sound_mel *mel, size_t n_mels) {
    *mel = (struct sound_mel){.n_mels = n_mels};
    mel->filter = arena_alloc(&mel->memory, n_mels * sizeof *mel->filter);
    mel->held = arena_alloc(&mel->memory, HELD * sizeof(float));
    fft_init(&mel->fft);
    for (size_t n = 0; n < MEL_WINDOW; n++)
        mel->window[n] = 0.5 - 0.5 * mel->fft.cosine[n];
    for (size_t m = 0; m < n_mels; m++)
        make_filter(mel, m);
}

void sound_mel_free(struct sound_mel *mel) {
    arena_free(&mel->memory);
}

void sound_mel_reset(struct sound_mel *mel) {
    mel->n_samples = mel->n_frames = mel->n_held = 0;
}

/* Rows of n <= FFT_LANES windows that begin MEL_HOP after one another. In f64: quiet bins beside
 * loud ones must come out right, and it costs little beside the encoder. */
static void make_rows(const struct sound_mel *mel, const float *x, size_t n, float *rows) {
    double windowed[MEL_WINDOW][FFT_LANES] = {{0}}, power[MEL_BINS][FFT_LANES];
    for (size_t i = 0; i < MEL_WINDOW; i++)
        for (size_t l = 0; l < n; l++)
            windowed[i][l] = mel->window[i] * (double)x[l * MEL_HOP + i];
    fft_power(&mel->fft, windowed, power);
    for (size_t m = 0; m < mel->n_mels; m++) {
        const struct sound_mel_filter *filter = &mel->filter[m];
        double energy[FFT_LANES] = {0};
        for (size_t i = 0; i < filter->n; i++)
            for (size_t l = 0; l < FFT_LANES; l++)
                energy[l] += (double)filter->weight[i] * power[filter->first + i][l];
        for (size_t l = 0; l < n; l++)
            rows[l * mel->n_mels + m] = (float)log10(fmax(energy[l], 1e-10));
    }
}

/* Writes rows of the whole windows that are held, no more than `limit` in the clip. */
static size_t take_rows(struct sound_mel *mel, float *rows, size_t limit) {
    if (mel->n_held < MEL_WINDOW)
        return 0;
    size_t n = (mel->n_held - MEL_WINDOW) / MEL_HOP + 1;
    n = n < limit - mel->n_frames ? n : limit - mel->n_frames;
#pragma omp parallel for if (n > TOGETHER)
    for (size_t i = 0; i < n; i += FFT_LANES)
        make_rows(mel, mel->held + i * MEL_HOP, n - i < FFT_LANES ? n - i : FFT_LANES,
                  rows + i * mel->n_mels);
    mel->n_held -= n * MEL_HOP;
    mel->n_frames += n;
    memmove(mel->held, mel->held + n * MEL_HOP, mel->n_held * sizeof(float));
    return n;
}

/* Puts the mirror image of samples 1 .. EDGE before sample 0, once they are there. */
static void reflect_start(struct sound_mel *mel) {
    memmove(mel->held + EDGE, mel->held, mel->n_held * sizeof(float));
    for (size_t i = 0; i < EDGE; i++)
        mel->held[i] = mel->held[2 * EDGE - i];
    mel->n_held += EDGE;
}

size_t sound_mel_rows_max(size_t n) {
    return (n + MEL_WINDOW) / MEL_HOP + 1;
}

size_t sound_mel_push(struct sound_mel *mel, const float *samples, size_t n, float *rows) {
    size_t n_rows = 0;
    while (n > 0) {
        /* The first window waits for the sample that its mirrored edge begins with. */
        size_t room = mel->n_samples <= EDGE ? EDGE + 1 - mel->n_samples : HELD - mel->n_held;
        size_t take = n < room ? n : room;
        memcpy(mel->held + mel->n_held, samples, take * sizeof(float));
        bool mirrored = mel->n_samples > EDGE;
        mel->n_held += take;
        mel->n_samples += take;
        samples += take;
        n -= take;
        if (!mirrored && mel->n_samples > EDGE)
            reflect_start(mel);
        if (mel->n_samples > EDGE)
            n_rows += take_rows(mel, rows + n_rows * mel->n_mels, SIZE_MAX);
    }
    return n_rows;
}

size_t sound_mel_finish(struct sound_mel *mel, float *rows) {
    if (mel->n_samples <= EDGE)
        return 0;
    for (size_t i = 0, last = mel->n_held - 1; i < EDGE; i++)
        mel->held[mel->n_held++] = mel->held[last - 1 - i];
    return take_rows(mel, rows, mel->n_samples / MEL_HOP);
}

void sound_mel_normalise(float *rows, size_t n, float loudest) {
    for (size_t i = 0; i < n; i++)
        rows[i] = (fmaxf(rows[i], loudest - 8) + 4) / 4;
}
