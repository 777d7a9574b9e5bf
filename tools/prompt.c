#include "tools/prompt.h"

#include "common/base/arena.h"

#include <stdlib.h>

static bool is_media(const struct config *c, int32_t id) {
    return id == c->audio_token || id == c->image_token || id == c->video_token;
}

/* Kind of the rows of the part that starts at ids[i] == im_start and is the last one if `last`. */
static enum prompt_kind kind_of_part(const struct config *c, const int32_t *ids, size_t n, size_t i,
                                     bool last) {
    int32_t role = i + 1 < n ? ids[i + 1] : -1;
    if (role == c->user_token)
        return PROMPT_TEXT;
    return role == c->assistant_token && last ? PROMPT_ANSWER : PROMPT_UNHEARD;
}

static size_t last_start(const struct config *c, const int32_t *ids, size_t n) {
    size_t i = n;
    while (i > 0 && ids[i - 1] != c->im_start)
        i--;
    return i > 0 ? i - 1 : n;
}

int prompt_sort(struct prompt *p, const struct config *c, const int32_t *ids, size_t n,
                struct err *e) {
    size_t last = last_start(c, ids, n);
    if (last == n || kind_of_part(c, ids, n, last, true) != PROMPT_ANSWER)
        return err_set(e, ERR_DATA, "the prompt does not end with an assistant header");
    *p = (struct prompt){.n_rows = n, .rows = arena_xrealloc(NULL, n, sizeof *p->rows)};
    enum prompt_kind part = PROMPT_UNHEARD; /* rows before the first <|im_start|> are nobody's */
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == c->im_start)
            part = kind_of_part(c, ids, n, i, i == last);
        if (part == PROMPT_ANSWER && ids[i] == c->im_end)
            part = PROMPT_UNHEARD; /* the answer is complete: the end of it is not spoken */
        struct prompt_row *row = &p->rows[i];
        *row = (struct prompt_row){.kind = part};
        if (part == PROMPT_ANSWER)
            row->place = p->n_answer++;
        if (part == PROMPT_TEXT) {
            row->kind = is_media(c, ids[i]) ? PROMPT_MEDIA : PROMPT_TEXT;
            row->place = p->n_user++;
        }
    }
    return 0;
}

void prompt_arrived(struct prompt *p, size_t row) {
    p->rows[row].here = true;
    for (; p->next < p->n_rows; p->next++) {
        const struct prompt_row *r = &p->rows[p->next];
        bool is_user = r->kind == PROMPT_TEXT || r->kind == PROMPT_MEDIA;
        if (is_user && !r->here)
            return;
        p->user_here += is_user;
    }
}

void prompt_free(struct prompt *p) {
    free(p->rows);
    *p = (struct prompt){.n_rows = 0};
}
