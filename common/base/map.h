/* map: a file as memory, read-only. A page that cannot be read when it is touched, because somebody
 * cut the file short or its disk fails, would be a SIGBUS; here it is die(74) with the file's name.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "common/base/err.h"

struct map {
    const char *bytes; /* NULL if there are none */
    size_t size;
    int fd;           /* stays open, for those who would rather pread() */
    struct map *next; /* of all maps that are open */
    char name[];      /* base name of the file */
};

/* 66 missing, 65 no regular file, 71 no room. NULL on failure. Not for several threads at once. */
struct map *map_open(const char *path, struct err *e);
/* NULL is fine. */
void map_close(struct map *m);

#endif
