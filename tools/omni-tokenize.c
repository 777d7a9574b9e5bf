/* omni-tokenize: text to prompts, see omni-tokenize(1). */
#include "common/base/die.h"
#include "tools/tokenize_input.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct tool {
    struct opt opt;
    int raw, lines, json, again;
    char *system, *assistant, *voice;
    struct text_bytes arguments; /* data NULL: there are none */
    uint64_t seed;
    struct config config;
    struct stage stage;
    struct tokenize prompts;
    struct tokenize_turns turns;
};

static void parse_options(struct tool *t, int argc, char **argv) {
    const struct poptOption own[] = {
        {"raw", 'r', POPT_ARG_NONE, &t->raw, 0, "the text is the prompt: no template", NULL},
        {"lines", 'l', POPT_ARG_NONE, &t->lines, 0, "each line of stdin is a conversation", NULL},
        {"jsonl", 0, POPT_ARG_NONE, &t->json, 0, "lines of stdin are chat messages in JSON", NULL},
        {"continue", 0, POPT_ARG_NONE, &t->again, 0, "all turns are one conversation", NULL},
        {"system", 'p', POPT_ARG_STRING, &t->system, 0, "what the model is told first", "SYSTEM"},
        {"assistant", 0, POPT_ARG_STRING, &t->assistant, 0,
         "the answer begins with PREFIX (-: with the text of stdin)", "PREFIX"},
        {"voice", 0, POPT_ARG_STRING, &t->voice, 0, "who speaks the answer", "NAME"},
        POPT_TABLEEND};
    opt_parse(&t->opt, argc, argv, own, OPT_MODEL | OPT_SEED, "[OPTION...] [TEXT...]",
              "text to prompts");
    for (const char *word; (word = poptGetArg(t->opt.args));) {
        if (t->arguments.data)
            text_bytes_add_string(&t->arguments, " ");
        text_bytes_reserve(&t->arguments, 1); /* an empty argument is one, too */
        text_bytes_add_string(&t->arguments, word);
    }
}

static bool reads_answers(const struct tool *t) {
    return t->assistant && strcmp(t->assistant, "-") == 0;
}

static void check_options(const struct tool *t) {
    if (t->raw && (t->system || t->assistant || t->json))
        die(ERR_USAGE, "-r is without a template: no -p, --assistant or --jsonl");
    if (t->json && (t->lines || t->arguments.data || reads_answers(t)))
        die(ERR_USAGE, "--jsonl reads messages: no -l, no TEXT, no --assistant -");
    if (t->lines && t->arguments.data && !reads_answers(t))
        die(ERR_USAGE, "-l reads its text from standard input; leave out TEXT");
}

/* --voice must be one of the model's. */
static void check_voice(const struct tool *t) {
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < t->config.talker.n_speakers; i++) {
        const char *name = t->config.talker.speakers[i].name;
        if (strcasecmp(name, t->voice) == 0)
            return;
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, " %s", name);
    }
    die(ERR_USAGE, "no voice '%s'; there are:%s", t->voice, names);
}

/* A directory with nothing but a tokenizer will do: config.json is for the begin frame. */
static bool load_config(struct tool *t, const char *model) {
    struct err e = {.code = 0};
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/config.json", model);
    if (access(path, F_OK) != 0 && !gguf_set_exists(model))
        return false;
    if (config_load(&t->config, model, &e))
        die_err(&e);
    if (t->voice)
        check_voice(t);
    return true;
}

static void start(struct tool *t) {
    struct err e = {.code = 0};
    const char *model = opt_model(&t->opt);
    t->seed = opt_seed(&t->opt, 0);
    stage_open(&t->stage, &t->opt, -1, STDOUT_FILENO);
    bool has_config = load_config(t, model);
    if (tokenize_create(&t->prompts, model, t->raw, t->system, &e))
        die_err(&e);
    stage_begin(&t->stage, has_config ? &t->config : NULL);
    t->turns = (struct tokenize_turns){.stage = &t->stage,
                                       .prompts = &t->prompts,
                                       .width = t->config.thinker.hidden,
                                       .again = t->again,
                                       .voice = t->voice,
                                       .seed = t->opt.seed ? &t->seed : NULL,
                                       .user = {t->arguments.data, t->arguments.n}};
    if (t->assistant && !reads_answers(t))
        t->turns.assistant = (struct tokenize_text){t->assistant, strlen(t->assistant)};
}

static void release(struct tool *t) {
    tokenize_destroy(&t->prompts);
    config_free(&t->config);
    text_bytes_free(&t->arguments);
    free(t->system);
    free(t->assistant);
    free(t->voice);
    opt_free(&t->opt);
}

int main(int argc, char **argv) {
    static struct tool t;
    stage_prepare();
    parse_options(&t, argc, argv);
    check_options(&t);
    start(&t);
    const struct tokenize_input input = {.turns = &t.turns,
                                         .raw = t.raw,
                                         .lines = t.lines,
                                         .json = t.json,
                                         .answers = reads_answers(&t)};
    tokenize_input_run(&input);
    int code = stage_close(&t.stage);
    release(&t);
    return code;
}
