/* omni-codepred: the talker's hidden states to residual codes, see omni-codepred(1). */
#include "common/base/die.h"
#include "tools/codepred_turn.h"
#include "tools/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static void serve(struct codepred_turn *t) {
    struct err e = {.code = 0};
    struct frame *f;
    while ((f = stage_next(t->stage))) {
        if (codepred_turn_take(t, f, &e))
            die_err(&e);
        frame_free(f);
    }
    if (t->in_turn)
        die(ERR_PROTOCOL, "the stream ends inside turn %" PRId64, t->stage->turn);
}

int main(int argc, char **argv) {
    struct opt o;
    struct sampling_flags flags = {NULL};
    struct poptOption own[SAMPLING_OPTIONS];
    sampling_options(own, &flags, NULL, NULL);
    stage_prepare();
    opt_parse(&o, argc, argv, own, OPT_MODEL | OPT_DEVICE | OPT_SEED | OPT_TRACE, "[OPTION...]",
              "the talker's hidden states to residual codes");
    if (poptPeekArg(o.args))
        die(ERR_USAGE, "unexpected argument '%s'", poptPeekArg(o.args));
    struct sampling said = speech_codepred_defaults();
    sampling_flags(&said, &flags);
    uint64_t seed = opt_seed(&o, 0);

    static struct stage stage;
    static struct codepred_turn t;
    struct run run;
    struct config config;
    struct weights *w;
    struct err e = {.code = 0};
    stage_open(&stage, &o, STDIN_FILENO, STDOUT_FILENO);
    run_init(&run, o.device, o.threads, o.precise);
    model_open(&config, &w, opt_model(&o), MODEL_CODEPRED);
    model_read_for(w, &run);
    stage_begin(&stage, &config);
    if (codepred_turn_create(&t, &stage, &run, &config, w, &e))
        die_err(&e);
    t.said = said;
    t.seed = seed;
    stage_trace(&stage, &run, &o);
    serve(&t);
    if (o.verbose && t.all_frames)
        fprintf(stderr, "%s: %zu frames, %.1f frames/s\n", die_program(), t.all_frames,
                (double)t.all_frames / t.working);
    int code = stage_close(&stage);
    if (o.verbose)
        stage_say_memory(&run);
    run_free(&run); /* first: it may still read weights */
    weights_close(w);
    config_free(&config);
    opt_free(&o);
    return code;
}
