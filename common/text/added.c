#include "common/text/added.h"

#include "common/base/arena.h"
#include "common/text/utf8.h"

#include <stdlib.h>
#include <string.h>

void text_added_add(struct text_added_set *set, const struct text_added *a) {
    set->tokens = arena_xrealloc(set->tokens, set->n + 1, sizeof *set->tokens);
    struct text_added *copy = &set->tokens[set->n++];
    *copy = *a;
    copy->content = arena_xrealloc(NULL, a->n, 1);
    memcpy(copy->content, a->content, a->n);
}

static int by_first_byte_and_length(const void *a, const void *b) {
    const struct text_added *x = a, *y = b;
    int bx = (unsigned char)x->content[0], by = (unsigned char)y->content[0];
    if (bx != by)
        return bx - by;
    return (x->n < y->n) - (x->n > y->n);
}

void text_added_ready(struct text_added_set *set) {
    if (set->n > 0)
        qsort(set->tokens, set->n, sizeof *set->tokens, by_first_byte_and_length);
    memset(set->first, 0, sizeof set->first);
    for (size_t i = 0; i < set->n; i++)
        set->first[(unsigned char)set->tokens[i].content[0] + 1]++;
    for (size_t b = 0; b < 256; b++)
        set->first[b + 1] += set->first[b];
}

void text_added_free(struct text_added_set *set) {
    for (size_t i = 0; i < set->n; i++)
        free(set->tokens[i].content);
    free(set->tokens);
    *set = (struct text_added_set){0};
}

/* The longest token at s[0..n), NULL if none is there. */
static const struct text_added *token_at(const struct text_added_set *set, const char *s,
                                         size_t n) {
    unsigned char b = (unsigned char)s[0];
    for (size_t i = set->first[b]; i < set->first[b + 1]; i++)
        if (set->tokens[i].n <= n && memcmp(set->tokens[i].content, s, set->tokens[i].n) == 0)
            return &set->tokens[i];
    return NULL;
}

/* Code point that ends at s + at, -1 at the start. *from = where it begins. */
static int32_t code_before(const char *s, size_t at, size_t *from) {
    if (at == 0)
        return -1;
    *from = at;
    while (*from > 0 && ((unsigned char)s[--*from] & 0xc0) == 0x80)
        continue;
    return text_utf8_code(s + *from, (int)(at - *from));
}

static int32_t code_after(const char *s, size_t at, size_t n, size_t *to) {
    if (at == n)
        return -1;
    int k = text_utf8_next(s + at, n - at);
    *to = at + (size_t)k;
    return text_utf8_code(s + at, k);
}

static bool inside_word(const char *s, size_t n, size_t start, size_t end) {
    size_t ignored;
    int32_t before = code_before(s, start, &ignored), after = code_after(s, end, n, &ignored);
    return (before >= 0 && text_is_word(before)) || (after >= 0 && text_is_word(after));
}

/* Blanks that an earlier token took stay with it. */
static size_t strip_left(const char *s, size_t start, size_t least) {
    for (size_t from; start > least && text_is_space(code_before(s, start, &from));)
        start = from;
    return start > least ? start : least;
}

static size_t strip_right(const char *s, size_t end, size_t n) {
    for (size_t to; end < n && text_is_space(code_after(s, end, n, &to));)
        end = to;
    return end;
}

bool text_added_next(const struct text_added_set *set, const char *s, size_t n,
                     struct text_added_walk *walk, struct text_part *part) {
    while (set->n > 0 && walk->at < n) {
        const struct text_added *t = token_at(set, s + walk->at, n - walk->at);
        size_t start = walk->at;
        walk->at += t ? t->n : 1;
        if (!t || (t->single_word && inside_word(s, n, start, walk->at)))
            continue;
        part->token = t;
        part->start = t->lstrip ? strip_left(s, start, walk->done) : start;
        part->end = t->rstrip ? strip_right(s, walk->at, n) : walk->at;
        if (part->start < walk->done)
            part->start = walk->done;
        if (part->end < part->start)
            part->end = part->start;
        walk->done = part->end;
        return true;
    }
    return false;
}
