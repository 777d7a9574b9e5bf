/* detokenize: the text of each turn of a stream, as it comes or as a line of JSON. */
#ifndef TOOLS_DETOKENIZE_H
#define TOOLS_DETOKENIZE_H

#include "common/text/tokenizer.h"
#include "common/wire/frame.h"

struct detokenize {
    const char *model; /* opened when the first prompt is to be read; NULL: none */
    bool json;
    struct text_tokenizer *tokenizer; /* NULL: not needed yet */
    bool broken;                      /* it was needed, but there is none */
    struct text_utf8_stream held;
    struct text_ids prompt; /* of this turn */
    struct text_bytes text; /* of this turn; without json, what is not taken out yet */
    bool has_text;          /* the turn has had text frames */
    char last;              /* byte of the turn's text; 0: none */
};

/* Takes in one frame and appends to out what it makes known. A turn ends with a newline: with json
 * it is one line, {"turn": 0, "text": "...", "reason": "stop", "tokens": 9}. A prompt is read only
 * if the stream comes from the tokenizer, its done tells. 65: a bad prompt, the turn is lost; or,
 * with d->broken, 65, 66, 78: the model has no usable tokenizer. */
int detokenize_frame(struct detokenize *d, const struct frame *f, struct text_bytes *out,
                     struct err *e);

/* Drops what there is of the turn at hand, which is lost, and appends its end. */
void detokenize_lose(struct detokenize *d, struct text_bytes *out);
/* With json, appends {"turn": 1, "error": "...", "from": "omni-thinker", "code": 65}. */
void detokenize_tell(const struct detokenize *d, int64_t turn, const char *from,
                     const struct err *why, struct text_bytes *out);
void detokenize_free(struct detokenize *d);

#endif
