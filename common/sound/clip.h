/* clip: the log-mel features of one sound file, block by block in bounded memory, however long it
 * is. First the whole file is read for its length and its loudest value; the rows of up to five
 * minutes are kept then, of a longer file they are made again in a second reading. */
#ifndef SOUND_CLIP_H
#define SOUND_CLIP_H

#include "common/sound/file.h"
#include "common/sound/mel.h"

struct sound_clip {
    const char *path;
    struct sound_file *file;
    struct sound_mel mel;
    size_t n_samples; /* at 16 kHz */
    size_t n_frames;  /* rows in all: n_samples / 160 */
    float loudest;
    size_t n_read;  /* rows given so far */
    float *samples; /* the block that was read last */
    float *kept;    /* all rows, not normalised; NULL: too many */
    float *pending; /* rows made but not given yet */
    size_t pending_at, n_pending;
};

/* Errors of sound_file_open, and ERR_DATA for 200 samples or fewer: there is nothing to reflect. On
 * failure there is nothing to close. path must outlive the clip. */
int sound_clip_open(struct sound_clip *clip, const char *path, size_t n_mels, struct err *err);
void sound_clip_close(struct sound_clip *clip);

/* The next n rows, [n, n_mels] normalised; fewer only at the end, *got says how many. */
int sound_clip_read(struct sound_clip *clip, float *rows, size_t n, size_t *got, struct err *err);

#endif
