#include "tools/sampling.h"

#include "common/base/die.h"

#include <math.h>
#include <stdlib.h>

/* What a value may be: lo to hi, or above lo to hi. */
struct range {
    const char *key;
    double lo, hi;
    bool above, whole;
    const char *words;
};

enum { TEMP, TOP_K, TOP_P, REP, LIMIT };

static const struct range ranges[] = {
    [TEMP] = {"temp", 0, 100, false, false, "a number from 0 to 100"},
    [TOP_K] = {"top_k", 0, INT32_MAX, false, true, "a whole number from 0"},
    [TOP_P] = {"top_p", 0, 1, true, false, "a number above 0, at most 1"},
    [REP] = {"rep", 0, 1000, true, false, "a number above 0, at most 1000"},
    [LIMIT] = {"n", 0, INT32_MAX, false, true, "a whole number from 0"},
};

static bool fits(const struct range *r, double value) {
    return isfinite(value) && value <= r->hi && (r->above ? value > r->lo : value >= r->lo) &&
           (!r->whole || floor(value) == value);
}

/* ---- flags ---- */

void sampling_options(struct poptOption table[SAMPLING_OPTIONS], struct sampling_flags *f,
                      const char *rep_help, const char *limit_help) {
    size_t n = 0;
    table[n++] = (struct poptOption){"temp",   0, POPT_ARG_STRING,
                                     &f->temp, 0, "temperature; 0 takes the likeliest (greedy)",
                                     "T"};
    table[n++] = (struct poptOption){
        "top-k", 0, POPT_ARG_STRING, &f->top_k, 0, "sample among the K likeliest; 0: all", "K"};
    table[n++] = (struct poptOption){
        "top-p",   0, POPT_ARG_STRING,
        &f->top_p, 0, "sample among the likeliest that together have probability P",
        "P"};
    if (rep_help)
        table[n++] = (struct poptOption){"rep", 0, POPT_ARG_STRING, &f->rep, 0, rep_help, "R"};
    if (limit_help)
        table[n++] =
            (struct poptOption){NULL, 'n', POPT_ARG_STRING, &f->limit, 0, limit_help, "MAX"};
    table[n] = (struct poptOption)POPT_TABLEEND;
}

/* The number a flag says, otherwise what it was. */
static double flag(const char *name, char **text, const struct range *r, double otherwise) {
    if (!*text)
        return otherwise;
    char *end;
    double value = strtod(*text, &end);
    if (*end || end == *text || !fits(r, value))
        die(ERR_USAGE, "%s %s: not %s", name, *text, r->words);
    free(*text);
    *text = NULL;
    return value;
}

void sampling_flags(struct sampling *s, struct sampling_flags *f) {
    s->temp = flag("--temp", &f->temp, &ranges[TEMP], s->temp);
    s->top_k = (int64_t)flag("--top-k", &f->top_k, &ranges[TOP_K], (double)s->top_k);
    s->top_p = flag("--top-p", &f->top_p, &ranges[TOP_P], s->top_p);
    s->rep = flag("--rep", &f->rep, &ranges[REP], s->rep);
    s->limit = (int64_t)flag("-n", &f->limit, &ranges[LIMIT], (double)s->limit);
}

/* ---- files and frames ---- */

void sampling_config(struct sampling *s, const struct config_sampling *c) {
    if (!isnan(c->temp))
        s->temp = (double)c->temp;
    if (!isnan(c->top_p) && c->top_p > 0)
        s->top_p = (double)c->top_p;
    if (!isnan(c->rep))
        s->rep = (double)c->rep;
    if (c->top_k >= 0)
        s->top_k = c->top_k;
    if (c->max_new >= 0)
        s->limit = c->max_new;
}

/* *value = what the map says under the range's key, if it says something. */
static void take(double *value, const msgpack_object *map, const char *stage, const struct range *r,
                 struct err *e) {
    double v;
    if (!frame_map_get(map, r->key))
        return;
    if (frame_map_real(map, r->key, &v) && fits(r, v))
        *value = v;
    else
        err_set(e, ERR_DATA, "turn frame: %s.%s is not %s", stage, r->key, r->words);
}

int sampling_turn(struct sampling *s, const struct frame *turn, const char *stage, struct err *e) {
    const msgpack_object *map = frame_get(turn, stage);
    double top_k = (double)s->top_k, limit = (double)s->limit;
    struct sampling t = *s;
    if (!map)
        return 0;
    if (map->type != MSGPACK_OBJECT_MAP)
        return err_set(e, ERR_DATA, "turn frame: %s is no map", stage);
    take(&t.temp, map, stage, &ranges[TEMP], e);
    take(&top_k, map, stage, &ranges[TOP_K], e);
    take(&t.top_p, map, stage, &ranges[TOP_P], e);
    take(&t.rep, map, stage, &ranges[REP], e);
    take(&limit, map, stage, &ranges[LIMIT], e);
    if (e->code)
        return e->code;
    t.top_k = (int64_t)top_k;
    t.limit = (int64_t)limit;
    *s = t;
    return 0;
}

int sampling_seed(uint64_t *seed, const struct frame *turn, struct err *e) {
    const msgpack_object *o = frame_get(turn, "seed");
    if (o && o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return err_set(e, ERR_DATA, "turn frame: seed is not a whole number from 0");
    if (o)
        *seed = o->via.u64;
    return 0;
}

struct op_sampler sampling_start(const struct sampling *s, uint64_t seed, enum op_stage stage,
                                 int64_t turn, size_t suppress_from) {
    return (struct op_sampler){
        .temp = (float)s->temp,
        .top_k = (int32_t)s->top_k,
        .top_p = (float)s->top_p,
        .rep = (float)s->rep,
        .seed_lo = (uint32_t)seed,
        .seed_hi = (uint32_t)(seed >> 32),
        .stage = stage,
        .turn = (uint32_t)turn,
        .suppress_from = (int32_t)suppress_from,
        .suppress_keep = -1,
    };
}
