/* stream: the writing end of a stage, and what every stage writes the same way. */
#ifndef WIRE_STREAM_H
#define WIRE_STREAM_H

#include "common/wire/frame.h"

/* For one thread. The error frame of a die() elsewhere may cut into a frame that this one is
 * writing: the reader then sees a broken stream, which is what it is. */
struct stream_out {
    int fd;               /* -1: writes are dropped */
    const char *producer; /* "omni-thinker" */
    int64_t frames;       /* written so far */
    bool ended;           /* `end` or a fatal `error` is out: later writes are dropped */
    struct stream_seq *seqs;
    size_t n_seqs;
};

void stream_out_init(struct stream_out *s, int fd, const char *producer);
void stream_out_free(struct stream_out *s);

/* All return 0, 141 or 74. turn -1: no turn. */
int stream_write(struct stream_out *s, struct frame_head *h, const void *payload, size_t n,
                 struct err *e);
int stream_forward(struct stream_out *s, const struct frame *f, struct err *e);
/* Writes t's host bytes as rows of `name`, numbering them. */
int stream_tensor(struct stream_out *s, int64_t turn, const char *name, const struct tensor *t,
                  struct err *e);
int stream_text(struct stream_out *s, int64_t turn, const char *text, size_t n, struct err *e);
/* turn -1: fatal, the stream's last words. */
int stream_error(struct stream_out *s, int64_t turn, const struct err *what, struct err *e);
int stream_end(struct stream_out *s, struct err *e);

/* A head for `kind` with `turn` set when it is not negative; the caller adds keys. */
void stream_head(struct frame_head *h, const char *kind, int64_t turn);

#endif
