/* coprocess: a command that speaks the stream on its stdin and stdout, and is asked and answers in
 * turn. Both sides write `begin` before they read. */
#ifndef TOOLS_COPROCESS_H
#define TOOLS_COPROCESS_H

#include "common/weights/config.h"
#include "common/wire/stream.h"

#include <sys/types.h>

struct coprocess {
    const char *command;
    pid_t pid;
    int in;
    struct stream_out out;
};

/* Starts `sh -c command`, writes our begin, as `producer`, and reads the other side's: 65 if its
 * model has other sizes. command must outlive p. 71: no process to be had. */
int coprocess_open(struct coprocess *p, const char *command, const char *producer,
                   const struct config *config, struct err *e);
/* Says `end`, waits for the other side's and for its exit. */
int coprocess_close(struct coprocess *p, struct err *e);

/* Writers; 76 if the other side is gone. */
int coprocess_send(struct coprocess *p, struct frame_head *h, struct err *e);
int coprocess_tensor(struct coprocess *p, int64_t turn, const char *name, const struct tensor *t,
                     struct err *e);
int coprocess_lose(struct coprocess *p, int64_t turn, const struct err *what, struct err *e);
/* Waits for its next frame; never NULL without an error: 76 with the exit status in the message if
 * it is gone, has ended or broke the protocol. The caller frees the frame. */
struct frame *coprocess_read(struct coprocess *p, struct err *e);

#endif
