#include "common/weights/json_read.h"

#include <stdarg.h>
#include <stdio.h>

json_t *json_read_object(const char *data, size_t size, const char *file, struct err *e) {
    json_error_t why;
    json_t *j = json_loadb(data, size, JSON_REJECT_DUPLICATES, &why);
    if (!j) {
        err_set(e, ERR_DATA, "%s: line %d: %s", file, why.line, why.text);
    } else if (!json_is_object(j)) {
        err_set(e, ERR_DATA, "%s: not a JSON object", file);
        json_decref(j);
        j = NULL;
    }
    return j;
}

struct place place_root(const json_t *object, const char *file, struct err *e) {
    struct place p = {.object = object, .err = e};
    snprintf(p.path, sizeof p.path, "%s: ", file);
    return p;
}

struct place place_enter(const struct place *p, const char *key) {
    struct place child = {.object = json_object_get(p->object, key), .err = p->err};
    snprintf(child.path, sizeof child.path, "%.100s%.50s.", p->path, key);
    if (!json_is_object(child.object)) {
        place_fail(p, ERR_DATA, key, place_has(p, key) ? "is not an object" : "is missing");
        child.object = NULL;
    }
    return child;
}

bool place_has(const struct place *p, const char *key) {
    const json_t *v = json_object_get(p->object, key);
    return v && !json_is_null(v);
}

void place_fail(const struct place *p, int code, const char *key, const char *fmt, ...) {
    char what[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    err_set(p->err, code, "%s%s %s", p->path, key, what);
}

static size_t check_size(const struct place *p, const char *key, const json_t *v, size_t min,
                         size_t max) {
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v))
        place_fail(p, ERR_DATA, key, "is not an integer");
    else if (n < 0 || (size_t)n < min || (size_t)n > max)
        place_fail(p, ERR_DATA, key, "is %lld, not in %zu..%zu", (long long)n, min, max);
    else
        return (size_t)n;
    return min;
}

size_t place_size(const struct place *p, const char *key, size_t min, size_t max) {
    if (place_has(p, key))
        return check_size(p, key, json_object_get(p->object, key), min, max);
    place_fail(p, ERR_DATA, key, "is missing");
    return min;
}

size_t place_size_or(const struct place *p, const char *key, size_t otherwise, size_t min,
                     size_t max) {
    return place_has(p, key) ? place_size(p, key, min, max) : otherwise;
}

double place_number_or(const struct place *p, const char *key, double otherwise, double min,
                       double max) {
    if (!place_has(p, key))
        return otherwise;
    const json_t *v = json_object_get(p->object, key);
    double x = json_number_value(v);
    if (!json_is_number(v))
        place_fail(p, ERR_DATA, key, "is not a number");
    else if (!(x >= min && x <= max))
        place_fail(p, ERR_DATA, key, "is %g, not in %g..%g", x, min, max);
    else
        return x;
    return min;
}

bool place_bool_or(const struct place *p, const char *key, bool otherwise) {
    if (!place_has(p, key))
        return otherwise;
    const json_t *v = json_object_get(p->object, key);
    if (!json_is_boolean(v))
        place_fail(p, ERR_DATA, key, "is not true or false");
    return json_is_true(v);
}

const char *place_string(const struct place *p, const char *key) {
    const json_t *v = json_object_get(p->object, key);
    if (place_has(p, key) && !json_is_string(v))
        place_fail(p, ERR_DATA, key, "is not a string");
    return json_string_value(v);
}

size_t place_sizes(const struct place *p, const char *key, size_t *values, size_t max, size_t low,
                   size_t high) {
    const json_t *v = json_object_get(p->object, key);
    size_t n = json_array_size(v);
    if (!place_has(p, key))
        return 0;
    if (!json_is_array(v) || n < 1 || n > max) {
        place_fail(p, ERR_DATA, key, "is not an array of 1 to %zu integers", max);
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        values[i] = check_size(p, key, json_array_get(v, i), low, high);
    return p->err->code ? 0 : n;
}
