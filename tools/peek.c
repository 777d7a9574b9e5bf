#include "tools/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Copies the pipe's next byte into a pipe of ours: tee(2) takes nothing out. */
static ssize_t peek_pipe(int fd, unsigned char *byte) {
    int own[2];
    if (pipe(own) != 0)
        return -1;
    ssize_t n = tee(fd, own[1], 1, 0);
    if (n == 1)
        n = read(own[0], byte, 1);
    int why = errno;
    close(own[0]);
    close(own[1]);
    errno = why;
    return n;
}

static ssize_t peek(int fd, unsigned char *byte) {
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (at >= 0)
        return pread(fd, byte, 1, at);
    ssize_t n = recv(fd, byte, 1, MSG_PEEK);
    return n < 0 && errno == ENOTSOCK ? peek_pipe(fd, byte) : n;
}

int peek_byte(int fd, int *byte, struct err *e) {
    unsigned char c;
    ssize_t n;
    do
        n = peek(fd, &c);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EBADF) /* closed: nothing to read */
        n = 0;
    if (n < 0)
        return err_set(e, ERR_IO, "cannot look at the input: %s", strerror(errno));
    *byte = n == 0 ? -1 : c;
    return 0;
}
