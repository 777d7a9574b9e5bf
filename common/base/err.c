#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Messages quote file names and foreign data; one line stays one line. */
static void make_printable(char *s) {
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
}

int err_set(struct err *e, int code, const char *fmt, ...) {
    if (e->code)
        return e->code;
    e->code = code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    make_printable(e->text);
    return code;
}

int err_prefix(struct err *e, const char *what) {
    struct err with = {.code = 0};
    err_set(&with, e->code, "%.200s: %s", what, e->text);
    *e = with;
    return e->code;
}
