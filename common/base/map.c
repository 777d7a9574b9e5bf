#include "common/base/map.h"

#include "common/base/arena.h"
#include "common/base/die.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The signal handler has no other way to know them. */
static struct map *maps;

static const struct map *find(const void *address) {
    const struct map *m = maps;
    while (m && (uintptr_t)address - (uintptr_t)m->bytes >= m->size)
        m = m->next;
    return m;
}

/* The signal is raised by the very instruction that reads from the map, not at some odd moment
 * inside malloc() or a write, so a die() with all its hooks is safe. */
static void on_sigbus(int sig, siginfo_t *info, void *context) {
    const struct map *m = find(info->si_addr);
    (void)context;
    if (!m) {
        signal(sig, SIG_DFL); /* not ours: it happens again, and then ends as it always did */
        return;
    }
    die(ERR_IO, "%s: cannot be read any more: cut short while in use, or the disk failed", m->name);
}

static struct map *add(const char *path, int fd, void *bytes, size_t size) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name) + 1;
    struct map *m = arena_xrealloc(NULL, 1, sizeof *m + length);
    *m = (struct map){.bytes = bytes, .size = size, .fd = fd, .next = maps};
    memcpy(m->name, name, length);
    struct sigaction act = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &act, NULL);
    return maps = m;
}

struct map *map_open(const char *path, struct err *e) {
    struct stat st;
    struct map *m = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        err_set(e, ERR_NOINPUT, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        err_set(e, ERR_DATA, "%s: not a regular file", path);
    } else {
        size_t size = (size_t)st.st_size;
        void *bytes = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
        if (bytes == MAP_FAILED)
            err_set(e, errno == ENOMEM ? ERR_MEMORY : ERR_IO, "%s: cannot map: %s", path,
                    strerror(errno));
        else
            m = add(path, fd, bytes, size);
    }
    if (fd >= 0 && !m)
        close(fd);
    return m;
}

void map_close(struct map *m) {
    if (!m)
        return;
    struct map **at = &maps;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    if (m->bytes)
        munmap((void *)m->bytes, m->size);
    close(m->fd);
    free(m);
}
