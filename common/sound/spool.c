#include "common/sound/spool.h"

#include "common/wire/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static int copy_all(int from, int to, struct err *err) {
    char block[65536];
    for (size_t n = sizeof block; n == sizeof block;) {
        if (io_read(from, block, sizeof block, &n, err))
            return err->code;
        if (io_write(to, block, n, err))
            return err_prefix(err, "temporary file");
    }
    return 0;
}

int sound_spool(int fd, int *seekable, struct err *err) {
    if (lseek(fd, 0, SEEK_CUR) >= 0) {
        *seekable = fd;
        return 0;
    }
    int to = make_temporary(err);
    if (to >= 0 && copy_all(fd, to, err) == 0 && lseek(to, 0, SEEK_SET) < 0)
        err_set(err, ERR_IO, "temporary file: %s", strerror(errno));
    if (to >= 0 && err->code) {
        close(to);
        to = -1;
    }
    close(fd);
    *seekable = to;
    return err->code;
}
