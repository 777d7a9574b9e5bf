/* prompt: which rows of a prompt the talker hears. Those are the user's turns, whole, from
 * <|im_start|>user to the newline after <|im_end|>, and what follows the last <|im_start|> if that
 * is the assistant's: three header tokens, then text to be spoken. System turns and earlier answers
 * never reach it (Qwen3OmniMoeForConditionalGeneration.generate). */
#ifndef TOOLS_PROMPT_H
#define TOOLS_PROMPT_H

#include "common/weights/config.h"

enum prompt_kind { PROMPT_UNHEARD, PROMPT_TEXT, PROMPT_MEDIA, PROMPT_ANSWER };

struct prompt_row {
    enum prompt_kind kind;
    size_t place; /* among the user rows (TEXT, MEDIA), or among the answer's */
    bool here;    /* the row has come */
};

struct prompt {
    size_t n_rows, n_user, n_answer;
    struct prompt_row *rows; /* [n_rows] */
    size_t user_here;        /* user rows that have come without a gap */
    size_t next;             /* the first row that stops user_here from growing */
};

/* Sorts the ids. 65: the last part is not an assistant's. */
int prompt_sort(struct prompt *p, const struct config *c, const int32_t *ids, size_t n,
                struct err *e);
void prompt_free(struct prompt *p);

/* Notes that the row has come, and updates user_here. */
void prompt_arrived(struct prompt *p, size_t row);

#endif
