/* The files of a tokenizer, read into struct text_tokenizer. */
#include "common/base/arena.h"
#include "common/text/tokenizer_impl.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int broken(struct err *e, const char *what) {
    return err_set(e, ERR_DATA, "%s", what);
}

static int parse_json(json_t **json, const struct text_file *f, struct err *e) {
    json_error_t why;
    *json = json_loadb(f->data, f->n, JSON_REJECT_DUPLICATES, &why);
    if (*json)
        return 0;
    if (json_error_code(&why) == json_error_out_of_memory)
        return err_set(e, ERR_MEMORY, "out of memory: JSON of %zu bytes", f->n);
    return err_set(e, ERR_DATA, "line %d: %s", why.line, why.text);
}

/* ---- vocabulary and merges ---- */

static int add_vocab(struct text_vocab *v, json_t *vocab, struct err *e) {
    if (!json_is_object(vocab))
        return broken(e, "the vocabulary is no JSON object");
    const char *name;
    json_t *id;
    json_object_foreach(vocab, name, id) {
        if (!json_is_integer(id))
            return err_set(e, ERR_DATA, "token '%.64s': the id is no whole number", name);
        if (text_vocab_add(v, name, strlen(name), json_integer_value(id), e))
            return e->code;
    }
    return 0;
}

/* One merge as text: two names with a blank between them. */
static int add_merge_line(struct text_vocab *v, const char *line, size_t n, struct err *e) {
    const char *blank = memchr(line, ' ', n), *end = line + n;
    if (!blank || memchr(blank + 1, ' ', (size_t)(end - blank) - 1))
        return err_set(e, ERR_DATA, "merge %zu is not two tokens: '%.*s'", v->n_merges + 1,
                       n < 64 ? (int)n : 64, line);
    return text_vocab_merge(v, line, (size_t)(blank - line), blank + 1, (size_t)(end - blank) - 1,
                            e);
}

/* merges.txt: a line "#version...", then a merge a line. */
static int add_merges_text(struct text_vocab *v, const struct text_file *f, struct err *e) {
    const char *end = f->data + f->n;
    for (const char *line = f->data, *next; line < end; line = next) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        next = stop ? stop + 1 : end;
        size_t n = (size_t)((stop ? stop : end) - line);
        if (n > 0 && line[n - 1] == '\r')
            n--;
        bool header = line == f->data && n >= 8 && memcmp(line, "#version", 8) == 0;
        if (n > 0 && !header && add_merge_line(v, line, n, e))
            return e->code;
    }
    return 0;
}

/* model.merges of tokenizer.json: each "a b" or ["a", "b"]. */
static int add_merges_json(struct text_vocab *v, json_t *merges, struct err *e) {
    if (!json_is_array(merges))
        return broken(e, "model.merges is no list");
    size_t i;
    json_t *m;
    json_array_foreach(merges, i, m) {
        const char *left = json_string_value(json_array_get(m, 0));
        const char *right = json_string_value(json_array_get(m, 1));
        if (json_is_string(m)) {
            if (add_merge_line(v, json_string_value(m), json_string_length(m), e))
                return e->code;
        } else if (!left || !right || json_array_size(m) != 2) {
            return err_set(e, ERR_DATA, "merge %zu is not two tokens", i + 1);
        } else if (text_vocab_merge(v, left, strlen(left), right, strlen(right), e)) {
            return e->code;
        }
    }
    return 0;
}

/* ---- added tokens ---- */

static int get_flag(json_t *token, const char *key, bool *flag, struct err *e) {
    json_t *value = json_object_get(token, key);
    if (value && !json_is_boolean(value))
        return err_set(e, ERR_DATA, "added token: '%s' is neither true nor false", key);
    *flag = json_is_true(value);
    return 0;
}

static int get_flags(json_t *token, struct text_added *a, struct err *e) {
    if (get_flag(token, "special", &a->special, e) || get_flag(token, "lstrip", &a->lstrip, e) ||
        get_flag(token, "rstrip", &a->rstrip, e) ||
        get_flag(token, "single_word", &a->single_word, e) ||
        get_flag(token, "normalized", &a->normalized, e))
        return e->code;
    /* `tokenizers`, AddedToken: only special tokens are looked for as they are. */
    if (!json_object_get(token, "normalized"))
        a->normalized = !a->special;
    return 0;
}

static bool is_added(const struct text_tokenizer *t, const struct text_added *a) {
    const struct text_added_set *sets[] = {&t->literal, &t->normalized};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < sets[k]->n; i++)
            if (sets[k]->tokens[i].n == a->n &&
                memcmp(sets[k]->tokens[i].content, a->content, a->n) == 0)
                return true;
    return false;
}

/* Gives the token its name in the vocabulary, if it is not there already. */
static int name_added(struct text_vocab *v, const struct text_added *a, struct err *e) {
    if (text_vocab_find(v, a->content, a->n) == a->id)
        return 0;
    return text_vocab_add(v, a->content, a->n, a->id, e);
}

static int add_added(struct text_tokenizer *t, json_t *token, int64_t id, struct err *e) {
    json_t *content = json_object_get(token, "content");
    if (!json_is_string(content) || json_string_length(content) == 0)
        return err_set(e, ERR_DATA, "added token %lld has no content", (long long)id);
    if (id < 0 || id >= TEXT_MAX_ID)
        return err_set(e, ERR_DATA, "added token '%.64s': id %lld is not in 0..%d",
                       json_string_value(content), (long long)id, TEXT_MAX_ID - 1);
    struct text_added a = {.content = (char *)json_string_value(content),
                           .n = json_string_length(content),
                           .id = (int32_t)id};
    if (get_flags(token, &a, e) || name_added(&t->vocab, &a, e))
        return e->code;
    if (is_added(t, &a))
        return 0;
    const char *normal = a.content;
    if (a.normalized && t->nfc)
        normal = text_nfc(&t->normalizer, a.content, &a.n);
    a.content = (char *)normal;
    text_added_add(a.normalized ? &t->normalized : &t->literal, &a);
    return 0;
}

/* added_tokens of tokenizer.json: a list of objects with `id`. */
static int add_added_list(struct text_tokenizer *t, json_t *list, struct err *e) {
    size_t i;
    json_t *token;
    if (list && !json_is_null(list) && !json_is_array(list))
        return broken(e, "added_tokens is no list");
    json_array_foreach(list, i, token) {
        json_t *id = json_object_get(token, "id");
        if (!json_is_integer(id))
            return err_set(e, ERR_DATA, "added token %zu has no id", i);
        if (add_added(t, token, json_integer_value(id), e))
            return e->code;
    }
    return 0;
}

/* added_tokens_decoder of tokenizer_config.json: objects by id. */
static int add_added_decoder(struct text_tokenizer *t, json_t *decoder, struct err *e) {
    const char *key;
    json_t *token;
    if (decoder && !json_is_null(decoder) && !json_is_object(decoder))
        return broken(e, "added_tokens_decoder is no object");
    json_object_foreach(decoder, key, token) {
        char *end;
        long long id = strtoll(key, &end, 10);
        if (end == key || *end)
            return err_set(e, ERR_DATA, "added_tokens_decoder: '%.64s' is no id", key);
        if (add_added(t, token, id, e))
            return e->code;
    }
    return 0;
}

static int parse_config(struct text_tokenizer *t, const struct text_file *f, struct err *e) {
    json_t *json;
    if (!f->data)
        return 0;
    if (parse_json(&json, f, e) == 0) {
        if (json_is_object(json))
            add_added_decoder(t, json_object_get(json, "added_tokens_decoder"), e);
        else
            broken(e, "no JSON object");
        json_decref(json);
    }
    return e->code ? err_prefix(e, "tokenizer_config.json") : 0;
}

/* ---- vocab.json and merges.txt ---- */

static int parse_vocab(struct text_tokenizer *t, const struct text_file *f, struct err *e) {
    json_t *json;
    if (parse_json(&json, f, e) == 0) {
        if (add_vocab(&t->vocab, json, e) == 0)
            text_vocab_finish(&t->vocab, e);
        json_decref(json);
    }
    return e->code ? err_prefix(e, "vocab.json") : 0;
}

static int parse_pair(struct text_tokenizer *t, const struct text_files *f, struct err *e) {
    if (!f->vocab_json.data || !f->merges_txt.data)
        return err_set(e, ERR_NOINPUT, "no tokenizer.json, and no vocab.json with merges.txt");
    t->nfc = true;
    if (parse_vocab(t, &f->vocab_json, e))
        return e->code;
    if (add_merges_text(&t->vocab, &f->merges_txt, e))
        return err_prefix(e, "merges.txt");
    return text_split_open(&t->split, text_split_qwen, e);
}

/* ---- tokenizer.json ---- */

static bool has_type(json_t *o, const char *type) {
    const char *is = json_string_value(json_object_get(o, "type"));
    return is && strcmp(is, type) == 0;
}

static int unsupported(struct err *e, const char *part) {
    return err_set(e, ERR_CONFIG, "%s is not the one of a Qwen tokenizer", part);
}

static bool is_empty(json_t *o) {
    return !o || json_is_null(o) || (json_is_string(o) && json_string_length(o) == 0);
}

static int parse_model(struct text_tokenizer *t, json_t *model, struct err *e) {
    if (!json_is_object(model))
        return broken(e, "no model");
    if (json_object_get(model, "type") && !has_type(model, "BPE"))
        return unsupported(e, "model.type");
    if (!is_empty(json_object_get(model, "continuing_subword_prefix")) ||
        !is_empty(json_object_get(model, "end_of_word_suffix")) ||
        !is_empty(json_object_get(model, "dropout")) ||
        json_is_true(json_object_get(model, "byte_fallback")))
        return unsupported(e, "model");
    t->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
    if (add_vocab(&t->vocab, json_object_get(model, "vocab"), e) || text_vocab_finish(&t->vocab, e))
        return e->code;
    return add_merges_json(&t->vocab, json_object_get(model, "merges"), e);
}

static int parse_normalizer(struct text_tokenizer *t, json_t *normalizer, struct err *e) {
    t->nfc = has_type(normalizer, "NFC");
    return t->nfc || is_empty(normalizer) ? 0 : unsupported(e, "normalizer");
}

/* A sequence of: Split by a pattern, matches and gaps being pieces; ByteLevel that does not split
 * again. */
static int parse_pre_tokenizer(struct text_tokenizer *t, json_t *pre, struct err *e) {
    json_t *list = json_object_get(pre, "pretokenizers");
    json_t *split = json_array_get(list, 0), *bytes = json_array_get(list, 1);
    json_t *pattern = json_object_get(json_object_get(split, "pattern"), "Regex");
    const char *behavior = json_string_value(json_object_get(split, "behavior"));
    if (!has_type(pre, "Sequence") || json_array_size(list) != 2 || !has_type(split, "Split") ||
        !has_type(bytes, "ByteLevel") || !json_is_string(pattern) || !behavior ||
        strcmp(behavior, "Isolated") != 0 || json_is_true(json_object_get(split, "invert")) ||
        !json_is_false(json_object_get(bytes, "add_prefix_space")) ||
        !json_is_false(json_object_get(bytes, "use_regex")))
        return unsupported(e, "pre_tokenizer");
    return text_split_open(&t->split, json_string_value(pattern), e);
}

static int parse_parts(struct text_tokenizer *t, json_t *json, struct err *e) {
    if (!json_is_object(json))
        return broken(e, "no JSON object");
    json_t *post = json_object_get(json, "post_processor");
    if (!is_empty(post) && !has_type(post, "ByteLevel"))
        return unsupported(e, "post_processor");
    if (!has_type(json_object_get(json, "decoder"), "ByteLevel"))
        return unsupported(e, "decoder");
    if (parse_normalizer(t, json_object_get(json, "normalizer"), e) ||
        parse_pre_tokenizer(t, json_object_get(json, "pre_tokenizer"), e) ||
        parse_model(t, json_object_get(json, "model"), e))
        return e->code;
    return add_added_list(t, json_object_get(json, "added_tokens"), e);
}

static int parse_single(struct text_tokenizer *t, const struct text_file *f, struct err *e) {
    json_t *json;
    if (parse_json(&json, f, e) == 0) {
        parse_parts(t, json, e);
        json_decref(json);
    }
    return e->code ? err_prefix(e, "tokenizer.json") : 0;
}

/* ---- all of it ---- */

void text_settle(struct text_tokenizer *t) {
    t->special = arena_xrealloc(NULL, t->vocab.n_ids, sizeof *t->special);
    memset(t->special, 0, t->vocab.n_ids * sizeof *t->special);
    struct text_added_set *sets[] = {&t->literal, &t->normalized};
    for (size_t k = 0; k < 2; k++) {
        text_added_ready(sets[k]);
        for (size_t i = 0; i < sets[k]->n; i++)
            t->special[sets[k]->tokens[i].id] = sets[k]->tokens[i].special;
    }
    text_cache_open(&t->cache);
}

int text_parse(struct text_tokenizer **out, const struct text_files *files, struct err *e) {
    *out = NULL;
    struct text_tokenizer *t = arena_xrealloc(NULL, 1, sizeof *t);
    memset(t, 0, sizeof *t);
    if (files->tokenizer_json.data ? parse_single(t, &files->tokenizer_json, e)
                                   : parse_pair(t, files, e)) {
        text_close(t);
        return e->code;
    }
    if (parse_config(t, &files->config_json, e)) {
        text_close(t);
        return e->code;
    }
    text_settle(t);
    *out = t;
    return 0;
}
