/* inspect_model: a checkpoint held against the list of what its config.json promises. */
#include "common/base/arena.h"
#include "common/weights/expect.h"
#include "common/weights/weights.h"
#include "tools/inspect.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
    const struct weights *weights;
    size_t n_weights;
    bool *known; /* for each tensor of the checkpoint: some component expects it */
    /* of the component at hand */
    const char *component;
    size_t expected, found, parameters, bytes, missing, wrong;
    json_t *dtypes, *problems;
    /* of all */
    size_t all_found, all_parameters, all_bytes;
    bool broken;
};

static int say_json(json_t *j, struct err *e) {
    char *line = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    if (!line)
        return err_set(e, ERR_MEMORY, "out of memory: a line of the report");
    inspect_say(line, e);
    free(line);
    return e->code;
}

static void set_size(json_t *j, const char *key, size_t value) {
    json_object_set_new(j, key, json_integer((json_int_t)value));
}

static json_t *json_shape(const size_t *shape, size_t rank) {
    json_t *j = json_array();
    for (size_t i = 0; i < rank; i++)
        json_array_append_new(j, json_integer((json_int_t)shape[i]));
    return j;
}

static json_t *problem(const char *what, const char *component, const char *name) {
    json_t *j = json_object();
    json_object_set_new(j, "problem", json_string(what));
    if (component)
        json_object_set_new(j, "component", json_string(component));
    json_object_set_new(j, "tensor", json_string(name));
    return j;
}

/* The names are sorted: binary search over weights_name(). */
static bool find(const struct check *c, const char *name, size_t *at, struct tensor *t) {
    size_t low = 0, high = c->n_weights;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(weights_name(c->weights, middle, t), name);
        if (order == 0) {
            *at = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void count_dtype(json_t *dtypes, const char *dtype) {
    json_int_t n = json_integer_value(json_object_get(dtypes, dtype));
    json_object_set_new(dtypes, dtype, json_integer(n + 1));
}

static void check_tensor(void *ctx, const char *name, const size_t *shape) {
    struct check *c = ctx;
    size_t at, rank = 0;
    struct tensor t;
    while (shape[rank])
        rank++;
    c->expected++;
    if (!find(c, name, &at, &t)) {
        json_t *j = problem("missing", c->component, name);
        json_object_set_new(j, "expected", json_shape(shape, rank));
        json_array_append_new(c->problems, j);
        c->missing++;
        return;
    }
    c->known[at] = true;
    c->found++;
    c->parameters += tensor_count(&t);
    c->bytes += weights_bytes(c->weights, at);
    count_dtype(c->dtypes, weights_dtype(c->weights, at));
    bool same_shape = weights_has_shape(c->weights, at, shape, rank);
    if (same_shape && weights_usable(c->weights, at))
        return;
    json_t *j = problem(same_shape ? "dtype" : "misshapen", c->component, name);
    json_object_set_new(j, "dtype", json_string(weights_dtype(c->weights, at)));
    json_object_set_new(j, "shape", json_shape(t.shape, t.rank));
    json_object_set_new(j, "expected", json_shape(shape, rank));
    json_object_set_new(j, "file", json_string(weights_file(c->weights, at)));
    json_array_append_new(c->problems, j);
    c->wrong++;
}

static int say_component(struct check *c, struct err *e) {
    bool complete = !c->missing && !c->wrong;
    json_t *j = json_object();
    json_object_set_new(j, "component", json_string(c->component));
    json_object_set_new(j, "state",
                        json_string(!c->found  ? "absent"
                                    : complete ? "complete"
                                               : "incomplete"));
    set_size(j, "tensors", c->found);
    set_size(j, "expected", c->expected);
    set_size(j, "parameters", c->parameters);
    set_size(j, "bytes", c->bytes);
    json_object_set(j, "dtypes", c->dtypes);
    say_json(j, e);
    if (!c->found)
        return e->code;
    c->broken = c->broken || !complete;
    for (size_t i = 0; i < json_array_size(c->problems) && !e->code; i++)
        say_json(json_incref(json_array_get(c->problems, i)), e);
    return e->code;
}

static int check_component(struct check *c, const struct config *config,
                           enum expect_component which, struct err *e) {
    c->component = expect_name(which);
    c->expected = c->found = c->parameters = c->bytes = c->missing = c->wrong = 0;
    c->dtypes = json_object();
    c->problems = json_array();
    expect_tensors(config, which, check_tensor, c);
    c->all_found += c->found;
    c->all_parameters += c->parameters;
    c->all_bytes += c->bytes;
    say_component(c, e);
    json_decref(c->dtypes);
    json_decref(c->problems);
    return e->code;
}

static int say_unexpected(const struct check *c, struct err *e) {
    struct tensor t;
    for (size_t i = 0; i < c->n_weights && !e->code; i++) {
        if (c->known[i])
            continue;
        json_t *j = problem("unexpected", NULL, weights_name(c->weights, i, &t));
        json_object_set_new(j, "dtype", json_string(weights_dtype(c->weights, i)));
        json_object_set_new(j, "shape", json_shape(t.shape, t.rank));
        json_object_set_new(j, "file", json_string(weights_file(c->weights, i)));
        say_json(j, e);
    }
    return e->code;
}

static int say_total(const struct check *c, const struct config *config, struct err *e) {
    char hash[17];
    json_t *j = json_object();
    snprintf(hash, sizeof hash, "%016" PRIx64, config->hash);
    json_object_set_new(j, "model", json_string(config->model));
    json_object_set_new(j, "hash", json_string(hash));
    set_size(j, "tensors", c->all_found);
    set_size(j, "parameters", c->all_parameters);
    set_size(j, "bytes", c->all_bytes);
    return say_json(j, e);
}

static int check_all(const struct weights *w, const struct config *config, struct err *e) {
    struct check c = {.weights = w};
    struct tensor t;
    while (weights_name(w, c.n_weights, &t))
        c.n_weights++;
    c.known = arena_xrealloc(NULL, c.n_weights, sizeof *c.known);
    memset(c.known, 0, c.n_weights * sizeof *c.known);
    for (enum expect_component i = 0; i < EXPECT_COMPONENTS && !e->code; i++)
        check_component(&c, config, i, e);
    if (!e->code && !say_unexpected(&c, e) && !say_total(&c, config, e) && c.broken)
        err_set(e, ERR_DATA, "%s: a component of this model is incomplete", config->model);
    free(c.known);
    return e->code;
}

int inspect_model(const char *dir, struct err *e) {
    struct config config;
    struct weights *w = NULL;
    if (!config_load(&config, dir, e) && !weights_open(&w, dir, e))
        check_all(w, &config, e);
    weights_close(w);
    config_free(&config);
    return e->code;
}
