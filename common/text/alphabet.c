#include "common/text/alphabet.h"

#include "common/text/utf8.h"

#include <stdbool.h>

enum { FIRST_SHIFTED = 0x100, N_SHIFTED = 68 };

static bool is_own_letter(int c) {
    return (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || (c >= 174 && c <= 255);
}

/* The i-th byte that is not its own letter: 0-32, 127-160, 173. */
static int shifted_byte(int i) {
    return i <= 32 ? i : i <= 66 ? i - 33 + 127 : 173;
}

static int letter_of_byte(int byte) {
    if (is_own_letter(byte))
        return byte;
    return FIRST_SHIFTED + (byte <= 32 ? byte : byte <= 160 ? byte - 127 + 33 : 67);
}

/* -1: the code point is no letter of the alphabet. */
static int byte_of_letter(int32_t c) {
    if (c < FIRST_SHIFTED)
        return is_own_letter(c) ? c : -1;
    return c < FIRST_SHIFTED + N_SHIFTED ? shifted_byte(c - FIRST_SHIFTED) : -1;
}

void text_alphabet_spell(const char *s, size_t n, struct text_bytes *out) {
    char *to = text_bytes_reserve(out, 2 * n);
    for (size_t i = 0; i < n; i++) {
        int c = letter_of_byte((unsigned char)s[i]);
        if (c >= 0x80)
            *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
    }
    out->n = (size_t)(to - out->data);
}

void text_alphabet_read(const char *name, size_t n, struct text_bytes *out) {
    size_t before = out->n;
    char *to = text_bytes_reserve(out, n);
    for (size_t i = 0; i < n;) {
        int k = text_utf8_next(name + i, n - i);
        int byte = k > 0 ? byte_of_letter(text_utf8_code(name + i, k)) : -1;
        if (byte < 0) {
            out->n = before;
            text_bytes_add(out, name, n);
            return;
        }
        *to++ = (char)byte;
        i += (size_t)k;
    }
    out->n = (size_t)(to - out->data);
}
