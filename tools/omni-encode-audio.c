/* omni-encode-audio: sound files to audio_embeds, see omni-encode-audio(1). */
#include "common/base/die.h"
#include "tools/encode_audio_turn.h"
#include "tools/lines.h"
#include "tools/model.h"

#include <string.h>
#include <unistd.h>

struct tool {
    struct stage stage;
    struct run run;
    struct config config;
    struct weights *weights;
    struct encoder encoder;
    struct audio_turns turns;
};

/* A turn for each line of standard input that is not blank. */
static void send_lines(struct tool *t, void (*send)(struct audio_turns *, const char *, size_t)) {
    struct text_bytes line = {0};
    while (lines_next(&line)) {
        while (line.n > 0 && (line.data[line.n - 1] == '\n' || line.data[line.n - 1] == '\r'))
            line.data[--line.n] = 0;
        if (line.data[strspn(line.data, " \t")])
            send(&t->turns, line.data, line.n);
    }
    text_bytes_free(&line);
}

static void load(struct tool *t, const struct opt *o) {
    struct err e = {.code = 0};
    run_init(&t->run, o->device, o->threads, o->precise);
    model_open(&t->config, &t->weights, opt_model(o), MODEL_AUDIO);
    model_read_for(t->weights, &t->run);
    if (encoder_create(&t->encoder, &t->run, &t->config.audio, t->weights, &e))
        die_err(&e);
    encoder_rehearse(&t->encoder);
}

int main(int argc, char **argv) {
    struct opt o;
    int lines = 0, json = 0;
    const struct poptOption own[] = {
        {"lines", 'l', POPT_ARG_NONE, &lines, 0, "read lines of file names, a turn each", NULL},
        {"jsonl", 0, POPT_ARG_NONE, &json, 0, "read lines of chat messages, a turn each", NULL},
        POPT_TABLEEND};
    stage_prepare();
    opt_parse(&o, argc, argv, own, OPT_MODEL | OPT_DEVICE | OPT_TRACE, "[OPTION...] [FILE...]",
              "sound files (- is standard input) to audio_embeds");
    static struct tool t;
    stage_open(&t.stage, &o, -1, STDOUT_FILENO);
    const char **paths = poptGetArgs(o.args);
    size_t n = 0;
    while (paths && paths[n])
        n++;
    if ((lines || json) && n)
        die(ERR_USAGE, "lines are read from standard input; leave out %s", paths[0]);
    if (lines && json)
        die(ERR_USAGE, "-l and --jsonl read different lines");
    load(&t, &o);
    t.turns = (struct audio_turns){.stage = &t.stage, .encoder = &t.encoder};
    stage_begin(&t.stage, &t.config);
    stage_trace(&t.stage, &t.run, &o);
    if (lines || json)
        send_lines(&t, json ? audio_turns_message : audio_turns_names);
    else
        audio_turns_files(&t.turns, n ? paths : (const char *[]){"-"}, n ? n : 1);
    int code = stage_close(&t.stage);
    if (o.verbose)
        stage_say_memory(&t.run);
    run_free(&t.run); /* first: it may still read weights */
    weights_close(t.weights);
    config_free(&t.config);
    opt_free(&o);
    return code;
}
