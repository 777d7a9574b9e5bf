/* lines: standard input, line by line. */
#ifndef TOOLS_LINES_H
#define TOOLS_LINES_H

#include "common/text/bytes.h"

#include <stdbool.h>

/* The next line with the newline that ends it, and a 0 byte behind; false if there is none. Dies
 * 74, or 71 where a line is longer than memory. */
bool lines_next(struct text_bytes *line);

#endif
