/* writer: mono f32 samples to a file descriptor as WAV, raw samples, or what libsndfile encodes.
 *
 * WAV is written here: libsndfile refuses to write it where it cannot seek back, and a pipe is
 * where we need it most. There the header says 0xffffffff bytes, "until the end", as is the custom;
 * where seeking is possible the true sizes are put in at the end. */
#ifndef SOUND_WRITER_H
#define SOUND_WRITER_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum sound_kind {
    SOUND_WAV, /* 16 bits */
    SOUND_S16, /* no header, little-endian */
    SOUND_F32, /* no header, little-endian */
    SOUND_FLAC,
    SOUND_OGG, /* Vorbis */
    SOUND_OPUS
};

/* By the extension of a file name (.wav .flac .ogg .oga .opus); false if it is none of these. */
bool sound_kind_of(const char *path, enum sound_kind *kind);

struct sound_writer;

/* Writes to fd, which stays the caller's, from where it stands. *w is NULL on failure. */
int sound_writer_open(struct sound_writer **w, int fd, enum sound_kind kind, size_t rate,
                      struct err *e);
/* n samples in [-1, 1]. 16-bit samples are round(32768 x), ties to even, at most 32767. */
int sound_writer_write(struct sound_writer *w, const float *samples, size_t n, struct err *e);
/* What only the end can tell: last blocks of an encoder, sizes in the header. Frees w, whatever
 * happens. 74 write failed, 141 the reader is gone. */
int sound_writer_close(struct sound_writer *w, struct err *e);

#endif
