#include "common/sound/clip.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { BLOCK = 16000 }; /* samples pushed at once */

/* Fills pending with the rows of the next block, perhaps none; *ended after the last. */
static int next_block(struct sound_clip *clip, bool *ended, struct err *err) {
    float samples[BLOCK];
    size_t n;
    if (sound_file_read(clip->file, samples, BLOCK, &n, err))
        return err->code;
    *ended = n == 0;
    clip->pending_at = 0;
    clip->n_pending = *ended ? sound_mel_finish(&clip->mel, clip->pending)
                             : sound_mel_push(&clip->mel, samples, n, clip->pending);
    return 0;
}

static int measure(struct sound_clip *clip, struct err *err) {
    clip->loudest = -INFINITY;
    for (bool ended = false; !ended;) {
        if (next_block(clip, &ended, err))
            return err->code;
        for (size_t i = 0; i < clip->n_pending * clip->mel.n_mels; i++)
            clip->loudest = fmaxf(clip->loudest, clip->pending[i]);
    }
    clip->n_samples = clip->mel.n_samples;
    clip->n_frames = clip->mel.n_frames;
    clip->n_pending = 0;
    return 0;
}

int sound_clip_open(struct sound_clip *clip, const char *path, size_t n_mels, struct err *err) {
    *clip = (struct sound_clip){.path = path, .file = sound_file_open(path, err)};
    if (!clip->file)
        return err->code;
    sound_mel_init(&clip->mel, n_mels);
    clip->pending =
        arena_alloc(&clip->mel.memory, sound_mel_rows_max(BLOCK) * n_mels * sizeof(float));
    if (measure(clip, err) == 0 && clip->n_samples <= MEL_WINDOW / 2)
        err_set(err, ERR_DATA, "%s: only %zu samples at 16 kHz; more than %d are needed", path,
                clip->n_samples, MEL_WINDOW / 2);
    if (err->code == 0)
        sound_file_rewind(clip->file, err);
    sound_mel_reset(&clip->mel);
    if (err->code)
        sound_clip_close(clip);
    return err->code;
}

void sound_clip_close(struct sound_clip *clip) {
    sound_file_close(clip->file);
    sound_mel_free(&clip->mel);
    *clip = (struct sound_clip){0};
}

int sound_clip_read(struct sound_clip *clip, float *rows, size_t n, size_t *got, struct err *err) {
    size_t width = clip->mel.n_mels;
    bool ended = false;
    for (*got = 0; *got < n && clip->n_read < clip->n_frames;) {
        if (clip->pending_at == clip->n_pending && next_block(clip, &ended, err))
            return err->code;
        if (ended && clip->n_pending == 0)
            return err_set(err, ERR_DATA, "%s: became shorter while it was read", clip->path);
        size_t take = clip->n_pending - clip->pending_at;
        take = take < n - *got ? take : n - *got;
        float *to = rows + *got * width;
        memcpy(to, clip->pending + clip->pending_at * width, take * width * sizeof(float));
        sound_mel_normalise(to, take * width, clip->loudest);
        clip->pending_at += take;
        clip->n_read += take;
        *got += take;
    }
    return 0;
}
