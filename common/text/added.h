/* added: tokens that are found literally in the text before anything else is done with it, like
 * <|im_start|>. What the flags mean is fixed by `tokenizers`, AddedVocabulary. */
#ifndef TEXT_ADDED_H
#define TEXT_ADDED_H

#include "common/text/bytes.h"
#include "common/text/unicode.h"

#include <stdbool.h>

struct text_added {
    char *content;
    size_t n;
    int32_t id;
    bool special;        /* left out of readable text */
    bool normalized;     /* looked for in the normalised text */
    bool single_word;    /* not inside a word */
    bool lstrip, rstrip; /* takes the blanks on that side with it */
};

struct text_added_set {
    struct text_added *tokens; /* by first byte, then longest first, once ready */
    size_t n;
    size_t first[257]; /* tokens that begin with byte b: first[b] .. first[b + 1] */
};

/* Copies a and its content. */
void text_added_add(struct text_added_set *set, const struct text_added *a);
/* Call once after the last add. */
void text_added_ready(struct text_added_set *set);
void text_added_free(struct text_added_set *set);

/* A part of a text: a token, or text between tokens. */
struct text_part {
    size_t start, end;
    const struct text_added *token; /* NULL: text */
};

/* Walks s[0..n): *at is where the search goes on (0 at first), *done the end of what has been
 * given out (0 at first). Finds the next token; false if there is none. Text between *done of
 * before and part->start belongs to no token. */
struct text_added_walk {
    size_t at, done;
};
bool text_added_next(const struct text_added_set *set, const char *s, size_t n,
                     struct text_added_walk *walk, struct text_part *part);

#endif
