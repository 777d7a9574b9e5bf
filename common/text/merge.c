#include "common/text/merge.h"

#include "common/base/arena.h"

#include <stdlib.h>

/* The piece as a linked list of tokens over the array of its bytes: a token sits at its first
 * byte. id -1: joined to the one before. */
struct text_symbol {
    int32_t id;
    uint32_t before, next; /* positions; NONE at the ends */
};

#define NONE UINT32_MAX

static void heap_push(struct text_merger *m, uint64_t item) {
    if (m->n_heap == m->heap_room) {
        m->heap_room = m->heap_room ? 2 * m->heap_room : 256;
        m->heap = arena_xrealloc(m->heap, m->heap_room, sizeof *m->heap);
    }
    size_t i = m->n_heap++;
    for (size_t up; i > 0 && m->heap[up = (i - 1) / 2] > item; i = up)
        m->heap[i] = m->heap[up];
    m->heap[i] = item;
}

static uint64_t heap_pop(struct text_merger *m) {
    uint64_t top = m->heap[0], last = m->heap[--m->n_heap];
    size_t i = 0;
    for (size_t down; (down = 2 * i + 1) < m->n_heap; i = down) {
        if (down + 1 < m->n_heap && m->heap[down + 1] < m->heap[down])
            down++;
        if (m->heap[down] >= last)
            break;
        m->heap[i] = m->heap[down];
    }
    m->heap[i] = last;
    return top;
}

/* The merge of the token at `at` with the one after it, NULL if there is none. */
static const struct text_merge *pair_at(const struct text_merger *m, const struct text_vocab *v,
                                        uint32_t at) {
    const struct text_symbol *s = &m->symbols[at];
    if (s->id < 0 || s->next == NONE)
        return NULL;
    return text_vocab_pair(v, s->id, m->symbols[s->next].id);
}

static void push_pair(struct text_merger *m, const struct text_vocab *v, uint32_t at) {
    const struct text_merge *pair = pair_at(m, v, at);
    if (pair)
        heap_push(m, (uint64_t)pair->rank << 32 | at);
}

static void start(struct text_merger *m, const struct text_vocab *v, const char *s, size_t n) {
    if (n > m->n_symbols) {
        m->symbols = arena_xrealloc(m->symbols, n, sizeof *m->symbols);
        m->n_symbols = n;
    }
    for (size_t i = 0; i < n; i++)
        m->symbols[i] = (struct text_symbol){.id = v->byte_id[(unsigned char)s[i]],
                                             .before = i ? (uint32_t)i - 1 : NONE,
                                             .next = i + 1 < n ? (uint32_t)i + 1 : NONE};
    m->n_heap = 0;
    for (size_t i = 0; i + 1 < n; i++)
        push_pair(m, v, (uint32_t)i);
}

static void join(struct text_merger *m, uint32_t at, int32_t id) {
    struct text_symbol *left = &m->symbols[at], *right = &m->symbols[left->next];
    left->id = id;
    left->next = right->next;
    right->id = -1;
    if (left->next != NONE)
        m->symbols[left->next].before = at;
}

void text_merge(struct text_merger *m, const struct text_vocab *v, const char *s, size_t n,
                struct text_ids *out) {
    if (n == 0)
        return;
    start(m, v, s, n);
    while (m->n_heap > 0) {
        uint64_t best = heap_pop(m);
        uint32_t at = (uint32_t)best;
        const struct text_merge *pair = pair_at(m, v, at);
        /* A candidate is stale when its tokens have been joined to others meanwhile. */
        if (!pair || pair->rank != best >> 32)
            continue;
        join(m, at, pair->joined);
        push_pair(m, v, at);
        if (m->symbols[at].before != NONE)
            push_pair(m, v, m->symbols[at].before);
    }
    for (uint32_t i = 0; i != NONE; i = m->symbols[i].next)
        text_ids_add(out, m->symbols[i].id);
}

void text_merger_free(struct text_merger *m) {
    free(m->symbols);
    free(m->heap);
    *m = (struct text_merger){0};
}
