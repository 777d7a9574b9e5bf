/* rowqueue: rows that wait in host memory, first in, first out. */
#ifndef TOOLS_ROWQUEUE_H
#define TOOLS_ROWQUEUE_H

#include <stddef.h>

struct rowqueue {
    float *rows;
    size_t width; /* of a row */
    size_t first, end, room;
    size_t n_put; /* rows ever put in since the last clear */
};

void rowqueue_put(struct rowqueue *q, const float *row);
/* Rows that wait. */
size_t rowqueue_length(const struct rowqueue *q);
/* Takes n rows that wait, one after another in memory until the next put. */
const float *rowqueue_take(struct rowqueue *q, size_t n);
/* Takes back the row that was put in last and still waits. */
void rowqueue_unput(struct rowqueue *q);
void rowqueue_clear(struct rowqueue *q);
void rowqueue_free(struct rowqueue *q);

#endif
