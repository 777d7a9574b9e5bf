/* How far a file is, and how long it will still take. */
#include "common/base/clock.h"
#include "tools/quantize.h"

#include <stdio.h>

static const double every = .2; /* seconds */

static void say_time(char *text, size_t size, double seconds) {
    long s = (long)(seconds + .5);
    if (s >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
}

void quantize_progress_begin(struct quantize_file *f) {
    f->started = clock_now();
    f->shown = 0;
}

void quantize_progress(struct quantize_file *f) {
    double now = clock_now(), spent = now - f->started, share = (double)f->done / (double)f->all;
    char left[64];
    if (!f->shows || (now - f->shown < every && f->done < f->all))
        return;
    f->shown = now;
    say_time(left, sizeof left, spent / share - spent);
    fprintf(stderr, "\r%s: %3.0f %%  %.1f of %.1f GB  %s left \033[K", f->writer.path, 100 * share,
            1e-9 * (double)f->done, 1e-9 * (double)f->all, left);
}

void quantize_progress_end(const struct quantize_file *f) {
    if (f->shows)
        fprintf(stderr, "\r\033[K");
}
