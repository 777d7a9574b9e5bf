#include "common/sound/writer.h"

#include "common/wire/io.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { BLOCK = 1 << 14, WAV_HEADER = 44 };

struct sound_writer {
    int fd;
    enum sound_kind kind;
    size_t rate;
    off_t start;    /* where the WAV header is; -1: cannot seek there */
    uint64_t bytes; /* of samples so far */
    SNDFILE *file;  /* FLAC, Ogg */
    struct err err; /* of a write that libsndfile asked for */
    int16_t block[BLOCK];
};

static const struct {
    const char *extension;
    enum sound_kind kind;
    int format;
} kinds[] = {
    {".wav", SOUND_WAV, 0},
    {".flac", SOUND_FLAC, SF_FORMAT_FLAC | SF_FORMAT_PCM_16},
    {".ogg", SOUND_OGG, SF_FORMAT_OGG | SF_FORMAT_VORBIS},
    {".oga", SOUND_OGG, SF_FORMAT_OGG | SF_FORMAT_VORBIS},
    {".opus", SOUND_OPUS, SF_FORMAT_OGG | SF_FORMAT_OPUS},
};

enum { N_KINDS = sizeof kinds / sizeof *kinds };

bool sound_kind_of(const char *path, enum sound_kind *kind) {
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < N_KINDS; i++) {
        if (strcasecmp(dot, kinds[i].extension) == 0) {
            *kind = kinds[i].kind;
            return true;
        }
    }
    return false;
}

/* libsndfile's format; 0 for what is written here. */
static int format_of(enum sound_kind kind) {
    for (size_t i = 0; i < N_KINDS; i++)
        if (kinds[i].kind == kind)
            return kinds[i].format;
    return 0;
}

/* ---- WAV ---- */

static void put_le32(unsigned char *p, size_t value) {
    for (size_t i = 0; i < 4; i++)
        p[i] = (unsigned char)(value >> (8 * i));
}

/* RIFF header for 16-bit mono; more data bytes than it can say mean "until the end". */
static void wav_header(unsigned char h[WAV_HEADER], size_t rate, uint64_t data_bytes) {
    static const unsigned char chunks[WAV_HEADER + 1] =
        "RIFF----WAVE"
        "fmt \x10\0\0\0"  /* bytes of what follows: */
        "\1\0\1\0"        /* PCM, one channel */
        "--------\2\0"    /* rates, bytes a sample */
        "\x10\0data----"; /* bits a sample */
    size_t unknown = 0xffffffff;
    bool known = data_bytes <= unknown - WAV_HEADER;
    memcpy(h, chunks, WAV_HEADER);
    put_le32(h + 4, known ? data_bytes + WAV_HEADER - 8 : unknown);
    put_le32(h + 24, rate);     /* samples a second */
    put_le32(h + 28, 2 * rate); /* bytes a second */
    put_le32(h + 40, known ? data_bytes : unknown);
}

/* Where we can come back to later: not on pipes, nor where all writes go to the end. */
static off_t seekable_start(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_APPEND) ? -1 : lseek(fd, 0, SEEK_CUR);
}

static int open_wav(struct sound_writer *w, struct err *e) {
    unsigned char h[WAV_HEADER];
    w->start = seekable_start(w->fd);
    wav_header(h, w->rate, UINT64_MAX);
    return io_write(w->fd, h, sizeof h, e);
}

static int close_wav(struct sound_writer *w, struct err *e) {
    unsigned char h[WAV_HEADER];
    if (w->start < 0)
        return 0;
    wav_header(h, w->rate, w->bytes);
    if (pwrite(w->fd, h, sizeof h, w->start) != sizeof h)
        return err_set(e, ERR_IO, "write failed: %s", strerror(errno));
    return 0;
}

/* ---- FLAC and Ogg: libsndfile, which writes through us so that no error gets lost ---- */

static sf_count_t vio_length(void *ctx) {
    const struct sound_writer *w = ctx;
    return lseek(w->fd, 0, SEEK_END);
}

static sf_count_t vio_seek(sf_count_t offset, int whence, void *ctx) {
    const struct sound_writer *w = ctx;
    return lseek(w->fd, offset, whence);
}

static sf_count_t vio_tell(void *ctx) {
    const struct sound_writer *w = ctx;
    return lseek(w->fd, 0, SEEK_CUR);
}

/* We only write; libsndfile asks for this function all the same. */
static sf_count_t vio_read(void *to, sf_count_t n, void *ctx) {
    (void)to;
    (void)n;
    (void)ctx;
    return 0;
}

static sf_count_t vio_write(const void *from, sf_count_t n, void *ctx) {
    struct sound_writer *w = ctx;
    return io_write(w->fd, from, (size_t)n, &w->err) ? 0 : n;
}

static int open_encoder(struct sound_writer *w, int format, struct err *e) {
    SF_VIRTUAL_IO io = {.get_filelen = vio_length,
                        .seek = vio_seek,
                        .read = vio_read,
                        .write = vio_write,
                        .tell = vio_tell};
    SF_INFO info = {.samplerate = (int)w->rate, .channels = 1, .format = format};
    w->file = sf_open_virtual(&io, SFM_WRITE, &info, w);
    if (w->err.code)
        return err_set(e, w->err.code, "%s", w->err.text);
    if (!w->file)
        return err_set(e, ERR_CANTCREAT, "cannot encode: %s", sf_strerror(NULL));
    return 0;
}

/* The first thing that went wrong, ours or libsndfile's. */
static int encoder_error(const struct sound_writer *w, bool fine, struct err *e) {
    if (w->err.code)
        return err_set(e, w->err.code, "%s", w->err.text);
    return fine ? 0 : err_set(e, ERR_IO, "cannot encode: %s", sf_strerror(w->file));
}

/* ---- all ---- */

int sound_writer_open(struct sound_writer **out, int fd, enum sound_kind kind, size_t rate,
                      struct err *e) {
    struct sound_writer *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w)
        return err_set(e, ERR_MEMORY, "out of memory: sound writer");
    *w = (struct sound_writer){.fd = fd, .kind = kind, .rate = rate, .start = -1};
    int format = format_of(kind);
    if ((kind == SOUND_WAV && open_wav(w, e)) || (format && open_encoder(w, format, e))) {
        if (w->file)
            sf_close(w->file);
        free(w);
        return e->code;
    }
    *out = w;
    return 0;
}

static int16_t to_s16(float x) {
    float scaled = rintf(x * 32768);
    if (!(scaled > -32768)) /* NaN too */
        return scaled <= -32768 ? -32768 : 0;
    return (int16_t)(scaled < 32767 ? scaled : 32767);
}

static int write_block(struct sound_writer *w, const float *samples, size_t n, struct err *e) {
    if (w->kind == SOUND_F32)
        return io_write(w->fd, samples, n * sizeof *samples, e);
    if (w->kind == SOUND_OGG || w->kind == SOUND_OPUS) {
        bool fine = sf_write_float(w->file, samples, (sf_count_t)n) == (sf_count_t)n;
        return encoder_error(w, fine, e);
    }
    for (size_t i = 0; i < n; i++)
        w->block[i] = to_s16(samples[i]);
    if (w->kind == SOUND_FLAC) {
        bool fine = sf_write_short(w->file, w->block, (sf_count_t)n) == (sf_count_t)n;
        return encoder_error(w, fine, e);
    }
    w->bytes += n * sizeof *w->block;
    return io_write(w->fd, w->block, n * sizeof *w->block, e);
}

int sound_writer_write(struct sound_writer *w, const float *samples, size_t n, struct err *e) {
    for (size_t i = 0; i < n; i += BLOCK)
        if (write_block(w, samples + i, n - i < BLOCK ? n - i : BLOCK, e))
            return e->code;
    return 0;
}

int sound_writer_close(struct sound_writer *w, struct err *e) {
    if (w->kind == SOUND_WAV)
        close_wav(w, e);
    if (w->file) {
        bool fine = sf_close(w->file) == 0;
        w->file = NULL;
        encoder_error(w, fine, e);
    }
    free(w);
    return e->code;
}
