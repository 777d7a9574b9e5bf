#include "common/wire/frame.h"

#include "common/base/die.h"
#include "common/wire/io.h"

#include <string.h>

static void pack_str(msgpack_packer *pk, const char *s) {
    size_t n = strlen(s);
    msgpack_pack_str(pk, n);
    msgpack_pack_str_body(pk, s, n);
}

static void key(struct frame_head *h, const char *name) {
    pack_str(&h->pk, name);
    if (h->nested)
        h->nested--;
    else
        h->n++;
}

/* Packing has no way to report: a head that cannot grow dies 71. */
static int append(void *buf, const char *bytes, size_t n) {
    if (msgpack_sbuffer_write(buf, bytes, n))
        die(ERR_MEMORY, "out of memory: head of a frame");
    return 0;
}

/* The map starts as an empty map16 whose count is patched when the frame is written. */
void frame_head_init(struct frame_head *h, const char *kind) {
    msgpack_sbuffer_init(&h->buf);
    msgpack_packer_init(&h->pk, &h->buf, append);
    h->n = 0;
    h->nested = 0;
    append(&h->buf, "\xde\0\0", 3);
    frame_head_string(h, "kind", kind);
}

void frame_head_int(struct frame_head *h, const char *k, int64_t value) {
    key(h, k);
    msgpack_pack_int64(&h->pk, value);
}

void frame_head_real(struct frame_head *h, const char *k, double value) {
    key(h, k);
    msgpack_pack_double(&h->pk, value);
}

void frame_head_bool(struct frame_head *h, const char *k, bool value) {
    key(h, k);
    if (value)
        msgpack_pack_true(&h->pk);
    else
        msgpack_pack_false(&h->pk);
}

void frame_head_string(struct frame_head *h, const char *k, const char *value) {
    key(h, k);
    pack_str(&h->pk, value);
}

void frame_head_object(struct frame_head *h, const char *k, const msgpack_object *value) {
    key(h, k);
    msgpack_pack_object(&h->pk, *value);
}

void frame_head_map(struct frame_head *h, const char *k, size_t n) {
    key(h, k);
    msgpack_pack_map(&h->pk, n);
    h->nested = n;
}

void frame_head_shape(struct frame_head *h, const char *k, const struct tensor *t) {
    key(h, k);
    msgpack_pack_array(&h->pk, t->rank);
    for (size_t i = 0; i < t->rank; i++)
        msgpack_pack_uint64(&h->pk, t->shape[i]);
}

void frame_head_via(struct frame_head *h, const struct frame *upstream) {
    const msgpack_object_map *m = &upstream->map.data.via.map;
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->size; i++)
        n += &m->ptr[i].val != frame_get(upstream, "kind");
    key(h, "via");
    msgpack_pack_map(&h->pk, n);
    for (uint32_t i = 0; i < m->size; i++) {
        if (&m->ptr[i].val == frame_get(upstream, "kind"))
            continue;
        msgpack_pack_object(&h->pk, m->ptr[i].key);
        msgpack_pack_object(&h->pk, m->ptr[i].val);
    }
}

void frame_head_free(struct frame_head *h) {
    msgpack_sbuffer_destroy(&h->buf);
}

static void put_be32(unsigned char *p, size_t n) {
    p[0] = (unsigned char)(n >> 24);
    p[1] = (unsigned char)(n >> 16);
    p[2] = (unsigned char)(n >> 8);
    p[3] = (unsigned char)n;
}

/* One writev, so that a frame usually reaches the pipe whole. */
static int write_parts(int fd, const void *head, size_t head_len, const void *payload, size_t n,
                       struct err *e) {
    if (head_len > FRAME_MAX_HEAD || n > FRAME_MAX_PAYLOAD)
        return err_set(e, ERR_DATA, "frame of %zu + %zu bytes is over the stream's limits",
                       head_len, n);
    unsigned char before[6] = {0x93, 0xce}, between[5] = {0xc6};
    put_be32(before + 2, head_len);
    put_be32(between + 1, n);
    struct iovec iov[4] = {{before, sizeof before},
                           {(void *)head, head_len},
                           {between, sizeof between},
                           {(void *)payload, n}};
    return io_writev(fd, iov, 4, e);
}

int frame_write(int fd, struct frame_head *h, const void *payload, size_t n, struct err *e) {
    h->buf.data[1] = (char)(h->n >> 8);
    h->buf.data[2] = (char)h->n;
    int code = write_parts(fd, h->buf.data, h->buf.size, payload, n, e);
    frame_head_free(h);
    return code;
}

int frame_copy(int fd, const struct frame *f, struct err *e) {
    return write_parts(fd, f->head, f->head_len, f->payload, f->payload_len, e);
}
