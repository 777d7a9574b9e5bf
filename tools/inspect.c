#include "tools/inspect.h"

#include "common/base/bf16.h"
#include "common/wire/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

int inspect_open(struct inspect_stream *s, const char *path, struct err *e) {
    bool is_stdin = strcmp(path, "-") == 0;
    *s = (struct inspect_stream){.name = is_stdin ? "stdin" : path, .turn = -1};
    s->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0)
        return err_set(e, ERR_NOINPUT, "%s: %s", path, strerror(errno));
    if (isatty(s->fd)) {
        err_set(e, ERR_USAGE, "the input is a binary stream, not a terminal");
        inspect_close(s);
    }
    return e->code;
}

void inspect_close(struct inspect_stream *s) {
    if (s->fd > STDIN_FILENO)
        close(s->fd);
    s->fd = -1;
}

static int check_order(struct inspect_stream *s, const struct frame *f, struct err *e) {
    int64_t n;
    bool first = s->frames == 0, fatal = f->kind == FRAME_ERROR && f->turn < 0;
    if (s->ended)
        return err_set(e, ERR_PROTOCOL, "a frame after the last one");
    if (first && !fatal && (f->kind != FRAME_BEGIN || !frame_int(f, "omni", &n) || n != 1))
        return err_set(e, ERR_PROTOCOL, "does not start with a begin frame of version 1");
    if (!first && f->kind == FRAME_BEGIN)
        return err_set(e, ERR_PROTOCOL, "a second begin frame");
    if (f->kind == FRAME_TURN && f->turn <= s->turn)
        return err_set(e, ERR_PROTOCOL, "turn %" PRId64 " follows turn %" PRId64, f->turn, s->turn);
    if (f->kind == FRAME_END && (!frame_int(f, "frames", &n) || n != s->frames))
        return err_set(e, ERR_PROTOCOL, "end counts %" PRId64 " frames, %" PRId64 " came",
                       frame_int(f, "frames", &n) ? n : -1, s->frames);
    if (f->kind == FRAME_TURN)
        s->turn = f->turn;
    s->ended = f->kind == FRAME_END || fatal;
    return 0;
}

int inspect_next(struct inspect_stream *s, struct frame **f, struct err *e) {
    if (!frame_read(s->fd, f, e)) {
        if (*f)
            check_order(s, *f, e);
        else if (!s->ended)
            err_set(e, ERR_PROTOCOL, s->frames ? "ends without an end frame" : "is empty");
    }
    if (e->code) {
        frame_free(*f);
        *f = NULL;
        return err_prefix(e, s->name);
    }
    s->frames++;
    return 0;
}

int inspect_say(const char *text, struct err *e) {
    struct iovec iov[2] = {{(void *)text, strlen(text)}, {(void *)"\n", 1}};
    return io_writev(STDOUT_FILENO, iov, 2, e);
}

double inspect_value(enum tensor_dtype dtype, const void *data, size_t i) {
    const unsigned char *p = (const unsigned char *)data + i * tensor_dtype_size(dtype);
    uint16_t h;
    float f;
    int32_t n;
    switch (dtype) {
    case TENSOR_F32:
        memcpy(&f, p, sizeof f);
        return f;
    case TENSOR_I32:
        memcpy(&n, p, sizeof n);
        return n;
    case TENSOR_U8:
        return *p;
    default:
        memcpy(&h, p, sizeof h);
    }
    if (dtype == TENSOR_U16)
        return h;
    return dtype == TENSOR_BF16 ? bf16_to_f32(h) : bf16_half_to_f32(h);
}
