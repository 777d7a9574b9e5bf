#include "common/weights/gguf_write.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALIGNMENT = 32 };

int gguf_writer_init(struct gguf_writer *w, const char *path, struct err *e) {
    *w = (struct gguf_writer){.fd = -1};
    if (strlen(path) + sizeof ".part" > sizeof w->path)
        return err_set(e, ERR_CANTCREAT, "%.100s...: name too long", path);
    memcpy(w->path, path, strlen(path) + 1);
    memcpy(w->part, path, strlen(path));
    memcpy(w->part + strlen(path), ".part", sizeof ".part");
    return 0;
}

/* ---- the head ------------------------------------------------------------------------------- */

static void put(struct gguf_bytes *b, const void *data, size_t n) {
    if (b->n + n > b->room) {
        b->room = (b->n + n) * 2;
        b->data = arena_xrealloc(b->data, b->room, 1);
    }
    if (n)
        memcpy(b->data + b->n, data, n);
    b->n += n;
}

/* Little-endian, n bytes. */
static void put_number(struct gguf_bytes *b, uint64_t x, size_t n) {
    unsigned char bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(x >> (8 * i));
    put(b, bytes, n);
}

static void put_string(struct gguf_bytes *b, const char *s, size_t n) {
    put_number(b, n, 8);
    put(b, s, n);
}

static void put_key(struct gguf_writer *w, const char *key, enum gguf_type type) {
    put_string(&w->values, key, strlen(key));
    put_number(&w->values, type, 4);
    w->n_values++;
}

void gguf_put_text(struct gguf_writer *w, const char *key, const char *s, size_t n) {
    put_key(w, key, GGUF_STRING);
    put_string(&w->values, s, n);
}

void gguf_put_u32(struct gguf_writer *w, const char *key, size_t x) {
    put_key(w, key, GGUF_U32);
    put_number(&w->values, x, 4);
}

void gguf_put_f32(struct gguf_writer *w, const char *key, double x) {
    float single = (float)x;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    put_key(w, key, GGUF_F32);
    put_number(&w->values, bits, 4);
}

void gguf_put_bool(struct gguf_writer *w, const char *key, bool x) {
    put_key(w, key, GGUF_BOOL);
    put_number(&w->values, x, 1);
}

void gguf_put_array(struct gguf_writer *w, const char *key, enum gguf_type type, size_t n) {
    put_key(w, key, GGUF_ARRAY);
    put_number(&w->values, type, 4);
    put_number(&w->values, n, 8);
}

void gguf_put_i32_element(struct gguf_writer *w, int32_t x) {
    put_number(&w->values, (uint32_t)x, 4);
}

void gguf_put_text_element(struct gguf_writer *w, const char *s, size_t n) {
    put_string(&w->values, s, n);
}

size_t gguf_put_tensor(struct gguf_writer *w, const char *name, const struct tensor *t) {
    size_t place = w->data;
    put_string(&w->tensors, name, strlen(name));
    put_number(&w->tensors, t->rank, 4);
    for (size_t i = t->rank; i-- > 0;)
        put_number(&w->tensors, t->shape[i], 8);
    put_number(&w->tensors, gguf_dtype_number(t->dtype), 4);
    put_number(&w->tensors, place, 8);
    w->n_tensors++;
    w->data += (tensor_bytes(t) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return place;
}

/* ---- the file ------------------------------------------------------------------------------- */

static int failed(const struct gguf_writer *w, int code, const char *what, struct err *e) {
    return err_set(e, code, "%.300s: cannot %s: %s", w->path, what, strerror(errno));
}

static int write_at(const struct gguf_writer *w, size_t at, const void *data, size_t n,
                    struct err *e) {
    for (const char *p = data; n > 0;) {
        ssize_t done = pwrite(w->fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return failed(w, ERR_IO, "write", e);
        p += done;
        at += (size_t)done;
        n -= (size_t)done;
    }
    return 0;
}

int gguf_write_begin(struct gguf_writer *w, struct err *e) {
    struct gguf_bytes head = {.n = 0};
    put(&head, "GGUF", 4);
    put_number(&head, 3, 4);
    put_number(&head, w->n_tensors, 8);
    put_number(&head, w->n_values, 8);
    put(&head, w->values.data, w->values.n);
    put(&head, w->tensors.data, w->tensors.n);
    w->begin = (head.n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    w->fd = open(w->part, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0666);
    off_t size = (off_t)(w->begin + w->data);
    if (w->fd < 0)
        failed(w, ERR_CANTCREAT, "create", e);
    else if (ftruncate(w->fd, size) != 0 || (fallocate(w->fd, 0, 0, size) != 0 && errno == ENOSPC))
        failed(w, ERR_CANTCREAT, "reserve its bytes", e);
    else
        write_at(w, 0, head.data, head.n, e);
    free(head.data);
    return e->code;
}

int gguf_write_data(const struct gguf_writer *w, size_t place, const void *data, size_t n,
                    struct err *e) {
    return write_at(w, w->begin + place, data, n, e);
}

/* The directory's entry is on the disk, too. */
static void sync_directory(const struct gguf_writer *w) {
    char path[sizeof w->path];
    memcpy(path, w->path, sizeof path);
    int fd = open(dirname(path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

int gguf_write_end(struct gguf_writer *w, struct err *e) {
    if (fsync(w->fd) != 0)
        return failed(w, ERR_IO, "write", e);
    if (rename(w->part, w->path) != 0)
        return failed(w, ERR_CANTCREAT, "name", e);
    close(w->fd);
    w->fd = -1;
    sync_directory(w);
    return 0;
}

void gguf_writer_free(struct gguf_writer *w) {
    if (w->fd >= 0) {
        unlink(w->part);
        close(w->fd);
    }
    free(w->values.data);
    free(w->tensors.data);
    *w = (struct gguf_writer){.fd = -1};
}
