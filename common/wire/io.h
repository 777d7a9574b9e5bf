/* io: whole reads and writes, EINTR and partial transfers handled. */
#ifndef WIRE_IO_H
#define WIRE_IO_H

#include "common/base/err.h"

#include <stddef.h>
#include <sys/uio.h>

/* Reads up to n bytes until they are all there or the file ends; *got says how many. 74 on error.
 */
int io_read(int fd, void *buf, size_t n, size_t *got, struct err *e);
/* Reads the whole file into memory the caller frees (one 0 byte follows the data).
 * 66 cannot open, 65 not a plain file or more than max bytes, 74 read failed. */
int io_read_file(char **data, size_t *size, const char *path, size_t max, struct err *e);
/* Writes all of it. 141 if the reader is gone (EPIPE), 74 otherwise. iov is used up. */
int io_writev(int fd, struct iovec *iov, int n, struct err *e);
int io_write(int fd, const void *buf, size_t n, struct err *e);

#endif
