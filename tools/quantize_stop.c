/* A signal stops the work, and the file that was being written is removed. */
#include "tools/quantize.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
static struct quantize_work *stoppable;

/* The next one ends the program at once. */
static void on_signal(int number) {
    stoppable->stop = number;
}

void quantize_catch(struct quantize_work *work) {
    stoppable = work;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction old,
            act = {.sa_handler = on_signal, .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
        sigaction(signals[i], NULL, &old);
        if (old.sa_handler != SIG_IGN)
            sigaction(signals[i], &act, NULL);
    }
}

void quantize_stopped(const struct quantize_work *work) {
    signal(work->stop, SIG_DFL);
    raise(work->stop);
}
