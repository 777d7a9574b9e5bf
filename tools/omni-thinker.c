/* omni-thinker: prompts to tokens, text and what the talker listens to, see omni-thinker(1). */
#include "common/base/die.h"
#include "tools/model.h"
#include "tools/thinker_turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONTEXT = 8192 };

struct tool {
    struct opt opt;
    struct sampling_flags flags;
    char *context, *beams;
    struct stage stage;
    struct run run;
    struct config config;
    struct weights *weights;
    struct thinker thinker;
    struct thinker_turn turn;
};

static void parse_options(struct tool *t, int argc, char **argv) {
    struct poptOption sampling[SAMPLING_OPTIONS];
    sampling_options(sampling, &t->flags, "divide the logits of ids that are in the text by R",
                     "draw at most MAX tokens a turn; 0: none (default: what the context holds)");
    const struct poptOption own[] = {
        {NULL, 0, POPT_ARG_INCLUDE_TABLE, sampling, 0, NULL, NULL},
        {"context", 'c', POPT_ARG_STRING, &t->context, 0,
         "rows that a conversation may have (default: 8192, or what the model can)", "CONTEXT"},
        {"beams", 0, POPT_ARG_STRING, &t->beams, 0,
         "at temperature 0 look for the likeliest answer with N beams (default: 1)", "N"},
        POPT_TABLEEND};
    opt_parse(&t->opt, argc, argv, own, OPT_MODEL | OPT_DEVICE | OPT_SEED | OPT_TRACE,
              "[OPTION...]", "prompts to tokens, text and what the talker listens to");
    if (poptPeekArg(t->opt.args))
        die(ERR_USAGE, "%s: no arguments are expected", poptPeekArg(t->opt.args));
}

/* -c, which the model must be able to. */
static size_t context_size(const struct tool *t) {
    size_t most = t->config.thinker.max_position;
    return opt_size("-c", t->context, CONTEXT < most ? CONTEXT : most, 1, most);
}

static struct sampling default_sampling(struct tool *t) {
    struct sampling s = {.temp = 0, .top_k = 0, .top_p = 1, .rep = 1, .limit = -1};
    sampling_config(&s, &t->config.thinker_sampling);
    sampling_flags(&s, &t->flags);
    return s;
}

static void load(struct tool *t) {
    struct err e = {.code = 0};
    const char *model = opt_model(&t->opt);
    size_t beams = opt_size("--beams", t->beams, 1, 1, THINKER_BEAMS_MOST);
    run_init(&t->run, t->opt.device, t->opt.threads, t->opt.precise);
    model_open(&t->config, &t->weights, model, MODEL_THINKER);
    model_read_for(t->weights, &t->run);
    struct sampling s = default_sampling(t);
    if (thinker_open(&t->thinker, &t->run, &t->config, t->weights, context_size(t), &e))
        die_err(&e);
    thinker_turn_init(&t->turn, &t->stage, &t->thinker, model, &s, opt_seed(&t->opt, 0), beams);
}

static void send_tts_rows(struct tool *t) {
    size_t width = t->config.thinker.hidden;
    struct tensor rows = tensor_2d(TENSOR_F32, t->turn.buffer, 3, width);
    thinker_tts_rows(&t->thinker, t->turn.buffer);
    stage_tensor(&t->stage, "tts_embed", &rows);
}

static void release(struct tool *t) {
    thinker_turn_free(&t->turn);
    thinker_close(&t->thinker);
    run_free(&t->run); /* first: it may still read weights */
    weights_close(t->weights);
    config_free(&t->config);
    free(t->context);
    free(t->beams);
    opt_free(&t->opt);
}

int main(int argc, char **argv) {
    static struct tool t;
    struct err e = {.code = 0};
    stage_prepare();
    parse_options(&t, argc, argv);
    stage_open(&t.stage, &t.opt, STDIN_FILENO, STDOUT_FILENO);
    load(&t);
    stage_begin(&t.stage, &t.config);
    if (t.config.has_talker)
        send_tts_rows(&t);
    if (t.turn.defaults.limit != 0 && thinker_turn_wake(&t.turn, &e))
        die_err(&e);
    stage_trace(&t.stage, &t.run, &t.opt);
    for (struct frame *f; (f = stage_next(&t.stage)); frame_free(f))
        thinker_turn_frame(&t.turn, f);
    thinker_turn_end(&t.turn);
    int code = stage_close(&t.stage);
    if (t.opt.verbose)
        stage_say_memory(&t.run);
    release(&t);
    return code;
}
