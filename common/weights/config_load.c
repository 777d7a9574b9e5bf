/* The config of a directory or of GGUF files: finding it, and reading what lies beside it. */
#include "common/base/arena.h"
#include "common/weights/config.h"
#include "common/weights/gguf_config.h"
#include "common/wire/io.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FILE = 16 << 20 };

static uint64_t fnv1a(const char *data, size_t size) {
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)data[i]) * 0x100000001b3;
    return h;
}

/* Base name of the directory, also of "." and "..". */
static char *model_name(const char *dir) {
    char real[PATH_MAX];
    const char *path = realpath(dir, real) ? real : dir;
    const char *slash = strrchr(path, '/');
    return arena_xstrdup(slash && slash[1] ? slash + 1 : path);
}

static int load_file(struct config *c, const char *dir, const char *file, struct err *e,
                     int (*parse)(struct config *, const char *, size_t, struct err *)) {
    char path[PATH_MAX], *json;
    size_t size;
    if (snprintf(path, sizeof path, "%s/%s", dir, file) >= PATH_MAX)
        return err_set(e, ERR_NOINPUT, "%.100s...: name too long", dir);
    if (io_read_file(&json, &size, path, MAX_FILE, e))
        return e->code;
    if (parse == config_parse)
        c->hash = fnv1a(json, size);
    parse(c, json, size, e);
    free(json);
    return e->code;
}

/* A directory without config.json, or a file. */
static bool is_gguf(const char *path) {
    char config[PATH_MAX];
    snprintf(config, sizeof config, "%s/config.json", path);
    return access(config, F_OK) != 0 && gguf_set_exists(path);
}

static int load_gguf(struct config *c, const char *path, struct err *e) {
    struct gguf_set set;
    struct gguf_string text;
    char *json = NULL;
    size_t size;
    if (!gguf_set_open(&set, path, e) && !gguf_config(&set, &json, &size, &c->assumed, e)) {
        c->hash = fnv1a(json, size);
        config_parse(c, json, size, e);
        const struct gguf_file *g = gguf_set_find(&set, GGUF_KEY_GENERATION);
        if (!e->code && g && !gguf_text(g, GGUF_KEY_GENERATION, &text))
            err_set(e, ERR_DATA, "%s: " GGUF_KEY_GENERATION " is no text", g->name);
        else if (!e->code && g)
            config_parse_sampling(c, text.data, text.n, e);
    }
    free(json);
    gguf_set_close(&set);
    return e->code;
}

int config_load(struct config *c, const char *path, struct err *e) {
    *c = (struct config){.model = model_name(path)};
    c->thinker_sampling = (struct config_sampling){NAN, NAN, NAN, -1, -1};
    c->talker_sampling = c->thinker_sampling;
    if (is_gguf(path))
        return load_gguf(c, path, e);
    if (load_file(c, path, "config.json", e, config_parse))
        return e->code;
    struct err missing = {.code = 0};
    if (load_file(c, path, "generation_config.json", &missing, config_parse_sampling) &&
        missing.code != ERR_NOINPUT)
        *e = missing;
    return e->code;
}
