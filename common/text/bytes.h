/* bytes: growing arrays of bytes and of token ids. A zeroed struct is empty; memory that cannot be
 * had dies 71. */
#ifndef TEXT_BYTES_H
#define TEXT_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct text_bytes {
    char *data;
    size_t n, room;
};

struct text_ids {
    int32_t *data;
    size_t n, room;
};

/* Makes room for `more` bytes behind the last one and returns where they go. n stays. */
char *text_bytes_reserve(struct text_bytes *b, size_t more);
void text_bytes_add(struct text_bytes *b, const void *data, size_t n);
void text_bytes_add_string(struct text_bytes *b, const char *s);
void text_bytes_free(struct text_bytes *b);

/* The same in ids. */
int32_t *text_ids_reserve(struct text_ids *ids, size_t more);
void text_ids_add(struct text_ids *ids, int32_t id);
void text_ids_add_all(struct text_ids *ids, const int32_t *more, size_t n);
void text_ids_free(struct text_ids *ids);

#endif
