#include "tools/encode_audio_turn.h"

#include "common/base/clock.h"
#include "common/base/die.h"
#include "common/sound/clip.h"
#include "tools/encode_audio_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The whole clip, some attention windows at a time, to embeds [T_a, D]. */
static int encode(struct audio_turns *t, struct sound_clip *clip, float *embeds, struct err *e) {
    const struct config_audio *c = t->encoder->config;
    size_t batch = encoder_batch(c), got = 0;
    float *mel = arena_xrealloc(NULL, batch * c->n_mels, sizeof *mel);
    for (size_t at = 0; at < clip->n_frames && !e->code; at += got) {
        double start = clock_now();
        if (sound_clip_read(clip, mel, batch, &got, e))
            break;
        double read = clock_now();
        encoder_run(t->encoder, mel, got, clip->n_frames, embeds);
        embeds += encoder_rows(c, got) * c->output_dim;
        t->seconds_mel += read - start;
        t->seconds_encoder += clock_now() - read;
    }
    free(mel);
    return e->code;
}

/* Sends one clip as one audio_embeds frame [T_a, D]. */
static int send_clip(struct audio_turns *t, const char *path, struct err *e) {
    const struct config_audio *c = t->encoder->config;
    struct sound_clip clip;
    double start = clock_now();
    if (sound_clip_open(&clip, path, c->n_mels, e))
        return e->code;
    t->seconds_mel += clock_now() - start;
    struct tensor embeds =
        tensor_2d(TENSOR_F32, NULL, encoder_rows(c, clip.n_frames), c->output_dim);
    if (tensor_bytes(&embeds) > FRAME_MAX_PAYLOAD)
        err_set(e, ERR_DATA, "%s: %zu seconds are more than one frame holds", path,
                clip.n_samples / SOUND_RATE);
    else
        embeds.data = arena_xrealloc(NULL, tensor_bytes(&embeds), 1);
    if (embeds.data && encode(t, &clip, embeds.data, e) == 0) {
        stage_tensor(t->stage, "audio_embeds", &embeds);
        t->rows += embeds.shape[0];
    }
    sound_clip_close(&clip);
    free(embeds.data);
    return e->code;
}

static void begin_turn(struct audio_turns *t) {
    struct frame_head h;
    stage_start_turn(t->stage);
    t->rows = 0;
    t->seconds_mel = t->seconds_encoder = 0;
    t->start = clock_now();
    stream_head(&h, "turn", t->stage->turn);
    frame_head_bool(&h, "continue", false);
    stage_send(t->stage, &h, NULL, 0);
}

static int send_clips(struct audio_turns *t, const char *const *paths, size_t n, struct err *e) {
    for (size_t i = 0; i < n; i++)
        if (send_clip(t, paths[i], e))
            return e->code;
    return 0;
}

/* The turn is over: done, or the error that took it. */
static void end_turn(struct audio_turns *t, const struct err *e) {
    struct frame_head h;
    if (e->code) {
        stage_lose_turn(t->stage, e);
        return;
    }
    stage_done_head(t->stage, &h, "stop", NULL);
    frame_head_int(&h, "rows", (int64_t)t->rows);
    stage_send(t->stage, &h, NULL, 0);
    if (t->stage->verbose)
        fprintf(stderr, "%s: turn %" PRId64 ": %zu rows, %.3f s: mel %.3f s, encoder %.3f s\n",
                die_program(), t->stage->turn, t->rows, clock_now() - t->start, t->seconds_mel,
                t->seconds_encoder);
}

void audio_turns_files(struct audio_turns *t, const char *const *paths, size_t n) {
    struct err e = {.code = 0};
    begin_turn(t);
    send_clips(t, paths, n, &e);
    end_turn(t, &e);
}

void audio_turns_names(struct audio_turns *t, const char *line, size_t n) {
    struct err e = {.code = 0};
    const char **paths = NULL;
    int n_paths;
    (void)n;
    begin_turn(t);
    if (poptParseArgvString(line, &n_paths, &paths))
        err_set(&e, ERR_DATA, "bad quoting, or an empty name: %.80s", line);
    else
        send_clips(t, paths, (size_t)n_paths, &e);
    end_turn(t, &e);
    free(paths);
}

void audio_turns_message(struct audio_turns *t, const char *line, size_t n) {
    struct err e = {.code = 0};
    struct audio_parts parts;
    struct frame_head h;
    begin_turn(t);
    if (audio_parts_read(&parts, line, n, &e) == 0 &&
        send_clips(t, (const char *const *)parts.paths, parts.n, &e) == 0) {
        stream_head(&h, "message", t->stage->turn);
        stage_send(t->stage, &h, line, n);
    }
    audio_parts_free(&parts);
    end_turn(t, &e);
}
