/* tokenizer: text to token ids and back; a byte-level BPE of the Qwen kind.
 *
 * Encoding, in the order of `tokenizers`: ill-formed UTF-8 is replaced; added tokens are found
 * literally; what is between them is brought to normal form C, searched for added tokens that are
 * flagged `normalized`, cut into pieces by the split pattern, and each piece's bytes are merged. */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include "common/base/err.h"
#include "common/text/bytes.h"
#include "common/text/utf8.h"
#include "common/weights/gguf_set.h"
#include "common/weights/gguf_write.h"

#include <stdbool.h>

struct text_tokenizer;

/* Reads DIR/tokenizer.json if it is there, else DIR/vocab.json and DIR/merges.txt; added tokens
 * also from DIR/tokenizer_config.json. A directory with none of these but GGUF files, or one GGUF
 * file: what that carries. 66 a file is missing, 65 it is broken, 78 it describes a
 * tokenizer of another kind. *t is NULL on failure. */
int text_open(struct text_tokenizer **t, const char *path, struct err *e);
void text_close(struct text_tokenizer *t);

/* The same from the contents of the files; data NULL: no such file. */
struct text_file {
    const char *data;
    size_t n;
};
struct text_files {
    struct text_file tokenizer_json, vocab_json, merges_txt, config_json;
};
int text_parse(struct text_tokenizer **t, const struct text_files *files, struct err *e);
int text_parse_gguf(struct text_tokenizer **t, const struct gguf_file *g, struct err *e);

/* Puts the tokenizer into the head of a GGUF file, with at least n_ids tokens. */
void text_write_gguf(const struct text_tokenizer *t, struct gguf_writer *w, size_t n_ids);

/* Appends the ids of s[0..n) to out. 65: text of 2 GiB or more, or a split pattern too costly on
 * it. Uses memory of t: one thread at a time. */
int text_encode(struct text_tokenizer *t, const char *s, size_t n, struct text_ids *out,
                struct err *e);

/* One past the largest id. */
size_t text_n_ids(const struct text_tokenizer *t);
/* The id of the token that is this text, added or not (e.g. "<|im_start|>", "user"); -1: none. */
int32_t text_id(const struct text_tokenizer *t, const char *token);
/* True for added tokens that are no readable text, like <|im_end|>. */
bool text_is_special(const struct text_tokenizer *t, int32_t id);

/* Ids to text as they come: whole characters only. A zeroed `held` is the start of a text. */
struct text_decoder {
    const struct text_tokenizer *tokenizer;
    bool skip_special;
    struct text_utf8_stream held;
};

/* Appends to out what id completes. Ids without a token say nothing. */
void text_decode(struct text_decoder *d, int32_t id, struct text_bytes *out);
/* The text is over: what was not completed becomes U+FFFD, and the next text may begin. */
void text_decode_end(struct text_decoder *d, struct text_bytes *out);

#endif
