/* begin: the first frame of a stream, which says what model it was made with. */
#ifndef TOOLS_BEGIN_H
#define TOOLS_BEGIN_H

#include "common/weights/config.h"
#include "common/wire/frame.h"

/* A begin head of this program: producer, version and, if c is not NULL, model, hash, sizes and
 * rates. */
void begin_head(struct frame_head *h, const char *producer, const struct config *c);

/* Checks somebody's begin: 76 if it is none of version 1; 65 if it has other sizes (D, Dt, G,
 * codebook) than c. Another hash is one warning. Sizes are not compared where c is NULL, or where
 * either's are assumed (a begin without a hash): there some are only the released model's. */
int begin_check(const struct frame *f, const struct config *c, struct err *e);

#endif
