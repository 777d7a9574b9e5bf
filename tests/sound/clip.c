/* Clips: a file's rows in blocks are the rows of all its samples at once. */
#include "common/sound/clip.h"

#include "tests/sound/tap.h"

#include <math.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_MELS = 80, MAX_SAMPLES = 50000, MAX_ROWS = 400 };
enum { TOO_MANY = 30005 * 160 }; /* samples of a clip whose rows are not kept */

static char path[] = "/tmp/omni-test-XXXXXX";

/* The first n samples of a tone that swells, so that the loudest row comes late. */
static void write_swell(float *x, size_t n) {
    SF_INFO info = {.samplerate = 16000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(pow((double)(i + 1) / (double)n, 6) * sin(0.1 * (double)i));
    SNDFILE *f = sf_open(path, SFM_WRITE, &info);
    if (!f || sf_write_float(f, x, (sf_count_t)n) != (sf_count_t)n)
        abort();
    sf_close(f);
}

static size_t expected(const float *x, size_t n, float *rows) {
    struct sound_mel mel;
    float loudest = -INFINITY;
    sound_mel_init(&mel, N_MELS);
    size_t n_rows = sound_mel_push(&mel, x, n, rows);
    n_rows += sound_mel_finish(&mel, rows + n_rows * N_MELS);
    for (size_t i = 0; i < n_rows * N_MELS; i++)
        loudest = fmaxf(loudest, rows[i]);
    sound_mel_normalise(rows, n_rows * N_MELS, loudest);
    sound_mel_free(&mel);
    return n_rows;
}

static void test_rows(struct tap *t, size_t n) {
    static const size_t blocks[] = {1, 7, 100, MAX_ROWS};
    static float x[MAX_SAMPLES], want[MAX_ROWS * N_MELS], rows[2 * MAX_ROWS * N_MELS];
    write_swell(x, n);
    size_t n_want = expected(x, n, want);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        struct sound_clip clip;
        struct err err = {0};
        size_t n_rows = 0, got = 0;
        if (sound_clip_open(&clip, path, N_MELS, &err))
            abort();
        bool sizes = clip.n_samples == n && clip.n_frames == n / 160;
        do {
            sound_clip_read(&clip, rows + n_rows * N_MELS, blocks[i], &got, &err);
            n_rows += got;
        } while (got == blocks[i]);
        sound_clip_read(&clip, rows, 1, &got, &err);
        tap_ok(t, sizes && n_rows == n_want && got == 0 && !err.code,
               "%zu samples in blocks of %zu: %zu rows", n, blocks[i], n_rows);
        sound_clip_close(&clip);
    }
    tap_ok(t, !memcmp(rows, want, n_want * N_MELS * sizeof(float)), "%zu samples: the same bits",
           n);
}

static void test_too_short(struct tap *t) {
    static float x[200];
    struct sound_clip clip;
    struct err err = {0};
    write_swell(x, 200);
    int code = sound_clip_open(&clip, path, N_MELS, &err);
    tap_ok(t, code == ERR_DATA && strstr(err.text, "only 200 samples"), "%s", err.text);
}

/* So long a clip is read again for its rows. */
static void test_two_passes(struct tap *t) {
    static float x[TOO_MANY], rows[MAX_ROWS * N_MELS], want[2 * MAX_ROWS * N_MELS];
    struct sound_clip clip;
    struct err err = {0};
    size_t got, n_want = 0;
    write_swell(x, TOO_MANY);
    if (sound_clip_open(&clip, path, N_MELS, &err))
        abort();
    tap_ok(t, !clip.kept && clip.n_frames == TOO_MANY / 160, "%d samples: two readings", TOO_MANY);
    n_want = sound_mel_push(&clip.mel, x, MAX_SAMPLES, want);
    sound_mel_normalise(want, n_want * N_MELS, clip.loudest);
    sound_mel_reset(&clip.mel);
    int code = sound_clip_read(&clip, rows, 100, &got, &err);
    tap_ok(t, !code && got == 100 && !memcmp(rows, want, got * N_MELS * sizeof(float)),
           "the same rows");
    if (truncate(path, 100000))
        abort();
    while (!code && got)
        code = sound_clip_read(&clip, rows, MAX_ROWS, &got, &err);
    tap_ok(t, code == ERR_DATA, "cut while open: %s", err.text);
    sound_clip_close(&clip);
}

int main(void) {
    static const size_t lengths[] = {201, 16000, 16001, 48000, MAX_SAMPLES};
    struct tap t = {0};
    close(mkstemp(path));
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        test_rows(&t, lengths[i]);
    test_too_short(&t);
    test_two_passes(&t);
    unlink(path);
    return tap_end(&t);
}
