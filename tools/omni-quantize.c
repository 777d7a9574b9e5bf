/* omni-quantize: a checkpoint as GGUF files, see omni-quantize(1). */
#include "common/base/clock.h"
#include "common/base/cores.h"
#include "common/base/die.h"
#include "common/base/opt.h"
#include "tools/quantize.h"

#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 3 };

struct tool {
    struct opt opt;
    char *types[EXPECT_COMPONENTS]; /* as given; NULL: the default */
    int force;
    struct quantize_type type[EXPECT_COMPONENTS];
    struct quantize_source source;
    struct quantize_work work;
    struct quantize_file files[FILES];
    const char *out;
};

static const char *const defaults[EXPECT_COMPONENTS] = {
    [EXPECT_THINKER] = "q8_0",  [EXPECT_AUDIO] = "bf16",   [EXPECT_TALKER] = "q8_0",
    [EXPECT_CODEPRED] = "bf16", [EXPECT_CODE2WAV] = "f32",
};

static void parse_options(struct tool *t, int argc, char **argv) {
    const struct poptOption own[] = {
        {"thinker", 0, POPT_ARG_STRING, &t->types[EXPECT_THINKER], 0,
         "type of the thinker's matrices (default: q8_0)", "TYPE"},
        {"audio", 0, POPT_ARG_STRING, &t->types[EXPECT_AUDIO], 0,
         "of the audio encoder's (default: bf16)", "TYPE"},
        {"talker", 0, POPT_ARG_STRING, &t->types[EXPECT_TALKER], 0,
         "of the talker's (default: q8_0)", "TYPE"},
        {"predictor", 0, POPT_ARG_STRING, &t->types[EXPECT_CODEPRED], 0,
         "of the code predictor's (default: bf16)", "TYPE"},
        {"code2wav", 0, POPT_ARG_STRING, &t->types[EXPECT_CODE2WAV], 0,
         "of code2wav's (default: f32)", "TYPE"},
        {"force", 0, POPT_ARG_NONE, &t->force, 0,
         "also make a code predictor or code2wav that will sound worse", NULL},
        {"threads", 'j', POPT_ARG_INT, &t->opt.threads, 0, "threads (default: one a core)", "N"},
        POPT_TABLEEND};
    opt_parse(&t->opt, argc, argv, own, 0, "[OPTION...] IN OUTDIR",
              "a checkpoint to GGUF files of smaller types");
}

static void choose_types(struct tool *t) {
    for (size_t i = 0; i < EXPECT_COMPONENTS; i++) {
        const char *name = t->types[i] ? t->types[i] : defaults[i];
        if (!name)
            continue; /* the vision encoder goes nowhere */
        if (!quantize_type_parse(name, &t->type[i]))
            die(ERR_USAGE, "no type '%s'; there are: f32 bf16 f16 q8_0 q6_k q5_k q4_k q4_k_m q4_0",
                name);
        enum tensor_dtype dtype = t->type[i].dtype;
        bool exact = dtype == TENSOR_F32 || dtype == TENSOR_BF16;
        if (exact || (i != EXPECT_CODEPRED && i != EXPECT_CODE2WAV))
            continue;
        if (!t->force)
            die(ERR_USAGE, "%s in %s: speech gets audibly worse; --force if you want that",
                expect_name(i), name);
        die_warn("%s in %s: speech gets audibly worse", expect_name(i), name);
    }
}

static void plan(struct tool *t) {
    const struct quantize_type *type = t->type;
    struct quantize_file *thinker = &t->files[0], *audio = &t->files[1], *speech = &t->files[2];
    if (quantize_add(thinker, EXPECT_THINKER, type[EXPECT_THINKER]))
        quantize_put_thinker(thinker, type[EXPECT_THINKER]);
    if (quantize_add(audio, EXPECT_AUDIO, type[EXPECT_AUDIO]))
        quantize_put_audio(audio, type[EXPECT_AUDIO]);
    quantize_add(speech, EXPECT_TALKER, type[EXPECT_TALKER]);
    quantize_add(speech, EXPECT_CODEPRED, type[EXPECT_CODEPRED]);
    quantize_add(speech, EXPECT_CODE2WAV, type[EXPECT_CODE2WAV]);
    if (speech->n)
        quantize_put_speech(speech);
    for (size_t i = 0; i < FILES; i++)
        quantize_place(&t->files[i]);
    if (t->work.all == 0)
        die(ERR_DATA, "%s: no component of Qwen3-Omni in it", t->source.config.model);
}

static void write_file(struct tool *t, struct quantize_file *f) {
    struct err e = {.code = 0};
    double started = clock_now();
    quantize_write(f, &e);
    if (!e.code && (t->opt.verbose || t->work.shows))
        fprintf(stderr, "%s: %s: %zu tensors, %.3f GB, %.1f s\n", die_program(), f->writer.path,
                f->n, 1e-9 * (double)f->bytes, clock_now() - started);
    quantize_file_free(f);
    if (e.code == ERR_INTERRUPTED)
        quantize_stopped(&t->work);
    if (e.code)
        die_err(&e);
}

/* Without such a component in the checkpoint there is no file. */
static void convert(struct tool *t) {
    static const char *const names[FILES] = {"thinker.gguf", "mmproj.gguf", "speech.gguf"};
    struct err e = {.code = 0};
    for (size_t i = 0; i < FILES; i++)
        if (quantize_file_init(&t->files[i], &t->source, &t->work, t->out, names[i], &e))
            die_err(&e);
    plan(t);
    t->work.shows = isatty(STDERR_FILENO);
    t->work.started = clock_now();
    quantize_catch(&t->work);
    for (size_t i = 0; i < FILES; i++) {
        if (t->files[i].n)
            write_file(t, &t->files[i]);
        else
            quantize_file_free(&t->files[i]);
    }
}

int main(int argc, char **argv) {
    static struct tool t;
    struct err e = {.code = 0};
    parse_options(&t, argc, argv);
    const char *in = poptGetArg(t.opt.args);
    t.out = poptGetArg(t.opt.args);
    if (!in || !t.out || poptPeekArg(t.opt.args))
        die(ERR_USAGE, "two arguments are wanted: IN OUTDIR");
    choose_types(&t);
    omp_set_num_threads(cores_threads(t.opt.threads));
    if (quantize_source_open(&t.source, in, &e))
        die_err(&e);
    if (mkdir(t.out, 0777) != 0 && errno != EEXIST)
        die(ERR_CANTCREAT, "%s: cannot create: %s", t.out, strerror(errno));
    if (!t.source.tokenizer)
        die_warn("%s has no tokenizer: llama.cpp will not load the thinker", in);
    convert(&t);
    quantize_source_close(&t.source);
    for (size_t i = 0; i < EXPECT_COMPONENTS; i++)
        free(t.types[i]);
    opt_free(&t.opt);
    return 0;
}
