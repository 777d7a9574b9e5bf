#include "tools/rowqueue.h"

#include "common/base/arena.h"

#include <stdlib.h>
#include <string.h>

void rowqueue_put(struct rowqueue *q, const float *row) {
    if (q->first == q->end)
        q->first = q->end = 0;
    if (q->end == q->room) {
        q->room = q->room ? 2 * q->room : 64;
        q->rows = arena_xrealloc(q->rows, q->room, q->width * sizeof *q->rows);
    }
    memcpy(q->rows + q->end++ * q->width, row, q->width * sizeof *row);
    q->n_put++;
}

size_t rowqueue_length(const struct rowqueue *q) {
    return q->end - q->first;
}

const float *rowqueue_take(struct rowqueue *q, size_t n) {
    const float *row = q->rows + q->first * q->width;
    q->first += n;
    return row;
}

void rowqueue_unput(struct rowqueue *q) {
    q->end--;
    q->n_put--;
}

void rowqueue_clear(struct rowqueue *q) {
    q->first = q->end = q->n_put = 0;
}

void rowqueue_free(struct rowqueue *q) {
    free(q->rows);
    *q = (struct rowqueue){.width = q->width};
}
