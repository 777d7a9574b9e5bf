#include "common/sound/file.h"

#include "common/base/arena.h"
#include "common/sound/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <soxr.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Beyond these no recording is meant, and the resampler's filter would take all memory. */
enum { MIN_RATE = 1000, MAX_RATE = 1000000 };
enum { BLOCK = 4096 }; /* frames read at once */

struct sound_file {
    const char *name; /* for messages */
    int fd;
    off_t start; /* of the sound in fd: stdin may be a file somebody read from already */
    SNDFILE *decoder;
    SF_INFO info;
    soxr_t resampler;   /* NULL at 16 kHz */
    float *interleaved; /* [BLOCK, channels] */
    float mono[BLOCK];
    size_t mono_at, mono_n; /* what of mono the resampler has not taken yet */
    size_t n_decoded;
    bool ended; /* the decoder has no more */
};

/* libsndfile opens a file under any name; refuse early what is no file at all. */
static int open_input(struct sound_file *f, const char *path, struct err *err) {
    struct stat st;
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_NOINPUT, "%s", strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        return err_set(err, ERR_NOINPUT, "%s", strerror(EISDIR));
    }
    if (sound_spool(fd, &f->fd, err))
        return err->code;
    char first;
    f->start = lseek(f->fd, 0, SEEK_CUR);
    ssize_t n = pread(f->fd, &first, 1, f->start);
    if (n < 0)
        return err_set(err, ERR_IO, "%s", strerror(errno));
    return n ? 0 : err_set(err, ERR_DATA, "is empty");
}

static int start_decoder(struct sound_file *f, struct err *err) {
    if (lseek(f->fd, f->start, SEEK_SET) < 0)
        return err_set(err, ERR_IO, "%s", strerror(errno));
    f->info = (SF_INFO){0};
    f->decoder = sf_open_fd(f->fd, SFM_READ, &f->info, 0);
    if (!f->decoder)
        return err_set(err, ERR_DATA, "not a sound file that can be read: %s", sf_strerror(NULL));
    if (f->info.samplerate < MIN_RATE || f->info.samplerate > MAX_RATE)
        return err_set(err, ERR_DATA, "sample rate %d is outside %d to %d", f->info.samplerate,
                       MIN_RATE, MAX_RATE);
    return 0;
}

static int start_resampler(struct sound_file *f, struct err *err) {
    if (f->info.samplerate == SOUND_RATE)
        return 0;
    soxr_error_t failed;
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
    f->resampler = soxr_create(f->info.samplerate, SOUND_RATE, 1, &failed, NULL, &quality, NULL);
    if (failed)
        return err_set(err, ERR_SOFTWARE, "resampler: %s", soxr_strerror(failed));
    return 0;
}

static void stop(struct sound_file *f) {
    if (f->decoder)
        sf_close(f->decoder);
    if (f->resampler)
        soxr_delete(f->resampler);
    f->decoder = NULL;
    f->resampler = NULL;
    f->mono_at = f->mono_n = f->n_decoded = 0;
    f->ended = false;
}

static int start(struct sound_file *f, struct err *err) {
    if (start_decoder(f, err) || start_resampler(f, err))
        return err->code;
    f->interleaved =
        arena_xrealloc(f->interleaved, BLOCK * (size_t)f->info.channels, sizeof(float));
    return 0;
}

struct sound_file *sound_file_open(const char *path, struct err *err) {
    struct sound_file *f = arena_xrealloc(NULL, 1, sizeof *f);
    *f = (struct sound_file){.name = strcmp(path, "-") == 0 ? "standard input" : path, .fd = -1};
    if (open_input(f, path, err) || start(f, err)) {
        err_prefix(err, f->name);
        sound_file_close(f);
        return NULL;
    }
    return f;
}

void sound_file_close(struct sound_file *f) {
    if (!f)
        return;
    stop(f);
    if (f->fd >= 0)
        close(f->fd);
    free(f->interleaved);
    free(f);
}

int sound_file_rewind(struct sound_file *f, struct err *err) {
    stop(f);
    return start(f, err) ? err_prefix(err, f->name) : 0;
}

/* Refills mono; at the end mono_n stays 0. */
static int decode(struct sound_file *f, struct err *err) {
    size_t n_channels = (size_t)f->info.channels;
    sf_count_t n = sf_readf_float(f->decoder, f->interleaved, BLOCK);
    if (n <= 0 && sf_error(f->decoder))
        return err_set(err, ERR_DATA, "%s", sf_strerror(f->decoder));
    f->mono_at = 0;
    f->mono_n = n > 0 ? (size_t)n : 0;
    f->ended = f->mono_n == 0;
    for (size_t i = 0; i < f->mono_n; i++) {
        float sum = 0;
        for (size_t c = 0; c < n_channels; c++)
            sum += f->interleaved[i * n_channels + c];
        f->mono[i] = sum / (float)n_channels;
        if (!isfinite(f->mono[i]))
            return err_set(err, ERR_DATA, "sample %zu is not a finite number", f->n_decoded + i);
    }
    f->n_decoded += f->mono_n;
    return 0;
}

/* Moves what it can from mono to out. At the end the resampler gives what it still holds. */
static int convert(struct sound_file *f, float *out, size_t n, size_t *done, struct err *err) {
    size_t taken = f->mono_n - f->mono_at;
    if (!f->resampler) {
        *done = taken = taken < n ? taken : n;
        memcpy(out, f->mono + f->mono_at, taken * sizeof(float));
    } else {
        const float *in = f->ended ? NULL : f->mono + f->mono_at;
        soxr_error_t failed = soxr_process(f->resampler, in, taken, &taken, out, n, done);
        if (failed)
            return err_set(err, ERR_SOFTWARE, "resampler: %s", soxr_strerror(failed));
    }
    f->mono_at += taken;
    return 0;
}

int sound_file_read(struct sound_file *f, float *out, size_t n, size_t *got, struct err *err) {
    for (*got = 0; *got < n;) {
        size_t done;
        if (f->mono_at == f->mono_n && !f->ended && decode(f, err))
            return err_prefix(err, f->name);
        if (convert(f, out + *got, n - *got, &done, err))
            return err_prefix(err, f->name);
        *got += done;
        if (done == 0 && f->ended)
            break;
    }
    return 0;
}
