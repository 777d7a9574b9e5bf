/* alphabet: GPT-2's printable letter for each byte. Vocabulary files spell tokens in it: the bytes
 * 33-126, 161-172 and 174-255 are the characters of the same code, the other 68 bytes are U+0100,
 * U+0101, ... in rising order. */
#ifndef TEXT_ALPHABET_H
#define TEXT_ALPHABET_H

#include "common/text/bytes.h"

/* Appends s[0..n), raw bytes, in letters. */
void text_alphabet_spell(const char *s, size_t n, struct text_bytes *out);

/* Appends the bytes that a token's name stands for. A name with any other character stands for
 * itself (as in `tokenizers`, decoders::ByteLevel). */
void text_alphabet_read(const char *name, size_t n, struct text_bytes *out);

#endif
