/* omni-talker: what the thinker says to frames of codes, see omni-talker(1). */
#include "common/base/die.h"
#include "tools/model.h"
#include "tools/speech.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONTEXT = 8192 };

struct flags {
    char *voice, *context, *codepred;
    int emit_hidden, compat;
    struct sampling_flags sampling;
};

/* -c: rows of the user's turns and of one answer. */
static size_t context_rows(const struct flags *f, const struct config *c) {
    size_t most = c->talker.text.max_position;
    return opt_size("-c", f->context, CONTEXT < most ? CONTEXT : most, TALKER_START + 1, most);
}

static void set_options(struct speech *s, struct flags *f, const struct opt *o) {
    struct err e = {.code = 0};
    s->said.talker = speech_talker_defaults(s->config);
    s->said.codepred = speech_codepred_defaults();
    s->said.seed = opt_seed(o, 0);
    s->compat = f->compat;
    s->emit_hidden = f->emit_hidden;
    sampling_flags(&s->said.talker, &f->sampling);
    if (speech_voice(&s->said.speaker, &s->config->talker, f->voice,
                     f->voice ? ERR_USAGE : ERR_CONFIG, &e))
        die_err(&e);
}

static void load(struct speech *s, struct run *run, struct weights *w, const struct flags *f) {
    struct err e = {.code = 0};
    s->run = run;
    s->answer.width = s->config->thinker.hidden;
    if (talker_create(&s->talker, run, s->config, w, context_rows(f, s->config), &e) ||
        predictor_open(&s->predictor, s->stage, run, s->config, w, f->codepred, &e))
        die_err(&e);
    for (size_t i = 0; i < SPEECH_AHEAD; i++)
        s->begun[i].codes = arena_alloc(&run->memory[RUN_SESSION],
                                        s->config->talker.n_groups * sizeof *s->begun[i].codes);
    if (speech_rehearse(s, &e))
        die_err(&e);
}

static void summary(const struct speech *s) {
    const struct config_code2wav *c = &s->config->code2wav;
    double frames = (double)s->all_frames;
    double spoken = frames * (double)c->factor / (double)c->sample_rate;
    fprintf(stderr, "%s: %zu turns, %zu frames", die_program(), s->all_turns, s->all_frames);
    if (frames > 0)
        fprintf(stderr, ", %.1f frames/s, RTF %.3f", frames / s->all_working,
                s->all_working / spoken);
    fprintf(stderr, "\n");
}

static void serve(struct speech *s) {
    struct err e = {.code = 0};
    struct frame *f;
    while ((f = stage_next(s->stage))) {
        if (speech_take(s, f, &e))
            die_err(&e);
        frame_free(f);
    }
    if (s->state != SPEECH_IDLE)
        die(ERR_PROTOCOL, "the stream ends inside turn %" PRId64, s->stage->turn);
    if (predictor_close(&s->predictor, &e))
        die_err(&e);
}

static void free_flags(struct flags *f) {
    free(f->voice);
    free(f->context);
    free(f->codepred);
}

int main(int argc, char **argv) {
    struct opt o;
    static struct flags f;
    struct poptOption sampling[SAMPLING_OPTIONS];
    sampling_options(sampling, &f.sampling, "penalty on codes drawn before",
                     "end after so many frames");
    const struct poptOption own[] = {
        {NULL, 0, POPT_ARG_INCLUDE_TABLE, sampling, 0, NULL, NULL},
        {"voice", 0, POPT_ARG_STRING, &f.voice, 0, "the voice (default: ethan)", "NAME"},
        {"context", 'c', POPT_ARG_STRING, &f.context, 0, "rows of user turns and answer at most",
         "ROWS"},
        {"codepred", 0, POPT_ARG_STRING, &f.codepred, 0,
         "run this as a co-process in place of the code predictor inside", "CMD"},
        {"emit-hidden", 0, POPT_ARG_NONE, &f.emit_hidden, 0,
         "also send talker_hidden and code0 of each frame", NULL},
        {"compat", 0, POPT_ARG_NONE, &f.compat, 0, "leave out what the reference leaves out", NULL},
        POPT_TABLEEND};
    stage_prepare();
    opt_parse(&o, argc, argv, own, OPT_MODEL | OPT_DEVICE | OPT_SEED | OPT_TRACE, "[OPTION...]",
              "what the thinker says to frames of codes");
    if (poptPeekArg(o.args))
        die(ERR_USAGE, "unexpected argument '%s'", poptPeekArg(o.args));

    static struct stage stage;
    static struct speech s;
    struct run run;
    struct config config;
    struct weights *w;
    stage_open(&stage, &o, STDIN_FILENO, STDOUT_FILENO);
    run_init(&run, o.device, o.threads, o.precise);
    model_open(&config, &w, opt_model(&o), MODEL_TALKER);
    model_read_for(w, &run);
    s.stage = &stage;
    s.config = &config;
    set_options(&s, &f, &o);
    stage_begin(&stage, &config);
    load(&s, &run, w, &f);
    stage_trace(&stage, &run, &o);
    serve(&s);
    if (o.verbose)
        summary(&s);
    int code = stage_close(&stage);
    if (o.verbose)
        stage_say_memory(&run);
    speech_free(&s);
    run_free(&run); /* first: it may still read weights */
    weights_close(w);
    config_free(&config);
    free_flags(&f);
    opt_free(&o);
    return code;
}
