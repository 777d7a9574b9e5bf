/* Sound files: what is read is what was written, and what cannot be read says why. */
#include "common/sound/file.h"

#include "common/base/arena.h"
#include "common/sound/spool.h"
#include "tests/sound/tap.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[] = "/tmp/omni-test-XXXXXX";

static void write_sound(const float *x, size_t n_frames, int n_channels, int rate, int format) {
    SF_INFO info = {.samplerate = rate, .channels = n_channels, .format = format};
    SNDFILE *f = sf_open(path, SFM_WRITE, &info);
    if (!f || sf_writef_float(f, x, (sf_count_t)n_frames) != (sf_count_t)n_frames)
        abort();
    sf_close(f);
}

static void write_bytes(const void *data, size_t n) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f))
        abort();
}

/* All samples of f, read in pieces. The caller frees. */
static float *read_all(struct sound_file *f, size_t piece, size_t *n, struct err *err) {
    float *x = NULL;
    size_t got = piece;
    for (*n = 0; got == piece; *n += got) {
        x = arena_xrealloc(x, *n + piece, sizeof *x);
        if (sound_file_read(f, x + *n, piece, &got, err))
            break;
    }
    return x;
}

static float *open_and_read(const char *name, size_t piece, size_t *n, struct err *err) {
    struct sound_file *f = sound_file_open(name, err);
    float *x = f ? read_all(f, piece, n, err) : NULL;
    sound_file_close(f);
    return x;
}

static bool same(const float *a, const float *b, size_t n) {
    return memcmp(a, b, n * sizeof *a) == 0;
}

static float wave(size_t i, int rate) {
    return 0.4F * (float)sin(2 * M_PI * 500 * (double)i / rate);
}

static void test_exact(struct tap *t) {
    enum { N = 10001 };
    static const size_t pieces[] = {1, 999, 4096, N, 20000};
    static float x[N];
    for (size_t i = 0; i < N; i++)
        x[i] = wave(i, SOUND_RATE);
    write_sound(x, N, 1, SOUND_RATE, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct err err = {0};
        size_t n = 0;
        float *y = open_and_read(path, pieces[i], &n, &err);
        tap_ok(t, !err.code && n == N && same(x, y, N), "16 kHz mono is read as it is, %zu at once",
               pieces[i]);
        free(y);
    }
}

static void test_mix(struct tap *t) {
    static const float x[] = {0.5F, 0.25F, -0.75F, 0.75F, 0.5F, 0.25F};
    struct err err = {0};
    size_t n = 0;
    write_sound(x, 2, 3, SOUND_RATE, SF_FORMAT_WAV | SF_FORMAT_PCM_24);
    float *y = open_and_read(path, 100, &n, &err);
    tap_ok(t, !err.code && n == 2 && fabsf(y[0]) < 1e-6F && fabsf(y[1] - 0.5F) < 1e-6F,
           "three channels are averaged");
    free(y);
}

static void test_rate(struct tap *t, int rate) {
    size_t n = (size_t)rate, n_first = 0, n_again = 0;
    float *x = malloc(n * sizeof *x);
    double worst = 0;
    struct err err = {0};
    for (size_t i = 0; i < n; i++)
        x[i] = wave(i, rate);
    write_sound(x, n, 1, rate, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
    struct sound_file *f = sound_file_open(path, &err);
    float *first = read_all(f, 777, &n_first, &err);
    sound_file_rewind(f, &err);
    float *again = read_all(f, 5000, &n_again, &err);
    sound_file_close(f);

    for (size_t i = 1000; i + 1000 < n_first; i++) /* the ends ring */
        worst = fmax(worst, fabs((double)(first[i] - wave(i, SOUND_RATE))));
    tap_ok(t, !err.code && n_first == SOUND_RATE, "one second at %d Hz is 16000 samples", rate);
    tap_ok(t, worst < 1e-6, "a sine at %d Hz stays a sine: %g", rate, worst);
    tap_ok(t, n_first == n_again && same(first, again, n_first),
           "%d Hz, read again in other pieces: the same bits", rate);
    free(x);
    free(first);
    free(again);
}

/* Leaves stdin a pipe at its end. */
static void test_pipe(struct tap *t) {
    static float x[30000];
    int ends[2];
    struct err err = {0};
    size_t n = 0;
    for (size_t i = 0; i < 30000; i++)
        x[i] = wave(i, SOUND_RATE);
    write_sound(x, 30000, 1, SOUND_RATE, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
    if (pipe(ends))
        abort();
    pid_t writer = fork();
    if (writer == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("cat", "cat", path, (char *)NULL);
        _exit(1);
    }
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    close(ends[1]);
    float *y = open_and_read("-", 1000, &n, &err);
    waitpid(writer, NULL, 0);
    tap_ok(t, !err.code && n == 30000 && same(x, y, n), "a pipe is spooled");
    free(y);
}

/* A WAV header of a pipe: sizes unknown, all ones. */
static void test_unknown_size(struct tap *t) {
    unsigned char wav[44 + 1000] = "RIFF\377\377\377\377WAVEfmt \20\0\0\0\1\0\1\0\200\76\0\0\0\175"
                                   "\0\0\2\0\20\0data\377\377\377\377";
    struct err err = {0};
    size_t n = 0;
    write_bytes(wav, sizeof wav);
    free(open_and_read(path, 4096, &n, &err));
    tap_ok(t, !err.code && n == 500, "a WAV of unknown size ends where the file ends");
}

static void refused(struct tap *t, const char *name, int code, const char *words) {
    struct err err = {0};
    size_t n;
    free(open_and_read(name, 1000, &n, &err));
    tap_ok(t, err.code == code && strstr(err.text, words), "exit %d: %s", err.code, err.text);
}

static void test_refusals(struct tap *t) {
    static float x[5000];
    static char noise[1000];
    refused(t, "/nonexistent/file.wav", ERR_NOINPUT, "/nonexistent/file.wav: No such file");
    refused(t, "/tmp", ERR_NOINPUT, "/tmp: Is a directory");
    write_bytes("", 0);
    refused(t, path, ERR_DATA, ": is empty");
    memset(noise, 'x', sizeof noise);
    write_bytes(noise, sizeof noise);
    refused(t, path, ERR_DATA, ": not a sound file");
    write_sound(x, 5000, 1, 999, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
    refused(t, path, ERR_DATA, ": sample rate 999 is outside");
    write_sound(x, 5000, 1, 2000000000, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
    refused(t, path, ERR_DATA, ": sample rate 2000000000 is outside");
    x[4321] = NAN;
    write_sound(x, 5000, 1, 16000, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
    refused(t, path, ERR_DATA, ": sample 4321 is not a finite number");
    x[4321] = INFINITY;
    write_sound(x, 2500, 2, 44100, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
    refused(t, path, ERR_DATA, ": sample 2160 is not a finite number");
}

/* stdin is still the pipe of test_pipe, drained. */
static void test_no_room(struct tap *t) {
    setenv("TMPDIR", "/nonexistent", 1);
    refused(t, "-", ERR_CANTCREAT, "standard input: temporary file in /nonexistent: No such file");
    unsetenv("TMPDIR");
}

/* A disk that is full after some bytes: nothing stays open. */
static void test_full(struct tap *t) {
    struct rlimit before, some = {.rlim_cur = 4};
    struct err err = {0};
    int ends[2], seekable = 0;
    if (pipe(ends) || write(ends[1], "sound of some bytes", 19) != 19 ||
        getrlimit(RLIMIT_FSIZE, &before))
        abort();
    close(ends[1]);
    some.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &some);
    sound_spool(ends[0], &seekable, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    tap_ok(t, err.code == ERR_IO && seekable == -1, "exit %d: %s", err.code, err.text);
    tap_ok(t, fcntl(ends[0], F_GETFD) < 0, "the pipe is closed");
}

int main(void) {
    struct tap t = {0};
    static const int rates[] = {8000, 11025, 24000, 44100, 48000, 192000};
    int fd = mkstemp(path);
    close(fd);
    test_exact(&t);
    test_mix(&t);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        test_rate(&t, rates[i]);
    test_pipe(&t);
    test_unknown_size(&t);
    test_refusals(&t);
    test_no_room(&t);
    test_full(&t);
    unlink(path);
    return tap_end(&t);
}
