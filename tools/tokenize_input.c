#include "tools/tokenize_input.h"

#include "common/base/die.h"
#include "common/wire/io.h"
#include "tools/lines.h"
#include "tools/peek.h"

#include <string.h>
#include <unistd.h>

enum { STREAM = 0x93 }; /* first byte of a stream, never of UTF-8 text */

/* A turn with this text from standard input. */
static void say(const struct tokenize_input *in, const struct text_bytes *text) {
    const struct tokenize_turns *t = in->turns;
    struct tokenize_text from_stdin = {text->data, text->n};
    if (in->json)
        tokenize_turn_json(in->turns, from_stdin);
    else if (in->answers)
        tokenize_turn_text(in->turns, t->user, from_stdin);
    else
        tokenize_turn_text(in->turns, from_stdin, t->assistant);
}

/* Lines end with LF. Unless every byte counts they may also end with CR LF, and blank ones say
 * nothing. */
static void read_lines(const struct tokenize_input *in) {
    struct text_bytes line = {0};
    while (lines_next(&line)) {
        line.n -= line.data[line.n - 1] == '\n';
        if (!in->raw && line.n > 0 && line.data[line.n - 1] == '\r')
            line.n--;
        line.data[line.n] = 0;
        if (in->raw || strspn(line.data, " \t") < line.n)
            say(in, &line);
    }
    text_bytes_free(&line);
}

static void read_all(struct text_bytes *text) {
    enum { CHUNK = 64 << 10 };
    struct err e = {.code = 0};
    for (size_t got = CHUNK; got == CHUNK; text->n += got)
        if (io_read(STDIN_FILENO, text_bytes_reserve(text, CHUNK), CHUNK, &got, &e))
            die_err(&e);
}

/* All of standard input is one text; the newline at its end belongs to the file, not to the text.
 */
static void read_text(const struct tokenize_input *in) {
    struct text_bytes text = {0};
    read_all(&text);
    bool empty = text.n == 0;
    if (!in->raw && text.n > 0 && text.data[text.n - 1] == '\n')
        text.n--;
    if (!in->raw && text.n > 0 && text.data[text.n - 1] == '\r')
        text.n--;
    if (empty && in->turns->assistant.data)
        tokenize_turn_text(in->turns, in->turns->user, in->turns->assistant);
    else
        say(in, &text);
    text_bytes_free(&text);
}

static void read_stream(const struct tokenize_input *in) {
    if (in->lines || in->answers)
        die(ERR_USAGE, "standard input is a stream, not text: no -l, no --assistant -");
    stage_input(in->turns->stage, STDIN_FILENO);
    for (struct frame *f; (f = stage_next(in->turns->stage));)
        tokenize_turn_frame(in->turns, f);
}

/* With nothing to read, what the options and arguments say is a turn. */
static bool needs_stdin(const struct tokenize_input *in) {
    const struct tokenize_turns *t = in->turns;
    return in->json || in->lines || in->answers || (!t->user.data && !t->assistant.data);
}

void tokenize_input_run(const struct tokenize_input *in) {
    struct err e = {.code = 0};
    int first = -1;
    bool terminal = isatty(STDIN_FILENO);
    if (!terminal && peek_byte(STDIN_FILENO, &first, &e))
        die_err(&e);
    if (first == STREAM)
        read_stream(in);
    else if (in->json || in->lines)
        read_lines(in);
    else if (needs_stdin(in) || (!terminal && !in->turns->user.data))
        read_text(in);
    else
        tokenize_turn_text(in->turns, in->turns->user, in->turns->assistant);
    tokenize_turns_end(in->turns);
}
