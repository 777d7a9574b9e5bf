/* err: how library code reports failure. A function that can fail takes a `struct err *`, fills
 * it and returns its code (a sysexits value, 0 = fine). Only a tool's main turns it into an exit.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

/* Exit codes beyond <sysexits.h> that omni uses. */
enum {
    ERR_USAGE = 64,       /* bad command line */
    ERR_DATA = 65,        /* bad value in the data */
    ERR_NOINPUT = 66,     /* file missing or unreadable */
    ERR_UNAVAILABLE = 69, /* no usable device, or device lost */
    ERR_SOFTWARE = 70,    /* our bug */
    ERR_MEMORY = 71,      /* host or device memory is exhausted */
    ERR_CANTCREAT = 73,   /* cannot create output */
    ERR_IO = 74,          /* read or write failed */
    ERR_PROTOCOL = 76,    /* stream broke its protocol */
    ERR_CONFIG = 78,      /* config of an unsupported model */
    ERR_INTERRUPTED = 130,
    ERR_PIPE = 141, /* our reader is gone; never reported in words */
};

struct err {
    int code; /* 0: no error */
    char text[480];
};

/* Sets e to code and a one-line message (control characters are made '?'), returns code.
 * The first failure wins: an err that is already set is left as it is. e must not be NULL. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "what: " in front of the message, for callers that know the file or the frame. */
int err_prefix(struct err *e, const char *what);

#endif
