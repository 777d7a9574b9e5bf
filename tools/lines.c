#include "tools/lines.h"

#include "common/base/die.h"

#include <errno.h>
#include <stdio.h>

bool lines_next(struct text_bytes *line) {
    ssize_t n = getline(&line->data, &line->room, stdin);
    if (n < 0 && !feof(stdin) && errno == ENOMEM)
        die(ERR_MEMORY, "out of memory: a line of standard input");
    if (n < 0 && !feof(stdin))
        die(ERR_IO, "read failed: standard input");
    line->n = n < 0 ? 0 : (size_t)n;
    return n > 0;
}
