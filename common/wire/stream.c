#include "common/wire/stream.h"

#include "common/base/arena.h"

#include <stdlib.h>
#include <string.h>

/* How many frames of `name` the current turn has had. */
struct stream_seq {
    char name[FRAME_MAX_NAME];
    int64_t turn, next;
};

void stream_out_init(struct stream_out *s, int fd, const char *producer) {
    *s = (struct stream_out){.fd = fd, .producer = producer};
}

void stream_out_free(struct stream_out *s) {
    free(s->seqs);
    s->seqs = NULL;
    s->n_seqs = 0;
}

void stream_head(struct frame_head *h, const char *kind, int64_t turn) {
    frame_head_init(h, kind);
    if (turn >= 0)
        frame_head_int(h, "turn", turn);
}

int stream_write(struct stream_out *s, struct frame_head *h, const void *payload, size_t n,
                 struct err *e) {
    if (s->ended || s->fd < 0) {
        frame_head_free(h);
        return 0;
    }
    s->frames++;
    return frame_write(s->fd, h, payload, n, e);
}

int stream_forward(struct stream_out *s, const struct frame *f, struct err *e) {
    if (s->ended || s->fd < 0)
        return 0;
    s->frames++;
    return frame_copy(s->fd, f, e);
}

/* A name's count starts anew with each turn. A stage writes few names, so a list will do. */
static int64_t next_seq(struct stream_out *s, int64_t turn, const char *name) {
    size_t i = 0;
    while (i < s->n_seqs && strcmp(s->seqs[i].name, name) != 0)
        i++;
    if (i == s->n_seqs) {
        s->seqs = arena_xrealloc(s->seqs, ++s->n_seqs, sizeof *s->seqs);
        s->seqs[i] = (struct stream_seq){.turn = turn};
        strncpy(s->seqs[i].name, name, FRAME_MAX_NAME - 1);
    }
    if (s->seqs[i].turn != turn) {
        s->seqs[i].turn = turn;
        s->seqs[i].next = 0;
    }
    return s->seqs[i].next++;
}

int stream_tensor(struct stream_out *s, int64_t turn, const char *name, const struct tensor *t,
                  struct err *e) {
    struct frame_head h;
    stream_head(&h, "tensor", turn);
    frame_head_string(&h, "name", name);
    frame_head_string(&h, "dtype", tensor_dtype_name(t->dtype));
    frame_head_shape(&h, "shape", t);
    frame_head_int(&h, "seq", next_seq(s, turn, name));
    return stream_write(s, &h, t->data, tensor_bytes(t), e);
}

int stream_text(struct stream_out *s, int64_t turn, const char *text, size_t n, struct err *e) {
    struct frame_head h;
    stream_head(&h, "text", turn);
    return stream_write(s, &h, text, n, e);
}

int stream_error(struct stream_out *s, int64_t turn, const struct err *what, struct err *e) {
    struct frame_head h;
    stream_head(&h, "error", turn);
    frame_head_string(&h, "from", s->producer);
    frame_head_int(&h, "code", what->code);
    frame_head_string(&h, "text", what->text);
    int code = stream_write(s, &h, NULL, 0, e);
    if (turn < 0)
        s->ended = true;
    return code;
}

int stream_end(struct stream_out *s, struct err *e) {
    struct frame_head h;
    stream_head(&h, "end", -1);
    frame_head_int(&h, "frames", s->frames);
    int code = stream_write(s, &h, NULL, 0, e);
    s->ended = true;
    return code;
}
