#include "tools/inspect_rows.h"

#include "common/base/arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t bucket(enum inspect_what what, int64_t turn, const char *name) {
    uint64_t h = 0xcbf29ce484222325 ^ (uint64_t)turn ^ (uint64_t)what << 56;
    for (const char *s = name; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3;
    return (h ^ h >> 32) % INSPECT_BUCKETS;
}

struct inspect_item *inspect_rows_find(const struct inspect_rows *r, enum inspect_what what,
                                       int64_t turn, const char *name) {
    struct inspect_item *i = r->buckets[bucket(what, turn, name)];
    while (i && (i->what != what || i->turn != turn || strcmp(i->name, name) != 0))
        i = i->same_hash;
    return i;
}

static struct inspect_item *find_or_add(struct inspect_rows *r, enum inspect_what what,
                                        int64_t turn, const char *name) {
    struct inspect_item *i = inspect_rows_find(r, what, turn, name);
    if (i)
        return i;
    i = arena_xrealloc(NULL, 1, sizeof *i);
    struct inspect_item **first = &r->buckets[bucket(what, turn, name)];
    *i = (struct inspect_item){.what = what, .turn = turn, .same_hash = *first};
    strncpy(i->name, name, sizeof i->name - 1);
    *first = i;
    if (r->n_items == r->room) {
        r->room = r->room ? 2 * r->room : 64;
        r->items = arena_xrealloc(r->items, r->room, sizeof(struct inspect_item *));
    }
    return r->items[r->n_items++] = i;
}

static void append(struct inspect_item *i, const void *bytes, size_t n) {
    if (!i->bytes || i->n_bytes + n + 1 > i->room) {
        i->room = 2 * (i->n_bytes + n) + 1;
        i->bytes = arena_xrealloc(i->bytes, i->room, 1);
    }
    if (n)
        memcpy(i->bytes + i->n_bytes, bytes, n);
    i->n_bytes += n;
    i->bytes[i->n_bytes] = 0;
}

/* Rows go on where those of earlier frames ended; a number by itself is a row of one. */
static int add_tensor(struct inspect_item *i, const struct frame *f, struct err *e) {
    struct tensor t = f->tensor;
    if (t.rank == 0)
        t = tensor_1d(t.dtype, t.data, 1);
    if (!i->bytes)
        i->rows = tensor_rows(&t, 0, 0);
    size_t inner = (t.rank - 1) * sizeof *t.shape;
    if (t.dtype != i->rows.dtype || t.rank != i->rows.rank ||
        memcmp(t.shape + 1, i->rows.shape + 1, inner) != 0)
        return err_set(e, ERR_DATA, "turn %" PRId64 ": frames of tensor '%s' do not go together",
                       f->turn, f->name);
    append(i, t.data, f->payload_len);
    i->rows.shape[0] += t.shape[0];
    i->rows.data = i->bytes;
    return 0;
}

static int add(struct inspect_rows *r, const struct frame *f, int64_t turn, struct err *e) {
    char text[512];
    switch (f->kind) {
    case FRAME_TENSOR:
        return add_tensor(find_or_add(r, INSPECT_TENSOR, turn, f->name), f, e);
    case FRAME_TEXT:
        append(find_or_add(r, INSPECT_TEXT, turn, "text"), f->payload, f->payload_len);
        return 0;
    case FRAME_MESSAGE:
        append(find_or_add(r, INSPECT_MESSAGE, turn, "message"), f->payload, f->payload_len);
        return 0;
    case FRAME_DONE:
        frame_string(f, "reason", text, sizeof text);
        append(find_or_add(r, INSPECT_DONE, turn, "done"), text, strlen(text));
        return 0;
    case FRAME_ERROR:
        frame_string(f, "text", text, sizeof text);
        append(find_or_add(r, INSPECT_ERROR, turn, "error"), text, strlen(text));
        return 0;
    default:
        return 0;
    }
}

int inspect_rows_read(struct inspect_rows *r, const char *path, const char *name, int64_t turn,
                      bool join, struct err *e) {
    struct inspect_stream s;
    struct frame *f;
    *r = (struct inspect_rows){.n_items = 0};
    if (inspect_open(&s, path, e))
        return e->code;
    while (!e->code && !inspect_next(&s, &f, e) && f) {
        bool wanted = !name || (f->kind == FRAME_TENSOR && strcmp(f->name, name) == 0);
        if (wanted && (turn < 0 || f->turn == turn) && add(r, f, join ? -1 : f->turn, e))
            err_prefix(e, s.name);
        frame_free(f);
    }
    inspect_close(&s);
    return e->code;
}

void inspect_rows_free(struct inspect_rows *r) {
    for (size_t i = 0; i < r->n_items; i++) {
        free(r->items[i]->bytes);
        free(r->items[i]);
    }
    free(r->items);
    *r = (struct inspect_rows){.n_items = 0};
}
