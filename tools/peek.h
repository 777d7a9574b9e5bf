/* peek: a look at a file descriptor's next byte, which stays where it is. */
#ifndef TOOLS_PEEK_H
#define TOOLS_PEEK_H

#include "common/base/err.h"

/* *byte = the next byte of fd, -1 at its end; waits for one. For regular files, pipes and sockets;
 * a terminal cannot be peeked at. */
int peek_byte(int fd, int *byte, struct err *e);

#endif
