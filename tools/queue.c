#include "tools/queue.h"

#include <pthread.h>
#include <stdlib.h>

struct item {
    struct frame *frame;
    struct item *next;
};

struct stage_queue {
    int fd;
    size_t limit, bytes;
    struct item *first, **last;
    bool finished;  /* the reader has put its last frame in */
    struct err err; /* why it finished; code 0: end of file */
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

static bool is_last(const struct frame *f) {
    return f->kind == FRAME_END || (f->kind == FRAME_ERROR && f->turn < 0);
}

/* Waits for room, then appends. */
static void put(struct stage_queue *q, struct item *item) {
    size_t n = item->frame->payload_len;
    pthread_mutex_lock(&q->lock);
    while (q->first && q->bytes + n > q->limit)
        pthread_cond_wait(&q->changed, &q->lock);
    *q->last = item;
    q->last = &item->next;
    q->bytes += n;
    q->finished = is_last(item->frame);
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

static void finish(struct stage_queue *q, const struct err *e) {
    pthread_mutex_lock(&q->lock);
    q->finished = true;
    q->err = *e;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

static void *reader(void *arg) {
    struct stage_queue *q = arg;
    struct err e = {.code = 0};
    struct frame *f;
    while (frame_read(q->fd, &f, &e) == 0 && f) {
        struct item *item = calloc(1, sizeof *item);
        if (!item) {
            err_set(&e, ERR_MEMORY, "out of memory: frame queue");
            frame_free(f);
            break;
        }
        bool last = is_last(f);
        item->frame = f;
        put(q, item); /* from here on f belongs to the taker */
        if (last)
            return NULL;
    }
    finish(q, &e);
    return NULL;
}

struct stage_queue *queue_open(int fd, size_t limit) {
    struct stage_queue *q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->fd = fd;
    q->limit = limit;
    q->last = &q->first;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->changed, NULL);
    pthread_t thread;
    if (pthread_create(&thread, NULL, reader, q)) {
        free(q);
        return NULL;
    }
    pthread_detach(thread);
    return q;
}

struct frame *queue_take(struct stage_queue *q, struct err *e) {
    pthread_mutex_lock(&q->lock);
    while (!q->first && !q->finished)
        pthread_cond_wait(&q->changed, &q->lock);
    struct item *item = q->first;
    struct frame *f = NULL;
    if (item) {
        f = item->frame;
        q->first = item->next;
        if (!q->first)
            q->last = &q->first;
        q->bytes -= f->payload_len;
        free(item);
    } else {
        *e = q->err;
    }
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    return f;
}

bool queue_ready(struct stage_queue *q) {
    pthread_mutex_lock(&q->lock);
    bool ready = q->first || q->finished;
    pthread_mutex_unlock(&q->lock);
    return ready;
}
