#include "common/text/bytes.h"

#include "common/base/arena.h"
#include "common/base/die.h"

#include <stdlib.h>
#include <string.h>

/* `data` with room for n + more elements: at least doubled, so that adding one by one is linear. */
static void *grow(void *data, size_t n, size_t *room, size_t more, size_t size) {
    if (more <= *room - n)
        return data;
    size_t need;
    if (__builtin_add_overflow(n, more, &need))
        die(ERR_MEMORY, "out of memory: text of %zu + %zu elements", n, more);
    size_t twice = *room < SIZE_MAX / 2 ? 2 * *room : need;
    *room = need > twice ? need : twice;
    return arena_xrealloc(data, *room, size);
}

char *text_bytes_reserve(struct text_bytes *b, size_t more) {
    b->data = grow(b->data, b->n, &b->room, more, 1);
    return b->data + b->n;
}

void text_bytes_add(struct text_bytes *b, const void *data, size_t n) {
    if (n == 0)
        return;
    memcpy(text_bytes_reserve(b, n), data, n);
    b->n += n;
}

void text_bytes_add_string(struct text_bytes *b, const char *s) {
    text_bytes_add(b, s, strlen(s));
}

void text_bytes_free(struct text_bytes *b) {
    free(b->data);
    *b = (struct text_bytes){0};
}

int32_t *text_ids_reserve(struct text_ids *ids, size_t more) {
    ids->data = grow(ids->data, ids->n, &ids->room, more, sizeof *ids->data);
    return ids->data + ids->n;
}

void text_ids_add(struct text_ids *ids, int32_t id) {
    *text_ids_reserve(ids, 1) = id;
    ids->n++;
}

void text_ids_add_all(struct text_ids *ids, const int32_t *more, size_t n) {
    if (n == 0)
        return;
    memcpy(text_ids_reserve(ids, n), more, n * sizeof *more);
    ids->n += n;
}

void text_ids_free(struct text_ids *ids) {
    free(ids->data);
    *ids = (struct text_ids){0};
}
