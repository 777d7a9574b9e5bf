/* How far the work is, and how long it will still take. */
#include "common/base/clock.h"
#include "tools/quantize.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 24 }; /* of the bar */

static const double every = .2; /* seconds */

static void say_time(char *text, size_t size, double seconds) {
    long s = (long)(seconds + .5);
    if (s >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
}

/* The last part of a path. */
static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void quantize_progress(struct quantize_work *work, const char *file) {
    double now = clock_now(), share = (double)work->done / (double)work->all;
    char left[64], bar[WIDTH + 1];
    size_t full = (size_t)(share * WIDTH);
    if (!work->shows || (now - work->shown < every && work->done < work->all))
        return;
    work->shown = now;
    memset(bar, '.', WIDTH);
    memset(bar, '#', full < WIDTH ? full : WIDTH);
    bar[WIDTH] = 0;
    say_time(left, sizeof left, (now - work->started) * (1 / share - 1));
    fprintf(stderr, "\r%s [%s] %3.0f %%  %.1f of %.1f GB  %s left \033[K", base_name(file), bar,
            100 * share, 1e-9 * (double)work->done, 1e-9 * (double)work->all, left);
}

void quantize_progress_end(const struct quantize_work *work) {
    if (work->shows)
        fprintf(stderr, "\r\033[K");
}
