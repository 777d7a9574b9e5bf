/* die: the last words of a tool. One line on stderr, "omni-thinker: what is wrong", and an exit
 * code. */
#ifndef BASE_DIE_H
#define BASE_DIE_H

#include "common/base/err.h"

/* Names the program for all messages; call it first in main. name must outlive the program. */
void die_init(const char *name);
const char *die_program(void);

/* Called once before the process exits through die(), so that a stage can still write its `error`
 * frame or remove a partial file. A die() inside the hook exits at once. */
void die_hook(void (*hook)(void *ctx, int code, const char *text), void *ctx);

/* Prints "program: message" and exits with code. ERR_PIPE and ERR_INTERRUPTED exit without a word.
 */
_Noreturn void die(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* die() with what e says. */
_Noreturn void die_err(const struct err *e);

/* Prints "program: message" and goes on. */
void die_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
