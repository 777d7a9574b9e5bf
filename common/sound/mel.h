/* mel: log-mel features of 16 kHz sound as Whisper's feature extractor makes them without padding
 * (WhisperFeatureExtractor._torch_extract_fbank_features): 400-sample Hann windows every 160
 * samples, reflected edges, Slaney filters, log10.
 *
 * Sound is pushed in pieces of any size and rows come out as soon as they are known. The last step
 * of the extractor needs the loudest value of the whole clip, so it is a function of its own:
 * sound_clip (clip.h) reads a file twice for it. */
#ifndef SOUND_MEL_H
#define SOUND_MEL_H

#include "common/base/arena.h"
#include "common/sound/fft.h"

enum { MEL_HOP = 160, MEL_WINDOW = FFT_N, MEL_BINS = FFT_BINS };

/* A triangle over bins first .. first + n - 1. */
struct sound_mel_filter {
    size_t first, n;
    float *weight;
};

struct sound_mel {
    struct arena memory;
    size_t n_mels;
    double window[MEL_WINDOW];
    struct fft fft;
    struct sound_mel_filter *filter; /* [n_mels] */

    size_t n_samples, n_frames; /* so far: pushed in, come out */
    float *held;                /* the padded sound from the next window's start on */
    size_t n_held;
};

void sound_mel_init(struct sound_mel *mel, size_t n_mels);
void sound_mel_free(struct sound_mel *mel);
/* Forgets the clip, keeps the tables. */
void sound_mel_reset(struct sound_mel *mel);

/* Rows that a push of n samples, or the finish (n = 0), gives at most. */
size_t sound_mel_rows_max(size_t n);
/* Takes n samples and writes the rows [.., n_mels] of log10 energies they complete; returns how
 * many. */
size_t sound_mel_push(struct sound_mel *mel, const float *samples, size_t n, float *rows);
/* The rows that need the reflected end. A clip has n_samples / 160 rows in all, none if it has no
 * more than 200 samples (it cannot be reflected). */
size_t sound_mel_finish(struct sound_mel *mel, float *rows);

/* In place: (max(x, loudest - 8) + 4) / 4, loudest being the maximum of the clip's rows. */
void sound_mel_normalise(float *rows, size_t n, float loudest);

#endif
