#include "common/wire/io.h"

#include "common/base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int io_read(int fd, void *buf, size_t n, size_t *got, struct err *e) {
    *got = 0;
    while (*got < n) {
        ssize_t r = read(fd, (char *)buf + *got, n - *got);
        if (r == 0)
            return 0;
        if (r < 0 && errno != EINTR)
            return err_set(e, ERR_IO, "read failed: %s", strerror(errno));
        if (r > 0)
            *got += (size_t)r;
    }
    return 0;
}

int io_read_file(char **data, size_t *size, const char *path, size_t max, struct err *e) {
    struct stat st;
    size_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *data = NULL;
    if (fd < 0 || fstat(fd, &st) < 0) {
        err_set(e, ERR_NOINPUT, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        err_set(e, ERR_DATA, "%s: not a plain file", path);
    } else if ((size_t)st.st_size > max) {
        err_set(e, ERR_DATA, "%s: %zu bytes; at most %zu make sense", path, (size_t)st.st_size,
                max);
    } else {
        *size = (size_t)st.st_size;
        *data = arena_xrealloc(NULL, *size + 1, 1);
        if (io_read(fd, *data, *size, &got, e))
            err_prefix(e, path);
        else if (got < *size)
            err_set(e, ERR_IO, "%s: shrank while it was read", path);
        (*data)[got] = 0;
    }
    if (fd >= 0)
        close(fd);
    if (e->code) {
        free(*data);
        *data = NULL;
    }
    return e->code;
}

/* Drops the first `done` bytes of the vector. */
static void advance(struct iovec **iov, int *n, size_t done) {
    while (*n > 0 && done >= (*iov)->iov_len) {
        done -= (*iov)->iov_len;
        (*iov)++;
        (*n)--;
    }
    if (*n > 0) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + done;
        (*iov)->iov_len -= done;
    }
}

int io_writev(int fd, struct iovec *iov, int n, struct err *e) {
    advance(&iov, &n, 0); /* empty pieces at the front */
    while (n > 0) {
        ssize_t r = writev(fd, iov, n);
        if (r < 0 && errno == EPIPE)
            return err_set(e, ERR_PIPE, "the reader is gone");
        if (r < 0 && errno != EINTR)
            return err_set(e, ERR_IO, "write failed: %s", strerror(errno));
        if (r > 0)
            advance(&iov, &n, (size_t)r);
    }
    return 0;
}

int io_write(int fd, const void *buf, size_t n, struct err *e) {
    struct iovec iov = {.iov_base = (void *)buf, .iov_len = n};
    return io_writev(fd, &iov, 1, e);
}
