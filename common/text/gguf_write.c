/* The tokenizer as llama.cpp keeps it in GGUF files. */
#include "common/base/arena.h"
#include "common/text/tokenizer_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_tokens(const struct text_tokenizer *t, struct gguf_writer *w, size_t n_ids) {
    gguf_put_array(w, "tokenizer.ggml.tokens", GGUF_STRING, n_ids);
    for (size_t id = 0; id < n_ids; id++) {
        char unused[32];
        size_t n;
        const char *name = text_vocab_name(&t->vocab, (int32_t)id, &n);
        if (!name) {
            n = (size_t)snprintf(unused, sizeof unused, "[PAD%zu]", id);
            name = unused;
        }
        gguf_put_text_element(w, name, n);
    }
}

static void set_types(int32_t *types, const struct text_added_set *set) {
    for (size_t i = 0; i < set->n; i++)
        types[set->tokens[i].id] =
            set->tokens[i].special ? TEXT_GGUF_CONTROL : TEXT_GGUF_USER_DEFINED;
}

static void write_types(const struct text_tokenizer *t, struct gguf_writer *w, size_t n_ids) {
    int32_t *types = arena_xrealloc(NULL, n_ids, sizeof *types);
    size_t n;
    for (size_t id = 0; id < n_ids; id++)
        types[id] =
            text_vocab_name(&t->vocab, (int32_t)id, &n) ? TEXT_GGUF_NORMAL : TEXT_GGUF_UNUSED;
    set_types(types, &t->literal);
    set_types(types, &t->normalized);
    gguf_put_array(w, "tokenizer.ggml.token_type", GGUF_I32, n_ids);
    for (size_t id = 0; id < n_ids; id++)
        gguf_put_i32_element(w, types[id]);
    free(types);
}

static int by_rank(const void *a, const void *b) {
    uint32_t x = ((const struct text_merge *)a)->rank, y = ((const struct text_merge *)b)->rank;
    return (x > y) - (x < y);
}

static void write_merges(const struct text_vocab *v, struct gguf_writer *w) {
    struct text_merge *merges = arena_xrealloc(NULL, v->n_merge_slots + 1, sizeof *merges);
    struct text_bytes line = {0};
    size_t n = 0, length;
    for (size_t i = 0; i < v->n_merge_slots; i++)
        if (v->merges[i].rank != TEXT_NO_RANK)
            merges[n++] = v->merges[i];
    qsort(merges, n, sizeof *merges, by_rank);
    gguf_put_array(w, "tokenizer.ggml.merges", GGUF_STRING, n);
    for (size_t i = 0; i < n; i++) {
        line.n = 0;
        const char *left = text_vocab_name(v, merges[i].left, &length);
        text_bytes_add(&line, left, length);
        text_bytes_add(&line, " ", 1);
        const char *right = text_vocab_name(v, merges[i].right, &length);
        text_bytes_add(&line, right, length);
        gguf_put_text_element(w, line.data, line.n);
    }
    text_bytes_free(&line);
    free(merges);
}

void text_write_gguf(const struct text_tokenizer *t, struct gguf_writer *w, size_t n_ids) {
    size_t n = n_ids > t->vocab.n_ids ? n_ids : t->vocab.n_ids;
    gguf_put_text(w, "tokenizer.ggml.model", "gpt2", 4);
    gguf_put_text(w, "tokenizer.ggml.pre", "qwen2", 5);
    write_tokens(t, w, n);
    write_types(t, w, n);
    write_merges(&t->vocab, w);
    gguf_put_bool(w, "tokenizer.ggml.add_bos_token", false);
}
