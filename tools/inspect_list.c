/* inspect_list: frames as JSON lines. The keys of the head come first and as they are, then what
 * the payload holds. */
#include "tools/inspect.h"

#include "common/base/arena.h"
#include "tools/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT = 64 }; /* integer tensors up to this size are shown whole */

/* JSON has no NaN and no infinity: null. */
static json_t *json_number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *json_from(const msgpack_object *o);

/* Objects have names for keys; what is neither text nor an integer is '?'. The caller's to free. */
static char *key_name(const msgpack_object *key) {
    char number[32];
    if (key->type == MSGPACK_OBJECT_STR) {
        json_t *text = json_text(key->via.str.ptr, key->via.str.size);
        char *name = arena_xstrdup(json_string_value(text));
        json_decref(text);
        return name;
    }
    if (key->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
        snprintf(number, sizeof number, "%" PRIu64, key->via.u64);
    else if (key->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
        snprintf(number, sizeof number, "%" PRId64, key->via.i64);
    else
        strcpy(number, "?");
    return arena_xstrdup(number);
}

static json_t *json_from_map(const msgpack_object_map *map) {
    json_t *j = json_object();
    for (uint32_t i = 0; i < map->size; i++) {
        char *name = key_name(&map->ptr[i].key);
        json_object_set_new(j, name, json_from(&map->ptr[i].val));
        free(name);
    }
    return j;
}

static json_t *json_from_array(const msgpack_object_array *array) {
    json_t *j = json_array();
    for (uint32_t i = 0; i < array->size; i++)
        json_array_append_new(j, json_from(&array->ptr[i]));
    return j;
}

/* msgpack-c refuses heads nested deeper than 32, which bounds this recursion. */
static json_t *json_from(const msgpack_object *o) {
    switch (o->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(o->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return o->via.u64 <= INT64_MAX ? json_integer(o->via.i64) : json_real((double)o->via.u64);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(o->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return json_number(o->via.f64);
    case MSGPACK_OBJECT_STR:
        return json_text(o->via.str.ptr, o->via.str.size);
    case MSGPACK_OBJECT_ARRAY:
        return json_from_array(&o->via.array);
    case MSGPACK_OBJECT_MAP:
        return json_from_map(&o->via.map);
    default:
        return json_null(); /* nil, raw bytes, extension types */
    }
}

/* min, max and mean of the finite values, and how many are not. */
static void add_statistics(json_t *j, const struct tensor *t) {
    size_t n = tensor_count(t), n_nan = 0, n_inf = 0;
    double min = INFINITY, max = -INFINITY, sum = 0;
    bool is_int = t->dtype == TENSOR_I32 || t->dtype == TENSOR_U16 || t->dtype == TENSOR_U8;
    for (size_t i = 0; i < n; i++) {
        double x = inspect_value(t->dtype, t->data, i);
        if (!isfinite(x)) {
            n_nan += isnan(x) != 0;
            n_inf += isinf(x) != 0;
            continue;
        }
        min = x < min ? x : min;
        max = x > max ? x : max;
        sum += x;
    }
    size_t finite = n - n_nan - n_inf;
    json_object_set_new(j, "min", is_int && n ? json_integer((json_int_t)min) : json_number(min));
    json_object_set_new(j, "max", is_int && n ? json_integer((json_int_t)max) : json_number(max));
    json_object_set_new(j, "mean", finite ? json_number(sum / (double)finite) : json_null());
    json_object_set_new(j, "nan", json_integer((json_int_t)n_nan));
    json_object_set_new(j, "inf", json_integer((json_int_t)n_inf));
    if (!is_int || n > SHORT)
        return;
    json_t *values = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(values,
                              json_integer((json_int_t)inspect_value(t->dtype, t->data, i)));
    json_object_set_new(j, "values", values);
}

static void add_payload(json_t *j, const struct frame *f) {
    const char *bytes = (const char *)f->payload;
    if (f->kind == FRAME_TENSOR) {
        add_statistics(j, &f->tensor);
    } else if (f->kind == FRAME_TEXT) {
        json_object_set_new(j, "text", json_text(bytes, f->payload_len));
    } else if (f->kind == FRAME_MESSAGE) {
        json_t *message = json_loadb(bytes, f->payload_len, JSON_DECODE_ANY, NULL);
        json_object_set_new(j, "message", message ? message : json_text(bytes, f->payload_len));
    } else if (f->payload_len) {
        json_object_set_new(j, "bytes", json_integer((json_int_t)f->payload_len));
    }
}

static int say_frame(const struct frame *f, struct err *e) {
    json_t *j = json_from(&f->map.data);
    add_payload(j, f);
    /* 9 digits tell every f32 apart. */
    char *line = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(j);
    if (!line)
        return err_set(e, ERR_MEMORY, "out of memory: a frame's line");
    inspect_say(line, e);
    free(line);
    return e->code;
}

int inspect_list(const char *path, struct err *e) {
    struct inspect_stream s;
    struct frame *f;
    if (inspect_open(&s, path, e))
        return e->code;
    while (!inspect_next(&s, &f, e) && f) {
        int failed = say_frame(f, e);
        frame_free(f);
        if (failed)
            break;
    }
    inspect_close(&s);
    return e->code;
}
