/* What text_parse fills and text_encode uses; for common/text only. */
#ifndef TEXT_TOKENIZER_IMPL_H
#define TEXT_TOKENIZER_IMPL_H

#include "common/text/added.h"
#include "common/text/cache.h"
#include "common/text/merge.h"
#include "common/text/split.h"
#include "common/text/tokenizer.h"
#include "common/text/unicode.h"

struct text_tokenizer {
    struct text_vocab vocab; /* added tokens have names here as well */
    bool *special;           /* [vocab.n_ids] */
    struct text_added_set literal, normalized;
    bool nfc;           /* text between literal tokens is normalised */
    bool ignore_merges; /* a piece that is a token is not merged from its bytes */
    struct text_split *split;
    struct text_merger merger;
    struct text_cache cache;
    struct text_normalizer normalizer;
    struct text_bytes repaired, name;
};

/* llama.cpp's llama_token_type; ids that are only there to fill the embedding table are UNUSED. */
enum {
    TEXT_GGUF_NORMAL = 1,
    TEXT_GGUF_CONTROL = 3,
    TEXT_GGUF_USER_DEFINED = 4,
    TEXT_GGUF_UNUSED = 5
};

/* The last step of reading one: which ids are special, and the sets in search order. */
void text_settle(struct text_tokenizer *t);

#endif
