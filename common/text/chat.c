#include "common/text/chat.h"

#include <string.h>

void text_chat_open(struct text_bytes *chat, const char *role) {
    text_bytes_add_string(chat, "<|im_start|>");
    text_bytes_add_string(chat, role);
    text_bytes_add_string(chat, "\n");
}

void text_chat_close(struct text_bytes *chat) {
    text_bytes_add_string(chat, "<|im_end|>\n");
}

void text_chat_audio(struct text_bytes *chat) {
    text_bytes_add_string(chat, "<|audio_start|><|audio_pad|><|audio_end|>");
}

static int check_places(const struct text_ids *ids, int32_t pad, size_t n, struct err *e) {
    size_t places = 0;
    for (size_t i = 0; i < ids->n; i++)
        places += ids->data[i] == pad;
    if (places != n)
        return err_set(e, ERR_DATA,
                       "the text has %zu places for sound (<|audio_pad|>), but %zu "
                       "clips came with it",
                       places, n);
    return 0;
}

int text_chat_expand(struct text_ids *ids, int32_t pad, const size_t *rows, size_t n,
                     struct err *e) {
    if (check_places(ids, pad, n, e) || n == 0)
        return e->code;
    size_t old = ids->n, more = 0;
    for (size_t k = 0; k < n; k++)
        more += rows[k];
    text_ids_reserve(ids, more);
    /* The old ids move to the end of the new ones, then all are written from the front. */
    memmove(ids->data + more, ids->data, old * sizeof *ids->data);
    const int32_t *from = ids->data + more;
    ids->n = 0;
    for (size_t i = 0, k = 0; i < old; i++) {
        int32_t id = from[i];
        size_t times = id == pad ? rows[k++] : 1;
        for (; times > 0; times--)
            ids->data[ids->n++] = id;
    }
    return 0;
}
