/* The tokenizer that a GGUF file carries: llama.cpp's keys tokenizer.ggml.*, of a Qwen tokenizer.
 * Tokens are spelled as in vocab.json, added ones literally; merges are lines of merges.txt. */
#include "common/base/arena.h"
#include "common/text/tokenizer_impl.h"

#include <string.h>

/* Text is cut where such a token is, which must not be inside a character. */
static int add_added(struct text_tokenizer *t, const struct gguf_string *name, int32_t id,
                     bool special, struct err *e) {
    struct text_added a = {
        .content = (char *)name->data, .n = name->n, .id = id, .special = special};
    if (text_utf8_valid(name->data, name->n) < name->n)
        return err_set(e, ERR_DATA, "added token %d is not UTF-8", (int)id);
    text_added_add(&t->literal, &a);
    return 0;
}

static int add_tokens(struct text_tokenizer *t, const struct gguf_file *g, struct err *e) {
    struct gguf_walk walk = {.value = gguf_find(g, "tokenizer.ggml.tokens")};
    const struct gguf_value *types = gguf_find(g, "tokenizer.ggml.token_type");
    struct gguf_string name;
    bool typed = types && types->array && (types->type == GGUF_I32 || types->type == GGUF_U32);
    if (!typed || types->n != walk.value->n)
        return err_set(e, ERR_DATA, "tokenizer.ggml.token_type does not say a type of each token");
    for (int32_t id = 0; gguf_next(&walk, &name); id++) {
        int64_t type = gguf_integer(types, (size_t)id);
        if (type == TEXT_GGUF_UNUSED)
            continue;
        if (name.n == 0)
            return err_set(e, ERR_DATA, "token %d is empty", (int)id);
        if (text_vocab_add(&t->vocab, name.data, name.n, id, e))
            return e->code;
        if ((type == TEXT_GGUF_CONTROL || type == TEXT_GGUF_USER_DEFINED) &&
            add_added(t, &name, id, type == TEXT_GGUF_CONTROL, e))
            return e->code;
    }
    return text_vocab_finish(&t->vocab, e);
}

static int add_merges(struct text_tokenizer *t, const struct gguf_file *g, struct err *e) {
    struct gguf_walk walk = {.value = gguf_find(g, "tokenizer.ggml.merges")};
    struct gguf_string s;
    if (!walk.value || !walk.value->array || walk.value->type != GGUF_STRING)
        return err_set(e, ERR_DATA, "tokenizer.ggml.merges is no list of texts");
    while (gguf_next(&walk, &s)) {
        const char *blank = memchr(s.data, ' ', s.n);
        size_t left = blank ? (size_t)(blank - s.data) : 0;
        if (!blank || memchr(blank + 1, ' ', s.n - left - 1))
            return err_set(e, ERR_DATA, "merge %zu is not two tokens", walk.i);
        if (text_vocab_merge(&t->vocab, s.data, left, blank + 1, s.n - left - 1, e))
            return e->code;
    }
    return 0;
}

int text_parse_gguf(struct text_tokenizer **out, const struct gguf_file *g, struct err *e) {
    *out = NULL;
    const struct gguf_value *tokens = gguf_find(g, "tokenizer.ggml.tokens");
    if (!tokens || !tokens->array || tokens->type != GGUF_STRING || tokens->n > TEXT_MAX_ID)
        return err_set(e, ERR_DATA, "tokenizer.ggml.tokens is no list of at most %d tokens",
                       TEXT_MAX_ID);
    if (!gguf_is(g, "tokenizer.ggml.model", "gpt2") || !gguf_is(g, "tokenizer.ggml.pre", "qwen2"))
        return err_set(e, ERR_CONFIG, "the tokenizer is not the one of a Qwen model");
    struct text_tokenizer *t = arena_xrealloc(NULL, 1, sizeof *t);
    memset(t, 0, sizeof *t);
    t->nfc = true;
    if (add_tokens(t, g, e) || add_merges(t, g, e) ||
        text_split_open(&t->split, text_split_qwen, e)) {
        text_close(t);
        return e->code;
    }
    text_settle(t);
    *out = t;
    return 0;
}
