#include "tools/speech_options.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

enum { MAX_FRAMES = 4096 };

struct sampling speech_talker_defaults(const struct config *c) {
    struct sampling s = {.temp = .9, .top_k = 50, .top_p = 1, .rep = 1.05, .limit = MAX_FRAMES};
    sampling_config(&s, &c->talker_sampling);
    return s;
}

struct sampling speech_codepred_defaults(void) {
    return (struct sampling){.temp = NAN, .top_k = 50, .top_p = .8, .rep = 1, .limit = -1};
}

/* ---- voices ---- */

static const struct config_speaker *find(const struct config_talker *c, const char *voice) {
    for (size_t i = 0; i < c->n_speakers; i++)
        if (strcasecmp(c->speakers[i].name, voice) == 0)
            return &c->speakers[i];
    return NULL;
}

static int unknown_voice(const struct config_talker *c, const char *voice, int code,
                         struct err *e) {
    char known[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < c->n_speakers && n < sizeof known; i++)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "",
                              c->speakers[i].name);
    return err_set(e, code, "unknown voice '%.60s'; the model has %s", voice, known);
}

int speech_voice(int32_t *speaker, const struct config_talker *c, const char *voice, int code,
                 struct err *e) {
    const struct config_speaker *s = find(c, voice ? voice : "ethan");
    if (!s && !voice && c->n_speakers > 0)
        s = &c->speakers[0];
    if (!s)
        return unknown_voice(c, voice ? voice : "ethan", code, e);
    *speaker = s->id;
    return 0;
}

/* ---- turns ---- */

int speech_codepred_turn(struct sampling *s, bool talker_is_greedy, const struct frame *turn,
                         struct err *e) {
    if (isnan(s->temp))
        s->temp = talker_is_greedy ? 0 : 1;
    return sampling_turn(s, turn, "codepred", e);
}

int speech_options_turn(struct speech_options *o, const struct config_talker *c,
                        const struct frame *turn, struct err *e) {
    char voice[64];
    if (sampling_seed(&o->seed, turn, e) || sampling_turn(&o->talker, turn, "talker", e) ||
        speech_codepred_turn(&o->codepred, o->talker.temp == 0, turn, e))
        return e->code;
    if (!frame_get(turn, "voice"))
        return 0;
    if (!frame_string(turn, "voice", voice, sizeof voice) && !voice[0])
        return err_set(e, ERR_DATA, "turn frame: voice is no name");
    return speech_voice(&o->speaker, c, voice, ERR_DATA, e);
}

void speech_turn_head(struct frame_head *h, const struct frame *turn,
                      const struct speech_options *o) {
    static const char *const passed[] = {"continue", "voice", "thinker", "codepred"};
    int64_t number = turn->turn;
    frame_head_init(h, "turn");
    frame_head_int(h, "turn", number);
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        if (frame_get(turn, passed[i]))
            frame_head_object(h, passed[i], frame_get(turn, passed[i]));
    msgpack_object seed = {.type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = o->seed};
    frame_head_object(h, "seed", &seed);
    frame_head_map(h, "talker", 5);
    frame_head_real(h, "temp", o->talker.temp);
    frame_head_int(h, "top_k", o->talker.top_k);
    frame_head_real(h, "top_p", o->talker.top_p);
    frame_head_real(h, "rep", o->talker.rep);
    frame_head_int(h, "n", o->talker.limit);
}
