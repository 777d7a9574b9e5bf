#include "tools/model.h"

#include "common/base/die.h"

/* A tensor that every model with the part has. */
static const struct {
    const char *name, *tensor;
} parts[] = {
    [MODEL_THINKER] = {"thinker", "thinker.model.embed_tokens.weight"},
    [MODEL_AUDIO] = {"audio encoder", "thinker.audio_tower.ln_post.weight"},
    [MODEL_TALKER] = {"talker", "talker.model.norm.weight"},
    [MODEL_CODEPRED] = {"code predictor", "talker.code_predictor.model.norm.weight"},
    [MODEL_CODE2WAV] = {"code2wav", "code2wav.code_embedding.weight"},
};

static bool has(const struct config *c, enum model_part part) {
    return part == MODEL_THINKER || (part == MODEL_AUDIO ? c->has_audio : c->has_talker);
}

void model_open(struct config *c, struct weights **w, const char *dir, enum model_part part) {
    struct err e = {.code = 0};
    if (config_load(c, dir, &e))
        die_err(&e);
    if (!has(c, part))
        die(ERR_CONFIG, "%s: the model has no %s", dir, parts[part].name);
    if (weights_open(w, dir, &e) || weights_need(*w, parts[part].tensor, parts[part].name, &e))
        die_err(&e);
}

void model_read_for(struct weights *w, const struct run *run) {
    if (run->gpu)
        weights_keep_back(w);
    else
        weights_keep_half(w);
}
