/* omni-detokenize: the text of a stream, see omni-detokenize(1). */
#include "common/base/die.h"
#include "common/wire/io.h"
#include "tools/detokenize.h"
#include "tools/stage.h"

#include <inttypes.h>
#include <unistd.h>

static void check(const struct err *e) {
    if (e->code)
        die_err(e);
}

/* Who lost the turn has said so where it runs, which may be far away. */
static void report(const struct frame *error) {
    char text[480], from[64];
    frame_string(error, "text", text, sizeof text);
    frame_string(error, "from", from, sizeof from);
    die_warn("turn %" PRId64 ": %s: %s", error->turn, from, text);
}

int main(int argc, char **argv) {
    struct opt o;
    struct stage stage;
    struct err e = {.code = 0};
    struct text_bytes out = {0};
    int json = 0;
    const struct poptOption own[] = {
        {"json", 0, POPT_ARG_NONE, &json, 0, "print a line of JSON a turn", NULL}, POPT_TABLEEND};
    opt_parse(&o, argc, argv, own, OPT_MODEL, "[OPTION...]", "the text of a stream");
    if (poptPeekArg(o.args))
        die(ERR_USAGE, "%s: no arguments are expected", poptPeekArg(o.args));
    struct detokenize d = {.model = o.model, .json = json};
    stage_open(&stage, &o, STDIN_FILENO, -1);
    for (struct frame *f; (f = stage_next(&stage)); frame_free(f)) {
        if (f->kind == FRAME_ERROR)
            report(f);
        detokenize_frame(&d, f, &out, &e);
        check(&e);
        io_write(STDOUT_FILENO, out.data, out.n, &e);
        check(&e);
        out.n = 0;
    }
    int code = stage_close(&stage);
    text_bytes_free(&out);
    detokenize_free(&d);
    opt_free(&o);
    return code;
}
