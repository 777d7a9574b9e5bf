#include "common/text/tokenizer.h"

#include "common/base/arena.h"
#include "common/text/alphabet.h"
#include "common/text/tokenizer_impl.h"

#include <stdlib.h>
#include <string.h>

void text_close(struct text_tokenizer *t) {
    if (!t)
        return;
    text_vocab_free(&t->vocab);
    free(t->special);
    text_added_free(&t->literal);
    text_added_free(&t->normalized);
    text_split_free(t->split);
    text_merger_free(&t->merger);
    text_cache_free(&t->cache);
    text_normalizer_free(&t->normalizer);
    text_bytes_free(&t->repaired);
    text_bytes_free(&t->name);
    free(t);
}

/* ---- encoding ---- */

/* The token that is the piece as a whole, -1 if there is none or merges are not to be ignored. */
static int32_t whole_token(struct text_tokenizer *t, const char *s, size_t n) {
    if (!t->ignore_merges)
        return -1;
    t->name.n = 0;
    text_alphabet_spell(s, n, &t->name);
    return text_vocab_find(&t->vocab, t->name.data, t->name.n);
}

static void encode_piece(struct text_tokenizer *t, const char *s, size_t n, struct text_ids *out) {
    if (text_cache_get(&t->cache, s, n, out))
        return;
    size_t before = out->n;
    int32_t whole = whole_token(t, s, n);
    if (whole >= 0)
        text_ids_add(out, whole);
    else
        text_merge(&t->merger, &t->vocab, s, n, out);
    text_cache_put(&t->cache, s, n, out->data + before, out->n - before);
}

/* Text without added tokens. */
static int encode_plain(struct text_tokenizer *t, const char *s, size_t n, struct text_ids *out,
                        struct err *e) {
    for (size_t at = 0, end; at < n; at = end) {
        if (text_split_next(t->split, s, n, at, &end, e))
            return e->code;
        encode_piece(t, s + at, end - at, out);
    }
    return 0;
}

typedef int encode_fn(struct text_tokenizer *, const char *, size_t, struct text_ids *,
                      struct err *);

/* Tokens of the set, and `between` for the text between them. */
static int encode_around(struct text_tokenizer *t, const struct text_added_set *set,
                         encode_fn *between, const char *s, size_t n, struct text_ids *out,
                         struct err *e) {
    struct text_added_walk walk = {0};
    struct text_part part;
    size_t done = 0;
    for (; text_added_next(set, s, n, &walk, &part); done = part.end) {
        if (part.start > done && between(t, s + done, part.start - done, out, e))
            return e->code;
        text_ids_add(out, part.token->id);
    }
    return done < n ? between(t, s + done, n - done, out, e) : 0;
}

/* Text without literal tokens. */
static int encode_span(struct text_tokenizer *t, const char *s, size_t n, struct text_ids *out,
                       struct err *e) {
    if (t->nfc)
        s = text_nfc(&t->normalizer, s, &n);
    return encode_around(t, &t->normalized, encode_plain, s, n, out, e);
}

int text_encode(struct text_tokenizer *t, const char *s, size_t n, struct text_ids *out,
                struct err *e) {
    if (text_utf8_valid(s, n) < n) {
        t->repaired.n = 0;
        text_utf8_repair(s, n, &t->repaired);
        s = t->repaired.data;
        n = t->repaired.n;
    }
    if (n > INT32_MAX)
        return err_set(e, ERR_DATA, "text of %zu bytes (at most 2 GiB)", n);
    return encode_around(t, &t->literal, encode_span, s, n, out, e);
}

/* ---- single tokens ---- */

size_t text_n_ids(const struct text_tokenizer *t) {
    return t->vocab.n_ids;
}

int32_t text_id(const struct text_tokenizer *t, const char *token) {
    size_t n = strlen(token);
    struct text_bytes name = {0};
    text_alphabet_spell(token, n, &name);
    int32_t id = text_vocab_find(&t->vocab, name.data, name.n);
    text_bytes_free(&name);
    return id >= 0 ? id : text_vocab_find(&t->vocab, token, n);
}

bool text_is_special(const struct text_tokenizer *t, int32_t id) {
    return id >= 0 && (size_t)id < t->vocab.n_ids && t->special[id];
}

/* ---- decoding ---- */

void text_decode(struct text_decoder *d, int32_t id, struct text_bytes *out) {
    size_t n;
    const char *name = text_vocab_name(&d->tokenizer->vocab, id, &n);
    if (!name || (d->skip_special && text_is_special(d->tokenizer, id)))
        return;
    struct text_bytes bytes = {0};
    text_alphabet_read(name, n, &bytes);
    text_utf8_feed(&d->held, bytes.data, bytes.n, out);
    text_bytes_free(&bytes);
}

void text_decode_end(struct text_decoder *d, struct text_bytes *out) {
    text_utf8_end(&d->held, out);
}
