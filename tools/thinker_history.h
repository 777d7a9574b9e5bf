/* thinker_history: the conversation as the thinker has it: all token ids so far, with the audio
 * rows that stand at media ids. Host memory only. */
#ifndef TOOLS_THINKER_HISTORY_H
#define TOOLS_THINKER_HISTORY_H

#include "common/weights/config.h"

struct thinker_history {
    const struct config *config;
    int32_t *ids;
    int32_t *media_row; /* of each id: its row below, -1 if it has none */
    size_t n, room;
    /* Rows from other stages, in order: what enters layer 0, and (once the layers ran) what leaves
     * the layer that the talker listens to. Each [n_media, D]. */
    float *media, *hidden;
    size_t n_media, media_room;
};

void thinker_history_init(struct thinker_history *h, const struct config *c);
void thinker_history_free(struct thinker_history *h);

/* How many of the ids of a prompt stand for rows from another stage. */
size_t thinker_count_media(const struct config *c, const int32_t *ids, size_t n);

/* Appends ids of a prompt, with a row of D for each id that stands for one. */
void thinker_history_append(struct thinker_history *h, const int32_t *ids, size_t n,
                            const float *media);
/* Appends one id that has its row in the table, whichever it is. */
void thinker_history_append_one(struct thinker_history *h, int32_t id);
/* Forgets all but the first n. */
void thinker_history_truncate(struct thinker_history *h, size_t n);
/* Length of the longest common prefix with another beginning: the same ids, the same media. */
size_t thinker_history_common(const struct thinker_history *h, const int32_t *ids, size_t n,
                              const float *media);

/* What the talker gets of the rows [first, last): their indices into ids, written to rows (room for
 * last - first); returns how many.
 *   THINKER_TEXT   rows of user parts, and of the last part if it is an assistant's
 *   THINKER_MEDIA  media rows of user parts
 * A part reaches from <|im_start|> to before the next; the id after <|im_start|> says whose it is
 * (Qwen3OmniMoeForConditionalGeneration.generate). */
enum thinker_part { THINKER_TEXT, THINKER_MEDIA };
size_t thinker_history_rows(const struct thinker_history *h, enum thinker_part part, size_t first,
                            size_t last, size_t *rows);

#endif
