#include "common/wire/frame.h"
#include "common/wire/io.h"
#include "common/wire/msgpack_fit.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum frame_kind kind;
} kinds[] = {
    {"begin", FRAME_BEGIN},   {"turn", FRAME_TURN},   {"message", FRAME_MESSAGE},
    {"tensor", FRAME_TENSOR}, {"text", FRAME_TEXT},   {"note", FRAME_NOTE},
    {"done", FRAME_DONE},     {"error", FRAME_ERROR}, {"end", FRAME_END},
};

static uint32_t be32(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Reads exactly n bytes; a file that ends before is a cut stream. */
static int read_all(int fd, void *buf, size_t n, struct err *e) {
    size_t got;
    if (io_read(fd, buf, n, &got, e))
        return e->code;
    if (got < n)
        return err_set(e, ERR_PROTOCOL, "stream is cut inside a frame");
    return 0;
}

static void *alloc(size_t n, struct err *e) {
    void *p = malloc(n);
    if (!p)
        err_set(e, ERR_MEMORY, "out of memory: frame of %zu bytes", n);
    return p;
}

/* Fills f->tensor from the head and checks it against the payload's length. */
static int parse_tensor(struct frame *f, struct err *e) {
    if (!frame_string(f, "name", f->name, sizeof f->name) || !f->name[0])
        return err_set(e, ERR_DATA, "tensor frame without a usable name");
    char dtype[16];
    if (!frame_string(f, "dtype", dtype, sizeof dtype) ||
        !tensor_dtype_parse(dtype, &f->tensor.dtype))
        return err_set(e, ERR_DATA, "tensor '%s': unknown dtype", f->name);
    const msgpack_object *shape = frame_get(f, "shape");
    if (!shape || shape->type != MSGPACK_OBJECT_ARRAY || shape->via.array.size > TENSOR_MAX_RANK)
        return err_set(e, ERR_DATA, "tensor '%s': shape is no list of at most %d sizes", f->name,
                       TENSOR_MAX_RANK);
    f->tensor.rank = shape->via.array.size;
    for (size_t i = 0; i < f->tensor.rank; i++) {
        const msgpack_object *o = &shape->via.array.ptr[i];
        if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
            return err_set(e, ERR_DATA, "tensor '%s': a size is no whole number", f->name);
        f->tensor.shape[i] = o->via.u64;
    }
    size_t bytes;
    if (!tensor_bytes_checked(&f->tensor, &bytes) || bytes != f->payload_len)
        return err_set(e, ERR_DATA, "tensor '%s': shape and dtype do not make %zu bytes", f->name,
                       f->payload_len);
    return 0;
}

static int parse_kind(struct frame *f, struct err *e) {
    char kind[32];
    if (!frame_get(f, "kind"))
        return err_set(e, ERR_PROTOCOL, "frame without a kind");
    f->kind = FRAME_OTHER;
    if (frame_string(f, "kind", kind, sizeof kind))
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (strcmp(kind, kinds[i].name) == 0)
                f->kind = kinds[i].kind;
    f->turn = -1;
    if (frame_get(f, "turn") && (!frame_int(f, "turn", &f->turn) || f->turn < 0))
        return err_set(e, ERR_PROTOCOL, "frame with a bad turn number");
    if (!frame_int(f, "seq", &f->seq))
        f->seq = 0;
    return 0;
}

static int read_head(int fd, struct frame *f, size_t n, struct err *e) {
    f->head = alloc(n, e);
    if (!f->head || read_all(fd, f->head, n, e))
        return e->code;
    f->head_len = n;
    size_t off = 0;
    msgpack_unpack_return got = MSGPACK_UNPACK_PARSE_ERROR;
    if (msgpack_fit(f->head, n))
        got = msgpack_unpack_next(&f->map, (char *)f->head, n, &off);
    if (got == MSGPACK_UNPACK_NOMEM_ERROR)
        return err_set(e, ERR_MEMORY, "out of memory: head of a frame");
    if (got != MSGPACK_UNPACK_SUCCESS || f->map.data.type != MSGPACK_OBJECT_MAP)
        return err_set(e, ERR_PROTOCOL, "head of a frame is no msgpack map");
    return parse_kind(f, e);
}

static int read_payload(int fd, struct frame *f, struct err *e) {
    unsigned char fixed[5];
    if (read_all(fd, fixed, sizeof fixed, e))
        return e->code;
    f->payload_len = be32(fixed + 1);
    if (fixed[0] != 0xc6 || f->payload_len > FRAME_MAX_PAYLOAD)
        return err_set(e, ERR_PROTOCOL, "payload of a frame is not bin32 of at most 1 GiB");
    /* The head must promise this many bytes before we make room for them. */
    if (f->kind == FRAME_TENSOR && parse_tensor(f, e))
        return e->code;
    f->payload = alloc(f->payload_len + 1, e);
    if (!f->payload || read_all(fd, f->payload, f->payload_len, e))
        return e->code;
    f->payload[f->payload_len] = 0;
    f->tensor.data = f->payload;
    return 0;
}

int frame_read(int fd, struct frame **out, struct err *e) {
    *out = NULL;
    unsigned char fixed[6];
    size_t got;
    if (io_read(fd, fixed, sizeof fixed, &got, e))
        return e->code;
    if (got == 0)
        return 0;
    if (fixed[0] != 0x93 || (got > 1 && fixed[1] != 0xce))
        return err_set(e, ERR_PROTOCOL, "not an omni stream");
    if (got < sizeof fixed)
        return err_set(e, ERR_PROTOCOL, "stream is cut inside a frame");
    size_t head_len = be32(fixed + 2);
    if (head_len == 0 || head_len > FRAME_MAX_HEAD)
        return err_set(e, ERR_PROTOCOL, "head of %zu bytes (at most 64 KiB)", head_len);
    struct frame *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(e, ERR_MEMORY, "out of memory: frame");
    msgpack_unpacked_init(&f->map);
    if (read_head(fd, f, head_len, e) || read_payload(fd, f, e)) {
        frame_free(f);
        return e->code;
    }
    *out = f;
    return 0;
}

void frame_free(struct frame *f) {
    if (!f)
        return;
    msgpack_unpacked_destroy(&f->map);
    free(f->head);
    free(f->payload);
    free(f);
}

const msgpack_object *frame_map_get(const msgpack_object *map, const char *key) {
    if (!map || map->type != MSGPACK_OBJECT_MAP)
        return NULL;
    size_t n = strlen(key);
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *kv = &map->via.map.ptr[i];
        if (kv->key.type == MSGPACK_OBJECT_STR && kv->key.via.str.size == n &&
            memcmp(kv->key.via.str.ptr, key, n) == 0)
            return &kv->val;
    }
    return NULL;
}

bool frame_map_int(const msgpack_object *map, const char *key, int64_t *value) {
    const msgpack_object *o = frame_map_get(map, key);
    if (!o ||
        (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER && o->type != MSGPACK_OBJECT_NEGATIVE_INTEGER))
        return false;
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 > INT64_MAX)
        return false;
    *value = o->via.i64;
    return true;
}

bool frame_map_real(const msgpack_object *map, const char *key, double *value) {
    const msgpack_object *o = frame_map_get(map, key);
    int64_t i;
    if (frame_map_int(map, key, &i)) {
        *value = (double)i;
        return true;
    }
    if (!o || (o->type != MSGPACK_OBJECT_FLOAT32 && o->type != MSGPACK_OBJECT_FLOAT64))
        return false;
    *value = o->via.f64;
    return true;
}

const msgpack_object *frame_get(const struct frame *f, const char *key) {
    return frame_map_get(&f->map.data, key);
}

bool frame_int(const struct frame *f, const char *key, int64_t *value) {
    return frame_map_int(&f->map.data, key, value);
}

bool frame_real(const struct frame *f, const char *key, double *value) {
    return frame_map_real(&f->map.data, key, value);
}

bool frame_bool(const struct frame *f, const char *key, bool *value) {
    const msgpack_object *o = frame_get(f, key);
    if (!o || o->type != MSGPACK_OBJECT_BOOLEAN)
        return false;
    *value = o->via.boolean;
    return true;
}

bool frame_string(const struct frame *f, const char *key, char *value, size_t size) {
    const msgpack_object *o = frame_get(f, key);
    value[0] = 0;
    if (!o || o->type != MSGPACK_OBJECT_STR)
        return false;
    size_t n = o->via.str.size < size ? o->via.str.size : size - 1;
    memcpy(value, o->via.str.ptr, n);
    value[n] = 0;
    return n == o->via.str.size && memchr(value, 0, n) == NULL;
}
