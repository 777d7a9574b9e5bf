/* ahead: parts of mapped files are read before they are touched. A thread asks for them one after
 * the other, as asking takes as long as reading when there is much of it; who maps does not wait.
 */
#ifndef WEIGHTS_AHEAD_H
#define WEIGHTS_AHEAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct ahead {
    pthread_mutex_t lock;
    pthread_cond_t more;
    pthread_t thread;
    bool running, over;
    struct ahead_part {
        const void *at;
        size_t bytes;
    } * parts; /* still to be asked for: [done, n) */
    size_t done, n, room;
};

void ahead_init(struct ahead *a);
/* bytes from `at` on, mapped until ahead_stop(). A wish: without a thread nothing is done. */
void ahead_ask(struct ahead *a, const void *at, size_t bytes);
/* What has not been asked for by now is not wanted any more. */
void ahead_stop(struct ahead *a);

#endif
