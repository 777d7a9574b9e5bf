#include "common/text/utf8.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the sequence that starts with `lead`, and the bounds of its second byte, which exclude
 * overlong forms, surrogates and code points past U+10FFFF; 0 if no sequence starts so. */
static int sequence(unsigned char lead, unsigned char *low, unsigned char *high) {
    *low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

int text_utf8_next(const char *s, size_t n) {
    unsigned char low, high;
    int k = sequence((unsigned char)s[0], &low, &high);
    if (k == 0)
        return -1;
    for (int i = 1; i < k; i++) {
        if ((size_t)i == n)
            return 0;
        unsigned char c = (unsigned char)s[i];
        if (c < low || c > high)
            return -i;
        low = 0x80;
        high = 0xbf;
    }
    return k;
}

/* Skips ASCII eight bytes at a time. */
static size_t skip_ascii(const char *s, size_t i, size_t n) {
    uint64_t word;
    while (i + sizeof word <= n) {
        memcpy(&word, s + i, sizeof word);
        if (word & 0x8080808080808080u)
            break;
        i += sizeof word;
    }
    while (i < n && !(s[i] & 0x80))
        i++;
    return i;
}

size_t text_utf8_valid(const char *s, size_t n) {
    size_t i = 0;
    while ((i = skip_ascii(s, i, n)) < n) {
        int k = text_utf8_next(s + i, n - i);
        if (k <= 0)
            break;
        i += (size_t)k;
    }
    return i;
}

int32_t text_utf8_code(const char *s, int k) {
    static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    int32_t c = (unsigned char)s[0] & mask[k];
    for (int i = 1; i < k; i++)
        c = c << 6 | ((unsigned char)s[i] & 0x3f);
    return c;
}

/* Appends what is decided; returns the number of bytes at the end of s that wait for more. */
static size_t repair(const char *s, size_t n, struct text_bytes *out) {
    for (;;) {
        size_t good = text_utf8_valid(s, n);
        text_bytes_add(out, s, good);
        s += good;
        n -= good;
        int k = n ? text_utf8_next(s, n) : 0;
        if (k == 0)
            return n;
        text_bytes_add_string(out, REPLACEMENT);
        s += -k;
        n -= (size_t)-k;
    }
}

void text_utf8_repair(const char *s, size_t n, struct text_bytes *out) {
    if (repair(s, n, out) > 0)
        text_bytes_add_string(out, REPLACEMENT);
}

void text_utf8_feed(struct text_utf8_stream *u, const char *s, size_t n, struct text_bytes *out) {
    while (u->n_held > 0 && n > 0) {
        u->held[u->n_held++] = *s++;
        n--;
        size_t left = repair(u->held, u->n_held, out);
        memmove(u->held, u->held + u->n_held - left, left);
        u->n_held = left;
    }
    size_t left = repair(s, n, out);
    if (left > 0) {
        memcpy(u->held, s + n - left, left);
        u->n_held = left;
    }
}

void text_utf8_end(struct text_utf8_stream *u, struct text_bytes *out) {
    if (u->n_held > 0)
        text_bytes_add_string(out, REPLACEMENT);
    u->n_held = 0;
}
