/* cache: the ids of pieces seen before. Text repeats its words, and a look-up is cheaper than
 * merging. Bounded: each piece has one place, where the newest stays. */
#ifndef TEXT_CACHE_H
#define TEXT_CACHE_H

#include "common/text/bytes.h"

#include <stdbool.h>

struct text_cache {
    struct text_cached *entries;
};

void text_cache_open(struct text_cache *c);
void text_cache_free(struct text_cache *c);

/* Appends the ids of s[0..n) to out if they are known. */
bool text_cache_get(const struct text_cache *c, const char *s, size_t n, struct text_ids *out);
/* Long pieces are not kept. */
void text_cache_put(struct text_cache *c, const char *s, size_t n, const int32_t *ids,
                    size_t n_ids);

#endif
