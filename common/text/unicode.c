#include "common/text/unicode.h"

#include "common/base/arena.h"
#include "common/text/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* One code point becomes at most this many in canonical decomposition. */
enum { MAX_DECOMPOSED = 4 };

bool text_is_space(int32_t c) {
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static bool is_mark(utf8proc_category_t k) {
    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC || k == UTF8PROC_CATEGORY_ME;
}

bool text_is_word(int32_t c) {
    utf8proc_category_t k = utf8proc_category(c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) || is_mark(k) ||
           k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_PC ||
           c == 0x200c || c == 0x200d ||
           /* Other_Alphabetic: letters in circles and squares */
           (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
           (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
}

/* Marks (and U+11930) that Unicode has since version 10. The normaliser of `tokenizers` is of
 * version 9: they neither combine nor change places, and tokens must be the same. */
static const int32_t newer_marks[][2] = {
    {0x7fd, 0x7fd},     {0x898, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},
    {0xc3c, 0xc3c},     {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},
    {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},   {0xa82c, 0xa82c},   {0x10d24, 0x10d27},
    {0x10eab, 0x10eac}, {0x10efd, 0x10eff}, {0x10f46, 0x10f50}, {0x10f82, 0x10f85},
    {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e}, {0x11839, 0x1183a},
    {0x11930, 0x11930}, {0x1193d, 0x1193e}, {0x11943, 0x11943}, {0x119e0, 0x119e0},
    {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99}, {0x11d42, 0x11d42},
    {0x11d44, 0x11d45}, {0x11d97, 0x11d97}, {0x11f41, 0x11f42}, {0x16ff0, 0x16ff1},
    {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef},
    {0x1e4ec, 0x1e4ef},
};

static bool is_newer_mark(int32_t c) {
    for (size_t i = 0; i < sizeof newer_marks / sizeof *newer_marks && newer_marks[i][0] <= c; i++)
        if (c <= newer_marks[i][1])
            return true;
    return false;
}

/* True if c stays as it is and never joins what is before it, so that normalisation may start
 * afresh at c. May be false for such a character too; that costs time only.
 * Below U+0300 all characters are so. Marks, conjoining jamo and everything with a decomposition
 * may not be; beyond the basic plane only ideographs and pictures are taken for granted. */
static bool is_stable(int32_t c) {
    if (c < 0x300 || (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3))
        return true;
    /* U+11A7 is no jamo, but utf8proc 2.8 drops it after a syllable. */
    if ((c >= 0x1160 && c <= 0x11ff && c != 0x11a7) || (c >= 0x10000 && c < 0x1f000) ||
        c >= 0x2f800)
        return is_newer_mark(c);
    const utf8proc_property_t *p = utf8proc_get_property(c);
    if (p->combining_class != 0 || is_mark((utf8proc_category_t)p->category))
        return is_newer_mark(c);
    return p->decomp_seqindex == UINT16_MAX;
}

/* Length of the start of s that is made of stable characters. */
static size_t stable_span(const char *s, size_t n) {
    size_t i = 0;
    while (i < n) {
        if (!(s[i] & 0x80)) {
            i++;
            continue;
        }
        int k = text_utf8_next(s + i, n - i);
        if (!is_stable(text_utf8_code(s + i, k)))
            break;
        i += (size_t)k;
    }
    return i;
}

/* Length of the start of s that is made of characters that are not stable. */
static size_t unstable_span(const char *s, size_t n) {
    size_t i = 0;
    while (i < n) {
        int k = text_utf8_next(s + i, n - i);
        if (is_stable(text_utf8_code(s + i, k)))
            break;
        i += (size_t)k;
    }
    return i;
}

/* Where the marks at s + n find what they combine with: the character before them. */
static size_t base_of_marks(const char *s, size_t n) {
    size_t i = n;
    while (i > 0 && ((unsigned char)s[--i] & 0xc0) == 0x80)
        continue;
    return is_newer_mark(text_utf8_code(s + i, (int)(n - i))) ? n : i;
}

/* Canonical decomposition of s[0..n) into nz->code; returns the number of code points. */
static size_t decompose(struct text_normalizer *nz, const char *s, size_t n) {
    size_t need = MAX_DECOMPOSED * n, used = 0;
    if (need > nz->room) {
        nz->code = arena_xrealloc(nz->code, need, sizeof *nz->code);
        nz->sorted = arena_xrealloc(nz->sorted, need, sizeof *nz->sorted);
        nz->room = need;
    }
    int unused = 0;
    for (size_t i = 0; i < n;) {
        int k = text_utf8_next(s + i, n - i);
        used += (size_t)utf8proc_decompose_char(text_utf8_code(s + i, k), nz->code + used,
                                                (utf8proc_ssize_t)(nz->room - used),
                                                UTF8PROC_DECOMPOSE, &unused);
        i += (size_t)k;
    }
    return used;
}

static size_t combining_class(int32_t c) {
    return (size_t)utf8proc_get_property(c)->combining_class;
}

/* Stable counting sort of marks by combining class: utf8proc's own sort is quadratic. */
static void sort_marks(struct text_normalizer *nz, int32_t *code, size_t n) {
    size_t start[257] = {0};
    for (size_t i = 0; i < n; i++)
        start[combining_class(code[i]) + 1]++;
    for (size_t k = 1; k < 257; k++)
        start[k] += start[k - 1];
    for (size_t i = 0; i < n; i++)
        nz->sorted[start[combining_class(code[i])]++] = code[i];
    memcpy(code, nz->sorted, n * sizeof *code);
}

/* Canonical ordering (Unicode, D108): each run of marks between starters by combining class. */
static void order(struct text_normalizer *nz, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t first = i, before = 0;
        bool in_order = true;
        for (size_t k; i < n && (k = combining_class(nz->code[i])) > 0; i++, before = k)
            in_order = in_order && before <= k;
        if (!in_order)
            sort_marks(nz, nz->code + first, i - first);
        i += i == first;
    }
}

static void normalize_segment(struct text_normalizer *nz, const char *s, size_t n) {
    size_t count = decompose(nz, s, n);
    order(nz, count);
    count = (size_t)utf8proc_normalize_utf32(nz->code, (utf8proc_ssize_t)count,
                                             UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    char *to = text_bytes_reserve(&nz->out, 4 * count);
    for (size_t i = 0; i < count; i++)
        to += utf8proc_encode_char(nz->code[i], (utf8proc_uint8_t *)to);
    nz->out.n = (size_t)(to - nz->out.data);
}

const char *text_nfc(struct text_normalizer *nz, const char *s, size_t *n) {
    size_t i = stable_span(s, *n);
    if (i == *n)
        return s;
    nz->out.n = 0;
    text_bytes_reserve(&nz->out, *n);
    size_t copied = 0;
    while (i < *n) {
        size_t first = i > copied ? base_of_marks(s, i) : i;
        text_bytes_add(&nz->out, s + copied, first - copied);
        copied = i + unstable_span(s + i, *n - i);
        normalize_segment(nz, s + first, copied - first);
        i = copied + stable_span(s + copied, *n - copied);
    }
    text_bytes_add(&nz->out, s + copied, i - copied);
    *n = nz->out.n;
    return nz->out.data;
}

void text_normalizer_free(struct text_normalizer *nz) {
    text_bytes_free(&nz->out);
    free(nz->code);
    free(nz->sorted);
    *nz = (struct text_normalizer){0};
}
