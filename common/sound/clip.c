#include "common/sound/clip.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 160000, /* samples pushed at once */
    KEPT = 30000    /* rows kept from the first reading: 5 minutes */
};

/* Fills pending with the rows of the next block, perhaps none; *ended after the last. */
static int next_block(struct sound_clip *clip, bool *ended, struct err *err) {
    size_t n;
    if (sound_file_read(clip->file, clip->samples, BLOCK, &n, err))
        return err->code;
    *ended = n == 0;
    clip->pending_at = 0;
    clip->n_pending = *ended ? sound_mel_finish(&clip->mel, clip->pending)
                             : sound_mel_push(&clip->mel, clip->samples, n, clip->pending);
    return 0;
}

/* Keeps what is pending, while a short clip is read for the first time. */
static void keep(struct sound_clip *clip) {
    size_t width = clip->mel.n_mels, n = clip->mel.n_frames;
    if (n > KEPT) {
        free(clip->kept);
        clip->kept = NULL;
        return;
    }
    clip->kept = arena_xrealloc(clip->kept, n * width, sizeof(float));
    memcpy(clip->kept + (n - clip->n_pending) * width, clip->pending,
           clip->n_pending * width * sizeof(float));
}

static int measure(struct sound_clip *clip, struct err *err) {
    clip->loudest = -INFINITY;
    for (bool ended = false; !ended;) {
        if (next_block(clip, &ended, err))
            return err->code;
        for (size_t i = 0; i < clip->n_pending * clip->mel.n_mels; i++)
            if (clip->pending[i] > clip->loudest)
                clip->loudest = clip->pending[i];
        if (clip->n_pending)
            keep(clip);
    }
    clip->n_samples = clip->mel.n_samples;
    clip->n_frames = clip->mel.n_frames;
    clip->n_pending = 0;
    return 0;
}

/* The second reading, or what was kept of the first. */
static int begin_again(struct sound_clip *clip, struct err *err) {
    if (clip->kept) {
        clip->pending = clip->kept;
        clip->n_pending = clip->n_frames;
        return 0;
    }
    sound_mel_reset(&clip->mel);
    return sound_file_rewind(clip->file, err);
}

int sound_clip_open(struct sound_clip *clip, const char *path, size_t n_mels, struct err *err) {
    *clip = (struct sound_clip){.path = path, .file = sound_file_open(path, err)};
    if (!clip->file)
        return err->code;
    sound_mel_init(&clip->mel, n_mels);
    clip->pending =
        arena_alloc(&clip->mel.memory, sound_mel_rows_max(BLOCK) * n_mels * sizeof(float));
    clip->samples = arena_alloc(&clip->mel.memory, BLOCK * sizeof(float));
    if (measure(clip, err) == 0 && clip->n_samples <= MEL_WINDOW / 2)
        err_set(err, ERR_DATA, "%s: only %zu samples at 16 kHz; more than %d are needed", path,
                clip->n_samples, MEL_WINDOW / 2);
    if (err->code || begin_again(clip, err))
        sound_clip_close(clip);
    return err->code;
}

void sound_clip_close(struct sound_clip *clip) {
    sound_file_close(clip->file);
    sound_mel_free(&clip->mel);
    free(clip->kept);
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
