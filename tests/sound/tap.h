/* tap: lines of the Test Anything Protocol, for the sound tests. */
#ifndef TESTS_SOUND_TAP_H
#define TESTS_SOUND_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

struct tap {
    int n, failed;
};

__attribute__((format(printf, 3, 4))) static inline void tap_ok(struct tap *t, bool ok,
                                                                const char *fmt, ...) {
    va_list ap;
    t->failed += !ok;
    printf("%sok %d - ", ok ? "" : "not ", ++t->n);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

/* Prints the plan; the exit status. */
static inline int tap_end(const struct tap *t) {
    printf("1..%d\n", t->n);
    return t->failed != 0;
}

#endif
