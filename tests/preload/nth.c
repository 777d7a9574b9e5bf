/* nth: makes one call fail, for tests. LD_PRELOAD it and set
 *
 *     OMNI_FAIL=alloc:N     the N-th allocation of the program, of jansson or msgpack-c
 *     OMNI_FAIL=read:N      the N-th read from standard input
 *     OMNI_FAIL=write:N     the N-th write to standard output
 *     OMNI_FAIL=pwrite:N    the N-th write to a place in a file
 *
 * Allocations of other libraries are left alone: libgomp, for one, ends the process by itself. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* glibc's own names for what we stand before. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

static atomic_long calls;

/* True when this is the call of `kind` that must fail. */
static int fails(const char *kind) {
    const char *what = getenv("OMNI_FAIL");
    size_t n = strlen(kind);
    if (!what || strncmp(what, kind, n) != 0 || what[n] != ':')
        return 0;
    return atomic_fetch_add(&calls, 1) + 1 == atol(what + n + 1);
}

static int fails_alloc(const void *caller) {
    Dl_info info;
    if (!dladdr(caller, &info) || !info.dli_fname)
        return 0;
    const char *file = info.dli_fname;
    return (strstr(file, "omni-") || strstr(file, "libjansson") || strstr(file, "libmsgpackc")) &&
           fails("alloc");
}

void *malloc(size_t n) {
    if (fails_alloc(__builtin_return_address(0)))
        return NULL;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size) {
    if (fails_alloc(__builtin_return_address(0)))
        return NULL;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n) {
    if (fails_alloc(__builtin_return_address(0)))
        return NULL;
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n) {
    if (fails_alloc(__builtin_return_address(0)))
        return NULL;
    return __libc_memalign(align, n);
}

static void *next(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

ssize_t read(int fd, void *buf, size_t n) {
    ssize_t (*real)(int, void *, size_t);
    *(void **)&real = next("read");
    if (fd == STDIN_FILENO && fails("read")) {
        errno = EIO;
        return -1;
    }
    return real(fd, buf, n);
}

ssize_t write(int fd, const void *buf, size_t n) {
    ssize_t (*real)(int, const void *, size_t);
    *(void **)&real = next("write");
    if (fd == STDOUT_FILENO && fails("write")) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, buf, n);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t);
    *(void **)&real = next("pwrite");
    if (fails("pwrite")) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, buf, n, at);
}

ssize_t writev(int fd, const struct iovec *iov, int n) {
    ssize_t (*real)(int, const struct iovec *, int);
    *(void **)&real = next("writev");
    if (fd == STDOUT_FILENO && fails("write")) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, iov, n);
}
