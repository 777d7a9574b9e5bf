/* unicode: normal form C and the two character classes that added tokens ask for (utf8proc). */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include "common/text/bytes.h"

#include <stdbool.h>

/* White_Space, which is also what \s means in the split pattern. */
bool text_is_space(int32_t c);
/* A character of a word: letter, mark, number, connector (\w of `tokenizers`). */
bool text_is_word(int32_t c);

/* Working memory of text_nfc. */
struct text_normalizer {
    struct text_bytes out;
    int32_t *code; /* one segment, decomposed */
    int32_t *sorted;
    size_t room;
};

/* The normal form C of s[0..*n), which must be well-formed. Returns s itself if nothing changes,
 * else nz->out.data; *n becomes its length. Linear, whatever the text. */
const char *text_nfc(struct text_normalizer *nz, const char *s, size_t *n);
void text_normalizer_free(struct text_normalizer *nz);

#endif
