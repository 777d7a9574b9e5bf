/* omni-detokenize: the text of a stream, see omni-detokenize(1). */
#include "common/base/die.h"
#include "common/wire/io.h"
#include "tools/detokenize.h"
#include "tools/stage.h"

#include <inttypes.h>
#include <unistd.h>

struct tool {
    struct opt opt;
    struct stage stage;
    struct detokenize text;
    struct text_bytes out;
};

/* An error frame: who lost the turn has said so where it runs, which may be far away. */
static void report(struct tool *t, const struct frame *error) {
    char from[64];
    struct err why = {.code = ERR_DATA};
    frame_string(error, "text", why.text, sizeof why.text);
    frame_string(error, "from", from, sizeof from);
    int64_t code;
    if (frame_int(error, "code", &code) && code > 0 && code < 256)
        why.code = (int)code;
    die_warn("turn %" PRId64 ": %s: %s", error->turn, from, why.text);
    if (stage_turn_lost(&t->stage, error))
        detokenize_lose(&t->text, &t->out);
    detokenize_tell(&t->text, error->turn, from, &why, &t->out);
}

static void take(struct tool *t, const struct frame *f) {
    struct err e = {.code = 0};
    if (f->kind == FRAME_ERROR) {
        report(t, f);
    } else if (detokenize_frame(&t->text, f, &t->out, &e) && !t->text.broken) {
        stage_lose_turn(&t->stage, &e);
        detokenize_lose(&t->text, &t->out);
        detokenize_tell(&t->text, f->turn, die_program(), &e, &t->out);
        e.code = 0;
    }
    if (!e.code)
        io_write(STDOUT_FILENO, t->out.data, t->out.n, &e);
    if (e.code)
        die_err(&e);
    t->out.n = 0;
}

int main(int argc, char **argv) {
    static struct tool t;
    int json = 0;
    const struct poptOption own[] = {
        {"json", 0, POPT_ARG_NONE, &json, 0, "print a line of JSON a turn", NULL}, POPT_TABLEEND};
    opt_parse(&t.opt, argc, argv, own, OPT_MODEL, "[OPTION...]", "the text of a stream");
    if (poptPeekArg(t.opt.args))
        die(ERR_USAGE, "%s: no arguments are expected", poptPeekArg(t.opt.args));
    t.text = (struct detokenize){.model = t.opt.model, .json = json};
    stage_open(&t.stage, &t.opt, STDIN_FILENO, -1);
    for (struct frame *f; (f = stage_next(&t.stage)); frame_free(f))
        take(&t, f);
    int code = stage_close(&t.stage);
    text_bytes_free(&t.out);
    detokenize_free(&t.text);
    opt_free(&t.opt);
    return code;
}
