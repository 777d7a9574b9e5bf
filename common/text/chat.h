/* chat: ChatML, the template of Qwen3-Omni, as text that text_encode turns into a prompt:
 *
 *     <|im_start|>ROLE newline CONTENT <|im_end|> newline  ...  <|im_start|>assistant newline
 *
 * A clip of sound is <|audio_start|><|audio_pad|><|audio_end|>; in the ids its <|audio_pad|> is
 * then repeated, once for each row of audio_embeds (as Qwen3OmniMoeProcessor does). */
#ifndef TEXT_CHAT_H
#define TEXT_CHAT_H

#include "common/base/err.h"
#include "common/text/bytes.h"

#include <stdbool.h>

void text_chat_open(struct text_bytes *chat, const char *role);
void text_chat_close(struct text_bytes *chat);
void text_chat_audio(struct text_bytes *chat);

/* What a line of JSON held. */
struct text_chat_line {
    bool whole;          /* a whole conversation, not one message */
    bool has_system;     /* its first message is the system's */
    bool ends_with_user; /* the last message is the user's: an answer is wanted */
    bool open;           /* whole, and the last message is an assistant's, left open */
};

/* The list of chat messages that a line of JSON is: one message {"role": ..., "content": ...}, or a
 * whole conversation (*whole), a list of them or {"messages": [...]}. A new reference; NULL and 65
 * if it is neither. */
struct json_t *text_chat_messages(const char *json, size_t n, bool *whole, struct err *e);

/* Appends chat messages written as JSON, see text_chat_messages. The last message of a
 * conversation, if it is the assistant's, is left open for the model to go on with. Content is a
 * string or a list of parts {"type": "text", "text": ...} and {"type": "input_audio", ...}. 65: not
 * such JSON; chat is then as it was. */
int text_chat_json(struct text_bytes *chat, const char *json, size_t n, struct text_chat_line *line,
                   struct err *e);

/* Repeats the i-th `pad` in ids rows[i] times. 65 if there are not n of them. */
int text_chat_expand(struct text_ids *ids, int32_t pad, const size_t *rows, size_t n,
                     struct err *e);

#endif
