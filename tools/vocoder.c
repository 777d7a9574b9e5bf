#include "tools/vocoder.h"

#include <inttypes.h>
#include <string.h>

void vocoder_init(struct vocoder *v, struct code2wav *net, size_t chunk, bool compat) {
    struct arena *a = &net->run->memory[RUN_SESSION];
    size_t frame = net->config->n_groups * sizeof *v->frames;
    *v = (struct vocoder){.net = net, .chunk = chunk, .compat = compat};
    v->frames = arena_alloc(a, chunk * frame);
    v->samples = arena_alloc(a, chunk * net->config->factor * sizeof *v->samples);
    if (compat)
        v->context = arena_alloc(a, VOCODER_CONTEXT * frame);
}

void vocoder_reset(struct vocoder *v) {
    code2wav_reset(v->net);
    v->n_waiting = v->n_context = v->n_piece = v->skip = 0;
    v->n_frames = v->n_samples = 0;
}

static void give(struct vocoder *v, const float *samples, size_t n) {
    size_t dropped = v->skip < n ? v->skip : n;
    v->skip -= dropped;
    v->n_samples += n - dropped;
    if (n > dropped)
        v->out(v->ctx, samples + dropped, n - dropped);
}

void vocoder_flush(struct vocoder *v) {
    if (v->n_waiting == 0)
        return;
    struct tensor pcm = code2wav_push(v->net, v->frames, v->n_waiting);
    v->n_waiting = 0;
    run_read(v->net->run, &pcm, v->samples);
    give(v, v->samples, pcm.shape[0]);
}

/* The block after n frames: as many again, so that the first sound comes soon and later blocks make
 * good use of the weights they read. */
static size_t block_size(const struct vocoder *v) {
    size_t n = v->net->n_frames;
    return n == 0 ? 1 : n < v->chunk ? n : v->chunk;
}

static void add(struct vocoder *v, const int32_t *codes) {
    size_t n_groups = v->net->config->n_groups;
    memcpy(v->frames + v->n_waiting++ * n_groups, codes, n_groups * sizeof *codes);
    if (v->n_waiting == block_size(v))
        vocoder_flush(v);
}

/* The reference starts anew, hears the last frames again and drops their sound. */
static void next_piece(struct vocoder *v) {
    const struct config_code2wav *c = v->net->config;
    vocoder_flush(v);
    code2wav_reset(v->net);
    v->n_piece = 0;
    v->skip = v->n_context * c->factor;
    for (size_t i = 0; i < v->n_context; i++)
        add(v, v->context + i * c->n_groups);
}

static void remember(struct vocoder *v, const int32_t *codes) {
    size_t n_groups = v->net->config->n_groups, frame = n_groups * sizeof *codes;
    if (v->n_context == VOCODER_CONTEXT)
        memmove(v->context, v->context + n_groups, --v->n_context * frame);
    memcpy(v->context + v->n_context++ * n_groups, codes, frame);
}

int vocoder_push(struct vocoder *v, const int32_t *codes, struct err *e) {
    const struct config_code2wav *c = v->net->config;
    for (size_t g = 0; g < c->n_groups; g++)
        if (codes[g] < 0 || (size_t)codes[g] >= c->codebook)
            return err_set(e, ERR_DATA,
                           "code %" PRId32 " of frame %zu is not in the codebook of %zu", codes[g],
                           v->n_frames, c->codebook);
    if (v->compat && v->n_piece == VOCODER_PIECE)
        next_piece(v);
    add(v, codes);
    if (v->compat)
        remember(v, codes);
    v->n_piece++;
    v->n_frames++;
    return 0;
}
