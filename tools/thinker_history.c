#include "tools/thinker_history.h"

#include "common/base/arena.h"

#include <stdlib.h>
#include <string.h>

void thinker_history_init(struct thinker_history *h, const struct config *c) {
    *h = (struct thinker_history){.config = c};
}

void thinker_history_free(struct thinker_history *h) {
    free(h->ids);
    free(h->media_row);
    free(h->media);
    free(h->hidden);
    *h = (struct thinker_history){0};
}

static bool is_media(const struct config *c, int32_t id) {
    return id == c->audio_token;
}

size_t thinker_count_media(const struct config *c, const int32_t *ids, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += is_media(c, ids[i]);
    return count;
}

/* ---- growing and shrinking ---- */

static size_t more_room(size_t n, size_t room) {
    return n > 2 * room ? n : 2 * room;
}

static void reserve(struct thinker_history *h, size_t n) {
    if (h->n + n <= h->room)
        return;
    h->room = more_room(h->n + n, h->room);
    h->ids = arena_xrealloc(h->ids, h->room, sizeof *h->ids);
    h->media_row = arena_xrealloc(h->media_row, h->room, sizeof *h->media_row);
}

static void reserve_media(struct thinker_history *h, size_t n) {
    if (h->n_media + n <= h->media_room)
        return;
    size_t bytes = h->config->thinker.hidden * sizeof *h->media;
    h->media_room = more_room(h->n_media + n, h->media_room);
    h->media = arena_xrealloc(h->media, h->media_room, bytes);
    h->hidden = arena_xrealloc(h->hidden, h->media_room, bytes);
}

void thinker_history_append_one(struct thinker_history *h, int32_t id) {
    reserve(h, 1);
    h->media_row[h->n] = -1;
    h->ids[h->n++] = id;
}

void thinker_history_append(struct thinker_history *h, const int32_t *ids, size_t n,
                            const float *media) {
    size_t width = h->config->thinker.hidden;
    reserve_media(h, thinker_count_media(h->config, ids, n));
    for (size_t i = 0; i < n; i++) {
        thinker_history_append_one(h, ids[i]);
        if (!is_media(h->config, ids[i]))
            continue;
        h->media_row[h->n - 1] = (int32_t)h->n_media;
        memcpy(h->media + h->n_media++ * width, media, width * sizeof *media);
        media += width;
    }
}

void thinker_history_truncate(struct thinker_history *h, size_t n) {
    for (; h->n > n; h->n--)
        h->n_media -= h->media_row[h->n - 1] >= 0;
}

/* True if the id at index i has this row; media NULL: if it has none. */
static bool has_row(const struct thinker_history *h, size_t i, const float *media) {
    size_t width = h->config->thinker.hidden;
    int32_t row = h->media_row[i];
    if (!media || row < 0)
        return !media && row < 0;
    return memcmp(h->media + (size_t)row * width, media, width * sizeof *media) == 0;
}

size_t thinker_history_common(const struct thinker_history *h, const int32_t *ids, size_t n,
                              const float *media) {
    size_t i = 0;
    for (; i < n && i < h->n && ids[i] == h->ids[i]; i++) {
        bool own = is_media(h->config, ids[i]);
        if (!has_row(h, i, own ? media : NULL))
            break;
        if (own)
            media += h->config->thinker.hidden;
    }
    return i;
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
        bool wanted = part == THINKER_MEDIA ? user && h->media_row[i] >= 0 : user || answer;
        if (wanted)
            rows[n++] = i;
    }
    return n;
}
