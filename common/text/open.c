#include "common/text/tokenizer.h"

#include "common/wire/io.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Larger files are no tokenizers. */
enum { MAX_FILE = 256 << 20 };

/* A file that does not exist leaves *f as it is. */
static int load(struct text_file *f, const char *dir, const char *name, struct err *e) {
    char path[PATH_MAX], *data;
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return err_set(e, ERR_NOINPUT, "%.300s/%s: the path is too long", dir, name);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return 0;
    int code = io_read_file(&data, &f->n, path, MAX_FILE, e);
    f->data = data;
    return code;
}

static int open_gguf(struct text_tokenizer **t, const char *path, struct err *e) {
    struct gguf_set set;
    if (gguf_set_open(&set, path, e) == 0) {
        const struct gguf_file *g = gguf_set_find(&set, "tokenizer.ggml.tokens");
        if (!g)
            err_set(e, ERR_NOINPUT, "%.300s: no tokenizer in it (tokenizer.ggml.tokens)", path);
        else if (text_parse_gguf(t, g, e))
            err_prefix(e, g->name);
    }
    gguf_set_close(&set);
    return e->code;
}

/* True if the directory has a tokenizer in files of its own. */
static bool has_files(const char *dir) {
    static const char *const names[] = {"tokenizer.json", "vocab.json"};
    char path[PATH_MAX];
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

int text_open(struct text_tokenizer **t, const char *path, struct err *e) {
    *t = NULL;
    if (!has_files(path) && gguf_set_exists(path))
        return open_gguf(t, path, e);
    struct text_files f = {0};
    if (load(&f.tokenizer_json, path, "tokenizer.json", e) == 0 &&
        load(&f.vocab_json, path, "vocab.json", e) == 0 &&
        load(&f.merges_txt, path, "merges.txt", e) == 0 &&
        load(&f.config_json, path, "tokenizer_config.json", e) == 0 && text_parse(t, &f, e) != 0)
        err_prefix(e, path);
    free((char *)f.tokenizer_json.data);
    free((char *)f.vocab_json.data);
    free((char *)f.merges_txt.data);
    free((char *)f.config_json.data);
    return e->code;
}
