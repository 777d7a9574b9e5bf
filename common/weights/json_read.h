/* json_read: JSON (parsed by jansson) and typed values with limits.
 *
 * A `struct place` is one object of a document together with the path that led there, so that every
 * complaint can say where: "config.json: thinker_config.text_config.hidden_size is missing".
 * The getters follow the err rule "the first failure wins": after a failure they return the lowest
 * allowed value and the caller checks err->code once at the end. */
#ifndef WEIGHTS_JSON_READ_H
#define WEIGHTS_JSON_READ_H

#include "common/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Parses bytes that must be one JSON object; file only names them in messages. NULL and 65 if not.
 */
json_t *json_read_object(const char *data, size_t size, const char *file, struct err *e);

struct place {
    const json_t *object; /* NULL after a failure */
    char path[160];       /* "config.json: " or "config.json: thinker_config." */
    struct err *err;
};

/* The document's outermost object. */
struct place place_root(const json_t *object, const char *file, struct err *e);
/* The object under key; 65 if missing or no object. */
struct place place_enter(const struct place *p, const char *key);
/* True if key is there and not null. */
bool place_has(const struct place *p, const char *key);

/* Complains about key: "PATH.KEY " and the rest. */
void place_fail(const struct place *p, int code, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* An integer in [min, max]; 65 if it is anything else. The _or forms return the default when key is
 * missing or null. */
size_t place_size(const struct place *p, const char *key, size_t min, size_t max);
size_t place_size_or(const struct place *p, const char *key, size_t otherwise, size_t min,
                     size_t max);
double place_number_or(const struct place *p, const char *key, double otherwise, double min,
                       double max);
bool place_bool_or(const struct place *p, const char *key, bool otherwise);
/* NULL if missing; 65 if no string. */
const char *place_string(const struct place *p, const char *key);
/* Fills values[0..n) from an array of 1 to max integers, each in [low, high]; returns n, or 0 if
 * key is missing or wrong. */
size_t place_sizes(const struct place *p, const char *key, size_t *values, size_t max, size_t low,
                   size_t high);

#endif
