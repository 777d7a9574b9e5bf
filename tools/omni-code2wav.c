/* omni-code2wav: codes to sound, see omni-code2wav(1). */
#include "common/base/die.h"
#include "tools/code2wav_stage.h"

#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 8, CHUNK_MAX = 1024 };

struct flags {
    char *output, *raw;
    int text, chunk, compat;
};

/* Where the sound goes, and whether there is a stream on standard output. */
static void open_output(struct code2wav_stage *t, const struct flags *flags, const struct opt *o) {
    struct err e = {.code = 0};
    if (o->trace && flags->output && flags->output[0] == '-' && !flags->output[1])
        die(ERR_USAGE, "--trace has standard output; the sound needs another place than -o -");
    if (o->trace && flags->raw && !flags->output)
        die(ERR_USAGE, "--trace has standard output; --raw needs -o FILE");
    t->silent = o->trace && !flags->output;
    if (!t->silent &&
        sink_open(&t->sink, flags->output, flags->raw, t->config.code2wav.sample_rate, &e))
        die_err(&e);
    stage_begin(&t->stage, &t->config);
    stage_trace(&t->stage, &t->run, o);
}

/* A fatal error leaves no file behind. */
static void remove_output(void *ctx) {
    struct code2wav_stage *t = ctx;
    sink_abandon(&t->sink);
}

int main(int argc, char **argv) {
    struct opt o;
    struct flags flags = {.chunk = CHUNK};
    const struct poptOption own[] = {
        {"output", 'o', POPT_ARG_STRING, &flags.output, 0,
         "write FILE (.wav .flac .ogg .opus; %d is the turn) instead of standard output", "FILE"},
        {"raw", 0, POPT_ARG_STRING, &flags.raw, 0, "samples without a header: s16 or f32",
         "FORMAT"},
        {"text", 0, POPT_ARG_NONE, &flags.text, 0, "print passing text on standard error", NULL},
        {"chunk", 0, POPT_ARG_INT, &flags.chunk, 0, "frames at a time, at most (default: 8)", "N"},
        {"compat", 0, POPT_ARG_NONE, &flags.compat, 0,
         "lose what the reference loses every 300 frames", NULL},
        POPT_TABLEEND};
    opt_parse(&o, argc, argv, own, OPT_MODEL | OPT_DEVICE | OPT_TRACE, "[OPTION...]",
              "codes to sound");
    if (poptPeekArg(o.args))
        die(ERR_USAGE, "%s: the codes come on standard input", poptPeekArg(o.args));
    if (flags.chunk < 1 || flags.chunk > CHUNK_MAX)
        die(ERR_USAGE, "--chunk %d: frames at a time are 1 to %d", flags.chunk, CHUNK_MAX);
    static struct code2wav_stage t;
    stage_open(&t.stage, &o, STDIN_FILENO, o.trace ? STDOUT_FILENO : -1);
    stage_at_exit(&t.stage, remove_output, &t);
    t.show_text = flags.text;
    run_init(&t.run, o.device, o.threads, o.precise);
    code2wav_stage_load(&t, opt_model(&o), (size_t)flags.chunk, flags.compat);
    open_output(&t, &flags, &o);
    struct frame *f;
    while ((f = stage_next(&t.stage))) {
        code2wav_stage_take(&t, f);
        frame_free(f);
    }
    if (t.open)
        die(ERR_PROTOCOL, "the stream ends inside a turn");
    struct err e = {.code = 0};
    if (!t.silent && sink_close(&t.sink, &e))
        die_err(&e);
    int code = stage_close(&t.stage);
    if (o.verbose)
        stage_say_memory(&t.run);
    code2wav_stage_free(&t);
    free(flags.output);
    free(flags.raw);
    opt_free(&o);
    return code;
}
