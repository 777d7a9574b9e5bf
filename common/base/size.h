/* size: the small things that are done with sizes everywhere. */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stddef.h>

static inline size_t size_least(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t size_most(size_t a, size_t b) {
    return a > b ? a : b;
}

/* How many of `by` hold n. */
static inline size_t size_divide_up(size_t n, size_t by) {
    return (n + by - 1) / by;
}

#endif
