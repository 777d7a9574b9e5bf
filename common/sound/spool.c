#include "common/sound/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A nameless file, -1 on failure. */
static int make_temporary(struct err *err) {
    const char *dir = getenv("TMPDIR");
    char path[4096];
    if (!dir || !*dir)
        dir = "/tmp";
    int length = snprintf(path, sizeof path, "%s/omni-XXXXXX", dir);
    int fd = length < (int)sizeof path ? mkstemp(path) : -1;
    if (fd < 0)
        err_set(err, ERR_CANTCREAT, "temporary file in %s: %s", dir, strerror(errno));
    else
        unlink(path);
    return fd;
}

static int write_all(int fd, const char *data, size_t n, struct err *err) {
    while (n > 0) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_set(err, ERR_IO, "writing a temporary file: %s", strerror(errno));
        data += done;
        n -= (size_t)done;
    }
    return 0;
}

static int copy_all(int from, int to, struct err *err) {
    char block[65536];
    for (;;) {
        ssize_t n = read(from, block, sizeof block);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_IO, "%s", strerror(errno));
        if (write_all(to, block, (size_t)n, err))
            return err->code;
    }
}

int sound_spool(int fd, int *seekable, struct err *err) {
    if (lseek(fd, 0, SEEK_CUR) >= 0) {
        *seekable = fd;
        return 0;
    }
    int to = make_temporary(err);
    if (to >= 0 && (copy_all(fd, to, err) || lseek(to, 0, SEEK_SET) < 0)) {
        err_set(err, ERR_IO, "temporary file: %s", strerror(errno));
        close(to);
    }
    close(fd);
    *seekable = to;
    return err->code;
}
