/* json_text: bytes from a stream as a JSON string. */
#ifndef TOOLS_JSON_TEXT_H
#define TOOLS_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* What is no UTF-8 becomes U+FFFD: strings of a stream are whatever bytes somebody wrote. A new
 * reference. */
json_t *json_text(const char *s, size_t n);

#endif
