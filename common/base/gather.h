/* gather: pieces of memory that lie apart, to one after the other. */
#ifndef BASE_GATHER_H
#define BASE_GATHER_H

#include <stddef.h>
#include <string.h>

static inline void gather_pieces(char *dst, const char *src, size_t n, size_t size, size_t apart) {
    for (size_t i = 0; i < n; i++)
        memcpy(dst + i * size, src + i * apart, size);
}

/* n pieces of `size` bytes, from one to the next `apart` bytes. memcpy() of a size that the
 * compiler knows is a few instructions. */
static inline void gather(char *dst, const char *src, size_t n, size_t size, size_t apart) {
    if (size == 2)
        gather_pieces(dst, src, n, 2, apart);
    else if (size == 16)
        gather_pieces(dst, src, n, 16, apart);
    else if (size == 32)
        gather_pieces(dst, src, n, 32, apart);
    else
        gather_pieces(dst, src, n, size, apart);
}

#endif
