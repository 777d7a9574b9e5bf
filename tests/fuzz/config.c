/* Fuzzes config.json and generation_config.json: what is accepted must be fit for the model code.
 */
#include "common/weights/config.h"

#include <stdlib.h>
#include <string.h>

static void must(bool truth) {
    if (!truth)
        abort();
}

static void check_decoder(const struct config_decoder *d) {
    must(d->hidden && d->n_layers && d->n_heads && d->n_kv_heads && d->max_position);
    must(d->head_dim >= 2 && d->head_dim % 2 == 0 && d->n_heads % d->n_kv_heads == 0);
    must(d->rope_section[0] + d->rope_section[1] + d->rope_section[2] == d->head_dim / 2);
    must(d->n_experts_used <= d->n_experts && (d->n_experts != 0) == (d->expert_intermediate != 0));
    must(d->n_experts || d->intermediate);
    must(d->eps > 0 && d->rope_theta >= 1);
}

static void check_config(const struct config *c) {
    check_decoder(&c->thinker);
    must(c->im_end >= 0 && (size_t)c->im_end < c->thinker.vocab);
    if (c->has_audio)
        must(c->audio.output_dim == c->thinker.hidden && c->audio.d_model % c->audio.n_heads == 0);
    if (!c->has_talker)
        return;
    check_decoder(&c->talker.text);
    check_decoder(&c->talker.predictor);
    check_decoder(&c->code2wav.text);
    must(c->talker.predictor.vocab == c->code2wav.codebook && c->code2wav.factor > 0);
    must(c->talker.n_groups >= 2 && c->talker.n_groups == c->code2wav.n_groups);
    must(c->talker.codec_eos >= (int64_t)c->talker.text.vocab - 1024);
    must(c->code2wav.codebook + 1024 <= c->talker.text.vocab);
    must(c->code2wav.decoder_dim >> c->code2wav.n_blocks > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct config c = {.model = NULL};
    struct err e = {.code = 0}, sampling = {.code = 0};
    int code = config_parse(&c, (const char *)data, size, &e);
    must(code == 0 || ((code == ERR_DATA || code == ERR_CONFIG) && e.text[0]));
    if (code == 0)
        check_config(&c);
    code = config_parse_sampling(&c, (const char *)data, size, &sampling);
    must(code == 0 || code == ERR_DATA);
    must(code != 0 || c.talker_sampling.top_k >= -1);
    config_free(&c);
    return 0;
}
