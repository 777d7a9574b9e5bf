/* sink: where the sound of a stream goes. Standard output, one file for all turns, or, with "%d" in
 * its name, a file for each turn. A file is FILE.part until it is whole, then renamed. */
#ifndef TOOLS_SINK_H
#define TOOLS_SINK_H

#include "common/sound/writer.h"

#include <limits.h>
#include <stdint.h>

struct sink {
    const char *name; /* as given; NULL or "-": standard output */
    enum sound_kind kind;
    size_t rate;
    struct sound_writer *writer; /* NULL: nothing is open */
    int fd;
    bool in_place;     /* no regular file (a device, a fifo): written where it is */
    bool begun, ended; /* a turn has begun; one has come to its end */
    char path[PATH_MAX], part[PATH_MAX];
};

/* All return 0 or an exit code: 73 cannot create, 74 cannot write, 141 the reader is gone.
 * Opens what does not depend on the turn. raw: NULL, "s16" or "f32". 64 for a name or format that
 * cannot be, or a terminal. */
int sink_open(struct sink *s, const char *name, const char *raw, size_t rate, struct err *e);
int sink_turn(struct sink *s, int64_t turn, struct err *e);
int sink_write(struct sink *s, const float *samples, size_t n, struct err *e);
/* The turn is whole. */
int sink_done(struct sink *s, struct err *e);
/* The turn is lost: a file of its own is removed. */
void sink_lose(struct sink *s);
/* End of the stream: the file of all turns is kept if any turn came to its end. */
int sink_close(struct sink *s, struct err *e);
/* Something fatal happened: no file is left. */
void sink_abandon(struct sink *s);

#endif
