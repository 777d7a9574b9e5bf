/* tokenize: what goes into the prompt of each turn of a conversation. */
#ifndef TOOLS_TOKENIZE_H
#define TOOLS_TOKENIZE_H

#include "common/text/chat.h"
#include "common/text/tokenizer.h"

struct tokenize {
    struct text_tokenizer *tokenizer;
    bool raw;                   /* no template */
    const char *system;         /* the system's prompt; may be NULL */
    int32_t pad;                /* <|audio_pad|>; -1: the vocabulary has none */
    bool going_on;              /* a prompt of this conversation is out */
    struct text_bytes chat;     /* the turn, or the messages so far, rendered */
    size_t mark;                /* length of chat before the last line of messages */
    struct text_chat_line line; /* what that line was */
    bool only_new;              /* what has been said in a prompt is not said again */
    struct text_ids prompt;     /* the result */
};

/* 66, 65, 78: the tokenizer's files are missing, broken, or not for this template. system must
 * outlive t. */
int tokenize_create(struct tokenize *t, const char *model, bool raw, const char *system,
                    struct err *e);
void tokenize_destroy(struct tokenize *t);

/* data NULL: there is none. */
struct tokenize_text {
    const char *data;
    size_t n;
};

/* What one turn says. A user part is made if there are clips or a user's text; clips come before
 * the text. */
struct tokenize_turn {
    struct tokenize_text user;
    struct tokenize_text assistant; /* the beginning of the answer */
    size_t *rows;                   /* [n_clips] rows of audio_embeds of each clip */
    size_t n_clips;
    bool again; /* the conversation goes on: the prompt holds only what is new */
};

/* t->prompt = the ids of a turn. 65 if the places for clips in it are not as many as the clips. */
int tokenize_prompt(struct tokenize *t, const struct tokenize_turn *turn, struct err *e);

/* Takes one line of messages in, see text_chat_json. turn->rows are the clips that came with it.
 * again: the next prompt is to hold only what is new. False in *wanted: no answer is due yet.
 * *restarted: earlier messages, and their clips, are forgotten. 65: not such JSON, or other clips
 * than it has parts for; nothing changes. */
int tokenize_message(struct tokenize *t, const struct tokenize_text *json,
                     const struct tokenize_turn *turn, bool again, bool *wanted, bool *restarted,
                     struct err *e);

/* t->prompt = the ids of all messages so far, or of those since the last prompt.
 * turn->rows are the clips in them; turn->user is not used. After an error the last line is
 * forgotten. */
int tokenize_messages(struct tokenize *t, const struct tokenize_turn *turn, struct err *e);

#endif
