/* arena: memory that is given back all at once. Tools have three: `model` (weights made at load),
 * `session` (caches) and `step` (activations, reset each step). Blocks are kept on reset, so after
 * the first step of the largest size there is no allocation any more. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *first, *current;
    size_t used, peak; /* bytes handed out now, and at most */
};

/* 64-byte aligned, uninitialised; dies 71 when memory is exhausted. A zeroed struct is an empty
 * arena. */
void *arena_alloc(struct arena *a, size_t bytes);
void *arena_zalloc(struct arena *a, size_t bytes);
char *arena_strdup(struct arena *a, const char *s);

/* Forgets all allocations, keeps the memory. */
void arena_reset(struct arena *a);
/* Forgets what was allocated since the mark was taken: for scratch inside a loop. */
struct arena_mark {
    struct arena_block *block;
    size_t block_used, used;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_release(struct arena *a, struct arena_mark m);
/* Gives the memory back. */
void arena_free(struct arena *a);

/* malloc/realloc that die 71; for what grows. n * size is checked for overflow. */
void *arena_xrealloc(void *p, size_t n, size_t size);
/* A copy, for the caller to free. */
char *arena_xstrdup(const char *s);

#endif
