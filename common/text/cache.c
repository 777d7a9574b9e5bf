#include "common/text/cache.h"

#include "common/base/die.h"
#include "common/text/hash.h"

#include <stdlib.h>

/* An entry is one cache line of the processor; there are 4 MiB of them. */
enum { MAX_KEY = 30, MAX_IDS = 8, N_ENTRIES = 1 << 16 };

struct text_cached {
    int32_t ids[MAX_IDS];
    uint8_t n_key, n_ids; /* n_key 0: empty */
    char key[MAX_KEY];
};

void text_cache_open(struct text_cache *c) {
    /* calloc, because the system hands out zeroed pages only as they are touched. */
    c->entries = calloc(N_ENTRIES, sizeof *c->entries);
    if (!c->entries)
        die(ERR_MEMORY, "out of memory: cache of %d tokenized words", N_ENTRIES);
}

void text_cache_free(struct text_cache *c) {
    free(c->entries);
    c->entries = NULL;
}

static struct text_cached *place(const struct text_cache *c, const char *s, size_t n) {
    return &c->entries[text_hash(s, n) & (N_ENTRIES - 1)];
}

bool text_cache_get(const struct text_cache *c, const char *s, size_t n, struct text_ids *out) {
    if (n > MAX_KEY)
        return false;
    const struct text_cached *p = place(c, s, n);
    if (p->n_key != n || memcmp(p->key, s, n) != 0)
        return false;
    memcpy(text_ids_reserve(out, MAX_IDS), p->ids, sizeof p->ids);
    out->n += p->n_ids;
    return true;
}

void text_cache_put(struct text_cache *c, const char *s, size_t n, const int32_t *ids,
                    size_t n_ids) {
    if (n > MAX_KEY || n_ids > MAX_IDS)
        return;
    struct text_cached *p = place(c, s, n);
    p->n_key = (uint8_t)n;
    p->n_ids = (uint8_t)n_ids;
    memcpy(p->key, s, n);
    memcpy(p->ids, ids, n_ids * sizeof *ids);
}
