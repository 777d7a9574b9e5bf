/* merge: byte-pair encoding of one piece. */
#ifndef TEXT_MERGE_H
#define TEXT_MERGE_H

#include "common/text/vocab.h"

/* Working memory, kept from piece to piece. Zeroed: none yet. */
struct text_merger {
    struct text_symbol *symbols;
    size_t n_symbols;
    uint64_t *heap; /* candidates, best first: rank << 32 | position */
    size_t n_heap, heap_room;
};

/* Appends the ids of the piece s[0..n), n < 2^31: adjacent pairs are joined in order of rank, the
 * leftmost first, until none is left that the vocabulary joins. O(n log n). */
void text_merge(struct text_merger *m, const struct text_vocab *v, const char *s, size_t n,
                struct text_ids *out);
void text_merger_free(struct text_merger *m);

#endif
