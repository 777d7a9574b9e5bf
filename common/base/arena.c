#include "common/base/arena.h"

#include "common/base/die.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, BLOCK_MIN = 1 << 20, HUGE_PAGE = 1 << 21 };

struct arena_block {
    struct arena_block *next;
    size_t size, used; /* bytes of data after the header */
};

/* The header takes one aligned unit, so data stays aligned. */
static char *block_data(struct arena_block *b) {
    return (char *)b + ALIGN;
}

/* Large blocks are asked for in huge pages: read in one stream they are half as fast again. */
static void *block_memory(size_t bytes) {
    void *p;
    if (posix_memalign(&p, bytes < HUGE_PAGE ? ALIGN : HUGE_PAGE, bytes))
        return NULL;
    if (bytes >= HUGE_PAGE)
        (void)madvise(p, bytes, MADV_HUGEPAGE); /* a wish */
    return p;
}

static struct arena_block *block_new(size_t size) {
    struct arena_block *b = NULL;
    if (size < SIZE_MAX - 2 * ALIGN)
        b = block_memory(size + ALIGN);
    if (!b)
        die(ERR_MEMORY, "out of memory: %zu bytes", size);
    *b = (struct arena_block){.size = size};
    return b;
}

/* Moves on to the next kept block that fits; blocks that are too small are passed over until the
 * next reset. */
static struct arena_block *find_block(struct arena *a, size_t bytes) {
    struct arena_block *b = a->current;
    while (b && b->size - b->used < bytes && b->next)
        b = b->next;
    if (b && b->size - b->used >= bytes)
        return b;
    struct arena_block *fresh = block_new(bytes > BLOCK_MIN ? bytes : BLOCK_MIN);
    if (b)
        b->next = fresh;
    else
        a->first = fresh;
    return fresh;
}

void *arena_alloc(struct arena *a, size_t bytes) {
    if (bytes > SIZE_MAX - ALIGN)
        die(ERR_MEMORY, "out of memory: %zu bytes", bytes);
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    a->current = find_block(a, bytes);
    void *p = block_data(a->current) + a->current->used;
    a->current->used += bytes;
    a->used += bytes;
    if (a->used > a->peak)
        a->peak = a->used;
    return p;
}

void *arena_zalloc(struct arena *a, size_t bytes) {
    return memset(arena_alloc(a, bytes), 0, bytes);
}

char *arena_strdup(struct arena *a, const char *s) {
    size_t n = strlen(s) + 1;
    return memcpy(arena_alloc(a, n), s, n);
}

void arena_reset(struct arena *a) {
    for (struct arena_block *b = a->first; b; b = b->next)
        b->used = 0;
    a->current = a->first;
    a->used = 0;
}

struct arena_mark arena_mark(const struct arena *a) {
    struct arena_block *b = a->current;
    return (struct arena_mark){b, b ? b->used : 0, a->used};
}

void arena_release(struct arena *a, struct arena_mark m) {
    if (!m.block) { /* taken before the first allocation */
        arena_reset(a);
        return;
    }
    for (struct arena_block *b = m.block->next; b; b = b->next)
        b->used = 0;
    m.block->used = m.block_used;
    a->current = m.block;
    a->used = m.used;
}

void arena_free(struct arena *a) {
    for (struct arena_block *b = a->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (struct arena){0};
}

void *arena_xrealloc(void *p, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        die(ERR_MEMORY, "out of memory: %zu x %zu bytes", n, size);
    void *q = realloc(p, bytes ? bytes : 1);
    if (!q)
        die(ERR_MEMORY, "out of memory: %zu bytes", bytes);
    return q;
}

char *arena_xstrdup(const char *s) {
    size_t n = strlen(s) + 1;
    return memcpy(arena_xrealloc(NULL, n, 1), s, n);
}
