#include "common/weights/ahead.h"

#include "common/base/arena.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void ahead_init(struct ahead *a) {
    *a = (struct ahead){.n = 0};
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->more, NULL);
}

static void ask(const struct ahead_part *p) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)p->at / page * page;
    /* Advice only: without it the pages come in on demand. */
    madvise((void *)begin, (uintptr_t)p->at + p->bytes - begin, MADV_WILLNEED);
}

static void *work(void *ctx) {
    struct ahead *a = ctx;
    pthread_mutex_lock(&a->lock);
    while (!a->over) {
        if (a->done == a->n) {
            pthread_cond_wait(&a->more, &a->lock);
            continue;
        }
        struct ahead_part part = a->parts[a->done++];
        pthread_mutex_unlock(&a->lock);
        ask(&part);
        pthread_mutex_lock(&a->lock);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* Signals are for the threads that were there before. */
static bool start(struct ahead *a) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool running = pthread_create(&a->thread, NULL, work, a) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return running;
}

void ahead_ask(struct ahead *a, const void *at, size_t bytes) {
    pthread_mutex_lock(&a->lock);
    if (a->n == a->room) {
        a->room = a->room ? 2 * a->room : 1024;
        a->parts = arena_xrealloc(a->parts, a->room, sizeof *a->parts);
    }
    a->parts[a->n++] = (struct ahead_part){at, bytes};
    a->running = a->running || start(a);
    pthread_cond_signal(&a->more);
    pthread_mutex_unlock(&a->lock);
}

void ahead_stop(struct ahead *a) {
    pthread_mutex_lock(&a->lock);
    a->over = true;
    pthread_cond_signal(&a->more);
    pthread_mutex_unlock(&a->lock);
    if (a->running)
        pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->more);
    pthread_mutex_destroy(&a->lock);
    free(a->parts);
}
