/* file: any sound file as 16 kHz mono f32. Channels are averaged, other rates are resampled (soxr,
 * high quality), block by block: memory does not grow with the length. */
#ifndef SOUND_FILE_H
#define SOUND_FILE_H

#include "common/base/err.h"

#include <stddef.h>

enum { SOUND_RATE = 16000 };

struct sound_file;

/* Opens path, "-" is stdin; what cannot seek is spooled to a temporary file first. NULL and err on
 * failure: ERR_NOINPUT (missing), ERR_DATA (not sound, or not sound we can use), ERR_IO,
 * ERR_CANTCREAT. Messages begin with the path, which must outlive the file. */
struct sound_file *sound_file_open(const char *path, struct err *err);
void sound_file_close(struct sound_file *f);

/* Reads n samples into out, fewer only at the end; *got says how many. Samples that are not finite
 * are ERR_DATA. */
int sound_file_read(struct sound_file *f, float *out, size_t n, size_t *got, struct err *err);

/* Back to the first sample. */
int sound_file_rewind(struct sound_file *f, struct err *err);

#endif
