#include "tools/thinker_history.h"

#include "common/base/arena.h"

#include <stdlib.h>
#include <string.h>

void thinker_history_init(struct thinker_history *h, const struct config *c) {
    *h = (struct thinker_history){.config = c};
}

void thinker_history_free(struct thinker_history *h) {
    free(h->ids);
    free(h->media);
    free(h->hidden);
    *h = (struct thinker_history){0};
}

bool thinker_is_media(const struct config *c, int32_t id) {
    return id == c->audio_token;
}

size_t thinker_count_media(const struct config *c, const int32_t *ids, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += thinker_is_media(c, ids[i]);
    return count;
}

/* ---- growing and shrinking ---- */

static size_t room_for(size_t n, size_t room) {
    return n <= room ? room : n > 2 * room ? n : 2 * room;
}

static void append_media(struct thinker_history *h, const float *media, size_t n) {
    size_t width = h->config->thinker.hidden, room = room_for(h->n_media + n, h->media_room);
    if (room > h->media_room) {
        h->media = arena_xrealloc(h->media, room, width * sizeof *h->media);
        h->hidden = arena_xrealloc(h->hidden, room, width * sizeof *h->hidden);
        h->media_room = room;
    }
    memcpy(h->media + h->n_media * width, media, n * width * sizeof *media);
    h->n_media += n;
}

void thinker_history_append(struct thinker_history *h, const int32_t *ids, size_t n,
                            const float *media) {
    size_t room = room_for(h->n + n, h->room), n_media = thinker_count_media(h->config, ids, n);
    if (room > h->room) {
        h->ids = arena_xrealloc(h->ids, room, sizeof *h->ids);
        h->room = room;
    }
    memcpy(h->ids + h->n, ids, n * sizeof *ids);
    h->n += n;
    if (n_media)
        append_media(h, media, n_media);
}

void thinker_history_truncate(struct thinker_history *h, size_t n) {
    h->n = n;
    h->n_media = thinker_count_media(h->config, h->ids, n);
}

size_t thinker_history_common(const struct thinker_history *h, const int32_t *ids, size_t n,
                              const float *media) {
    size_t width = h->config->thinker.hidden, row = 0, i = 0;
    for (; i < n && i < h->n && ids[i] == h->ids[i]; i++) {
        if (!thinker_is_media(h->config, ids[i]))
            continue;
        if (memcmp(h->media + row * width, media + row * width, width * sizeof *media) != 0)
            break;
        row++;
    }
    return i;
}

float *thinker_history_hidden(const struct thinker_history *h, size_t i) {
    return h->hidden + thinker_count_media(h->config, h->ids, i) * h->config->thinker.hidden;
}

/* ---- whose row ---- */

/* Index of the last <|im_start|> before end; h->n if there is none. */
static size_t last_start(const struct thinker_history *h, size_t end) {
    while (end > 0)
        if (h->ids[--end] == h->config->im_start)
            return end;
    return h->n;
}

/* The id that follows the <|im_start|> at index start; -1 if none does. */
static int32_t role(const struct thinker_history *h, size_t start) {
    return start + 1 < h->n ? h->ids[start + 1] : -1;
}

size_t thinker_history_rows(const struct thinker_history *h, enum thinker_part part, size_t first,
                            size_t last, size_t *rows) {
    const struct config *c = h->config;
    size_t n = 0, final = last_start(h, h->n), start = last_start(h, first);
    for (size_t i = first; i < last; i++) {
        if (h->ids[i] == c->im_start)
            start = i;
        bool user = role(h, start) == c->user_token;
        bool answer = start == final && role(h, start) == c->assistant_token;
        bool wanted =
            part == THINKER_MEDIA ? user && thinker_is_media(c, h->ids[i]) : user || answer;
        if (wanted)
            rows[n++] = i;
    }
    return n;
}
