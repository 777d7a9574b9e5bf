#include "common/text/split.h"

#include "common/base/arena.h"
#include "common/text/bytes.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char text_split_qwen[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                               " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

enum { STACK_FIRST = 32 << 10, STACK_MOST = 8 << 20 };

struct text_split {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    bool compiled; /* to machine code */
};

/* \s is White_Space for `tokenizers` (Oniguruma), a slightly other set for PCRE2: spelled out. */
static void spell_out_space(const char *pattern, struct text_bytes *out) {
    for (const char *p = pattern; *p; p++) {
        if (*p != '\\' || !p[1]) {
            text_bytes_add(out, p, 1);
            continue;
        }
        p++;
        if (*p == 's')
            text_bytes_add_string(out, "\\p{wspace}");
        else if (*p == 'S')
            text_bytes_add_string(out, "\\P{wspace}");
        else
            text_bytes_add(out, p - 1, 2);
    }
}

static int failure(int rc, struct err *e) {
    char why[128];
    pcre2_get_error_message(rc, (PCRE2_UCHAR *)why, sizeof why);
    return err_set(e, ERR_DATA, "split pattern: %s", why);
}

int text_split_open(struct text_split **out, const char *pattern, struct err *e) {
    *out = NULL;
    struct text_bytes spelled = {0};
    spell_out_space(pattern, &spelled);
    /* \C is a single byte: the next piece would begin inside a character. */
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
    int rc;
    PCRE2_SIZE where;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)spelled.data, spelled.n, options, &rc, &where, NULL);
    text_bytes_free(&spelled);
    if (!code)
        return failure(rc, e);
    struct text_split *s = arena_xrealloc(NULL, 1, sizeof *s);
    *s = (struct text_split){.code = code};
    s->compiled = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    s->match = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    s->stack = s->compiled ? pcre2_jit_stack_create(STACK_FIRST, STACK_MOST, NULL) : NULL;
    if (!s->match || !s->context || (s->compiled && !s->stack)) {
        text_split_free(s);
        return err_set(e, ERR_MEMORY, "out of memory: split pattern");
    }
    if (s->stack)
        pcre2_jit_stack_assign(s->context, NULL, s->stack);
    *out = s;
    return 0;
}

void text_split_free(struct text_split *s) {
    if (!s)
        return;
    pcre2_jit_stack_free(s->stack);
    pcre2_match_context_free(s->context);
    pcre2_match_data_free(s->match);
    pcre2_code_free(s->code);
    free(s);
}

int text_split_next(struct text_split *p, const char *s, size_t n, size_t at, size_t *end,
                    struct err *e) {
    /* A pattern could match nothing at all; such a match is no piece. */
    uint32_t options = PCRE2_NOTEMPTY | PCRE2_NO_UTF_CHECK;
    int rc = p->compiled
                 ? pcre2_jit_match(p->code, (PCRE2_SPTR)s, n, at, options, p->match, p->context)
                 : pcre2_match(p->code, (PCRE2_SPTR)s, n, at, options, p->match, p->context);
    *end = n;
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc < 0)
        return failure(rc, e);
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(p->match);
    *end = range[0] > at ? range[0] : range[1];
    if (*end <= at) /* \K can move a match's start behind its end */
        return err_set(e, ERR_DATA, "split pattern: a match goes backwards");
    return 0;
}
