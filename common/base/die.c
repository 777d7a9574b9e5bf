#include "common/base/die.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
    const char *name;
    void (*hook)(void *, int, const char *);
    void *ctx;
} program = {.name = "omni"};

void die_init(const char *name) {
    program.name = name;
}

const char *die_program(void) {
    return program.name;
}

void die_hook(void (*hook)(void *, int, const char *), void *ctx) {
    program.hook = hook;
    program.ctx = ctx;
}

/* One write, so that the lines of several stages on one terminal do not mix. */
static void say(const char *text) {
    char line[640];
    int n = snprintf(line, sizeof line, "%s: %s\n", program.name, text);
    if (n >= (int)sizeof line)
        n = sizeof line - 1;
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        return; /* nobody listens; the exit code still speaks */
}

/* The first thread to die has the last word; others that want to wait for its end. */
static void be_the_first(void) {
    static atomic_flag dying = ATOMIC_FLAG_INIT;
    static _Thread_local bool first;
    while (!first && atomic_flag_test_and_set(&dying))
        pause();
    first = true;
}

static _Noreturn void leave(int code, const char *text) {
    be_the_first();
    void (*hook)(void *, int, const char *) = program.hook;
    program.hook = NULL;
    if (hook)
        hook(program.ctx, code, text);
    if (code != ERR_PIPE && code != ERR_INTERRUPTED)
        say(text);
    /* _exit: other threads may sit in a read or in a parallel region, and nothing of ours needs
     * atexit handlers (the hook has run, stdout is written with write()). */
    _exit(code);
}

/* One line of what fmt makes. */
static struct err line_of(const char *fmt, va_list ap) {
    struct err e = {.code = 0};
    char text[sizeof e.text];
    vsnprintf(text, sizeof text, fmt, ap);
    err_set(&e, ERR_SOFTWARE, "%s", text);
    return e;
}

void die(int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    struct err e = line_of(fmt, ap);
    va_end(ap);
    leave(code, e.text);
}

void die_err(const struct err *e) {
    leave(e->code, e->text);
}

void die_warn(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    struct err e = line_of(fmt, ap);
    va_end(ap);
    say(e.text);
}
