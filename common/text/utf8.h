/* utf8: well-formedness as Unicode (table 3-7) defines it, and repair of what is not, the way
 * Python's bytes.decode("utf-8", "replace") and Rust's from_utf8_lossy do it: one U+FFFD for each
 * maximal subpart of an ill-formed sequence. */
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include "common/text/bytes.h"

#include <stdbool.h>

/* What stands at the start of s[0..n), n > 0: k > 0, a whole character of k bytes; k < 0, an
 * ill-formed subpart of -k bytes; 0, the bytes are the beginning of a character that is cut by the
 * end. */
int text_utf8_next(const char *s, size_t n);

/* Length of the longest well-formed start of s[0..n). */
size_t text_utf8_valid(const char *s, size_t n);

/* Code point of the whole character at s, k = its length. */
int32_t text_utf8_code(const char *s, int k);

/* Appends s[0..n) to out, repaired; a cut character at the end becomes one U+FFFD. */
void text_utf8_repair(const char *s, size_t n, struct text_bytes *out);

/* Repair of bytes that come bit by bit: up to three bytes wait until their character is whole. */
struct text_utf8_stream {
    char held[4];
    size_t n_held;
};

void text_utf8_feed(struct text_utf8_stream *u, const char *s, size_t n, struct text_bytes *out);
/* The end of the text: a character that never became whole is one U+FFFD. */
void text_utf8_end(struct text_utf8_stream *u, struct text_bytes *out);

#endif
