/* omni-encode-audio: sound files to audio_embeds, see omni-encode-audio(1). */
#include "common/base/clock.h"
#include "common/base/die.h"
#include "common/sound/clip.h"
#include "tools/encode_audio.h"
#include "tools/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tool {
    struct stage stage;
    struct run run;
    struct config config;
    struct encoder encoder;
    size_t turn_rows; /* audio_embeds rows sent in this turn */
};

/* Sends one clip as one audio_embeds frame [T_a, D]. */
static int send_clip(struct tool *t, const char *path, struct err *e) {
    const struct config_audio *c = &t->config.audio;
    struct sound_clip clip;
    if (sound_clip_open(&clip, path, c->n_mels, e))
        return e->code;
    size_t batch = encoder_batch(c), rows = encoder_rows(c, clip.n_frames);
    float *mel = arena_xrealloc(NULL, batch * c->n_mels, sizeof *mel);
    float *embeds = arena_xrealloc(NULL, rows * c->output_dim, sizeof *embeds);
    size_t got = batch;
    for (size_t row = 0; row < rows && !e->code; row += encoder_rows(c, got)) {
        if (sound_clip_read(&clip, mel, batch, &got, e))
            break;
        struct tensor traced = tensor_2d(TENSOR_F32, mel, got, c->n_mels);
        run_trace(&t->run, &traced, "audio.mel");
        encoder_run(&t->encoder, mel, got, clip.n_frames, embeds + row * c->output_dim);
    }
    if (!e->code) {
        struct tensor all = tensor_2d(TENSOR_F32, embeds, rows, c->output_dim);
        stage_tensor(&t->stage, "audio_embeds", &all);
        t->turn_rows += rows;
    }
    sound_clip_close(&clip);
    free(mel);
    free(embeds);
    return e->code;
}

/* One turn: all its clips, or the error that took it. */
static void send_turn(struct tool *t, const char **paths, size_t n) {
    struct frame_head h;
    struct err e = {.code = 0};
    double start = clock_now();
    t->stage.turn++;
    t->turn_rows = 0;
    stream_head(&h, "turn", t->stage.turn);
    frame_head_bool(&h, "continue", false);
    stage_send(&t->stage, &h, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        if (send_clip(t, paths[i], &e)) {
            stage_lose_turn(&t->stage, &e);
            return;
        }
    }
    stage_done_head(&t->stage, &h, "stop", NULL);
    frame_head_int(&h, "rows", (int64_t)t->turn_rows);
    stage_send(&t->stage, &h, NULL, 0);
    if (t->stage.verbose)
        fprintf(stderr, "%s: %zu clips, %zu rows, %.3f s\n", die_program(), n, t->turn_rows,
                clock_now() - start);
}

/* A turn a line: file names between blanks, quoted as in a shell. */
static void send_lines(struct tool *t) {
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) >= 0) {
        const char **paths;
        int n;
        line[strcspn(line, "\r\n")] = 0;
        if (line[strspn(line, " \t")] == 0)
            continue;
        if (poptParseArgvString(line, &n, &paths))
            die(ERR_DATA, "line of file names: bad quoting: %.80s", line);
        send_turn(t, paths, (size_t)n);
        free(paths);
    }
    if (ferror(stdin))
        die(ERR_IO, "read failed: standard input");
    free(line);
}

static void load(struct tool *t, const struct opt *o) {
    struct err e = {.code = 0};
    struct weights *w;
    run_init(&t->run, o->threads, o->precise);
    if (config_load(&t->config, opt_model(o), &e))
        die_err(&e);
    if (!t->config.has_audio)
        die(ERR_CONFIG, "%s: the model has no audio encoder", o->model);
    if (weights_open(&w, o->model, &e) ||
        encoder_create(&t->encoder, &t->run, &t->config.audio, w, &e))
        die_err(&e);
}

int main(int argc, char **argv) {
    struct opt o;
    int lines = 0;
    const struct poptOption own[] = {
        {"lines", 'l', POPT_ARG_NONE, &lines, 0, "read lines of file names, a turn each", NULL},
        POPT_TABLEEND};
    opt_parse(&o, argc, argv, own, OPT_MODEL | OPT_DEVICE | OPT_TRACE, "[OPTION...] [FILE...]",
              "sound files (- is standard input) to audio_embeds");
    static struct tool t;
    stage_open(&t.stage, &o, -1, STDOUT_FILENO);
    const char **paths = poptGetArgs(o.args);
    size_t n = 0;
    while (paths && paths[n])
        n++;
    if (lines && n)
        die(ERR_USAGE, "-l reads file names from standard input; leave out %s", paths[0]);
    load(&t, &o);
    stage_begin(&t.stage, &t.config);
    stage_trace(&t.stage, &t.run, &o);
    if (lines)
        send_lines(&t);
    else
        send_turn(&t, n ? paths : (const char *[]){"-"}, n ? n : 1);
    return stage_close(&t.stage);
}
