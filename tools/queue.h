/* queue: frames read ahead by a thread, so that the process upstream can go on writing while this
 * one computes. Bounded by bytes; one frame always fits. */
#ifndef TOOLS_QUEUE_H
#define TOOLS_QUEUE_H

#include "common/wire/frame.h"

struct stage_queue;

/* Starts the reader on fd; it stops after an `end` or fatal `error` frame, at the end of the file
 * or at the first error. limit: bytes of payload held at most. NULL: no thread to be had. */
struct stage_queue *queue_open(int fd, size_t limit);

/* Takes the next frame, waiting for it. NULL with e->code 0 at the end of the file, else e says
 * what broke; frames before the break are given first. */
struct frame *queue_take(struct stage_queue *q, struct err *e);
/* True if queue_take would not wait. */
bool queue_ready(struct stage_queue *q);

#endif
