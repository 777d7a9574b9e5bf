/* spool: makes any input seekable. */
#ifndef SOUND_SPOOL_H
#define SOUND_SPOOL_H

#include "common/base/err.h"

/* Sets *seekable to fd itself if it can seek, else to a new descriptor of an unlinked temporary
 * file ($TMPDIR or /tmp) that holds all that was left in fd, at its start; fd is then closed.
 * On failure fd is closed as well and *seekable is -1. Errors: ERR_IO (read, write),
 * ERR_CANTCREAT. */
int sound_spool(int fd, int *seekable, struct err *err);

#endif
