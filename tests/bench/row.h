/* row: one measured number, as a line for people on stdout and, if $OMNI_BENCH_ROWS names a file,
 * as a row behind it (tests/bench/results/README says what is in it). */
#ifndef TESTS_BENCH_ROW_H
#define TESTS_BENCH_ROW_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct bench_row {
    const char *bench, *device; /* "linear", "avx512" */
    double value;
    const char *unit;
    double share;        /* of the ceiling; 0: there is none */
    const char *ceiling; /* "read", "fma" */
};

/* fmt names the case. The line says what `more` says, too. */
static inline void bench_row(const struct bench_row *r, const char *more, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static inline void bench_row(const struct bench_row *r, const char *more, const char *fmt, ...) {
    char name[160], value[32], share[32] = "";
    const char *path = getenv("OMNI_BENCH_ROWS");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    snprintf(value, sizeof value, r->value < 1000 ? "%.4g" : "%.0f", r->value);
    if (r->share > 0)
        snprintf(share, sizeof share, "%4.0f %% of %s", 100 * r->share, r->ceiling);
    printf("%-10s %8s %-8s %s%-14s  %s %s\n", r->device, value, r->unit, more, share, r->bench,
           name);
    fflush(stdout);
    FILE *table = path ? fopen(path, "a") : NULL;
    if (!table)
        return;
    fprintf(table, "%s\t%s\t%s\t%s\t%s\t", r->bench, name, r->device, value, r->unit);
    if (r->share > 0)
        fprintf(table, "%.0f\t%s\n", 100 * r->share, r->ceiling);
    else
        fprintf(table, "\t\n");
    fclose(table);
}

#endif
