/* split: cuts text into pieces with the pattern of the tokenizer (PCRE2, compiled to machine code
 * where it can). A token never reaches over the end of a piece.
 *
 * Letters and numbers are those of the Unicode version of the installed PCRE2 (10.42: 14). */
#ifndef TEXT_SPLIT_H
#define TEXT_SPLIT_H

#include "common/base/err.h"

#include <stddef.h>

/* The pattern of all Qwen2, Qwen2.5 and Qwen3 tokenizers (transformers, Qwen2Tokenizer). */
extern const char text_split_qwen[];

struct text_split;

/* 65: not a pattern. */
int text_split_open(struct text_split **s, const char *pattern, struct err *e);
void text_split_free(struct text_split *s);

/* *end = the end of the piece that starts at `at` < n of the well-formed text s[0..n): a match of
 * the pattern, or what is before the next match. 65: the pattern is too costly on this text. */
int text_split_next(struct text_split *p, const char *s, size_t n, size_t at, size_t *end,
                    struct err *e);

#endif
