/* hollow: pread() finds random bf16 numbers in the holes of a file, for models of random-model
 * --hollow, which are too large to write. LD_PRELOAD it. As blocks of quantised weights
 * (tests/weights/sparse.py) these bytes are wild numbers, but finite ones. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Numbers; odd places in it begin a piece. A prime: no two rows of a matrix are the same, whose
 * logits a sampler would find equal. */
enum { PATTERN = 1048573 };

static uint16_t pattern[PATTERN];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Within -0.02 .. 0.02, about what random-model gives to matrices of 2048 columns. */
static void make_pattern(void) {
    uint32_t random = 1;
    for (size_t i = 0; i < PATTERN; i++) {
        random = random * 1664525 + 1013904223;
        float f = ((float)(random >> 8) * 0x1p-23F - 1) * 0.02F;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        pattern[i] = (uint16_t)(bits >> 16);
    }
}

static void fill(char *to, size_t n, uint64_t at) {
    size_t begin = (at >> 1) * 2654435761u % PATTERN * 2;
    while (n > 0) {
        size_t some = sizeof pattern - begin < n ? sizeof pattern - begin : n;
        memcpy(to, (char *)pattern + begin, some);
        to += some;
        n -= some;
        begin = 0;
    }
}

/* Whether nothing was ever written there. */
static int is_hole(int fd, off_t begin, off_t end) {
    off_t data = lseek(fd, begin, SEEK_DATA);
    return data < 0 ? errno == ENXIO : data >= end;
}

/* Whole pages of a hole are filled; the pages at both ends may have a neighbour's bytes. */
ssize_t pread(int fd, void *buffer, size_t n, off_t offset) {
    ssize_t (*real)(int, void *, size_t, off_t);
    const off_t page = 4096;
    off_t end = offset + (off_t)n, first = (offset + page - 1) / page * page,
          last = end / page * page;
    struct stat st;
    *(void **)&real = dlsym(RTLD_NEXT, "pread");
    if (fstat(fd, &st) || end > st.st_size || first >= last || !is_hole(fd, first, last))
        return real(fd, buffer, n, offset);
    pthread_once(&once, make_pattern);
    fill((char *)buffer + (first - offset), (size_t)(last - first), (uint64_t)first);
    if (real(fd, buffer, (size_t)(first - offset), offset) != first - offset ||
        real(fd, (char *)buffer + (last - offset), (size_t)(end - last), last) != end - last)
        return -1;
    return (ssize_t)n;
}
