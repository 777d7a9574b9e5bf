/* vocab: the tokens by id and by name, and the merges. Names are spelled in GPT-2's alphabet
 * (alphabet.h), as in the files. */
#ifndef TEXT_VOCAB_H
#define TEXT_VOCAB_H

#include "common/base/err.h"
#include "common/text/bytes.h"

#include <stdbool.h>

/* Ids are below this; the largest vocabularies have a quarter of it. */
enum { TEXT_MAX_ID = 1 << 20 };

/* Where a token's name is in vocab.names; ids that nobody has are { 0, 0 }. */
struct text_token {
    uint32_t at, len;
};

/* The pair of tokens left, right becomes `joined`. rank TEXT_NO_RANK: an empty slot. */
struct text_merge {
    int32_t left, right;
    uint32_t rank;
    int32_t joined;
};

#define TEXT_NO_RANK UINT32_MAX

struct text_vocab {
    struct text_bytes names;
    struct text_token *tokens; /* [n_ids] */
    size_t n_ids, room;        /* one past the largest id */
    int32_t *by_name;          /* open addressing; -1: empty. n_slots is a power of two */
    size_t n_names, n_slots;
    struct text_merge *merges; /* open addressing by (left, right) */
    size_t n_merges, n_merge_slots;
    int32_t byte_id[256]; /* the token of each single byte; set by text_vocab_finish */
};

/* A zeroed struct is an empty vocabulary. All errors are 65: the files contradict themselves. */
int text_vocab_add(struct text_vocab *v, const char *name, size_t n, int64_t id, struct err *e);
/* Merges come in order of rank. Of a pair that comes twice the later rank counts, as in
 * `tokenizers`. */
int text_vocab_merge(struct text_vocab *v, const char *left, size_t n_left, const char *right,
                     size_t n_right, struct err *e);
/* Once all tokens are there: sets byte_id; each of the 256 bytes must have a token. */
int text_vocab_finish(struct text_vocab *v, struct err *e);
void text_vocab_free(struct text_vocab *v);

/* -1: no such token. */
int32_t text_vocab_find(const struct text_vocab *v, const char *name, size_t n);
/* NULL: nobody has this id. */
const char *text_vocab_name(const struct text_vocab *v, int32_t id, size_t *n);
/* The merge of a pair, NULL if the pair is never joined. */
const struct text_merge *text_vocab_pair(const struct text_vocab *v, int32_t left, int32_t right);

#endif
