/* Which form of a recorded step is replayed: its dispatches one by one, or kernels that stay
 * (resident.c). Which is faster depends on the device, its driver and the step, so it is measured:
 * in rounds, when a device that was idle has had time to raise its clocks and, for the second, to
 * get warm. In a round the forms take turns and their medians are compared; who wins two rounds is
 * kept on disk for good, who wins one as a first word about it. So from a later start on the slower
 * form costs nothing, and what a device computes does not depend on how busy it is. The first
 * replays are dispatches: nothing waits for a kernel that may not be wanted. A software driver is
 * not asked unless OMNI_RESIDENT says so. */
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <stdlib.h>
#include <string.h>

enum {
    SETTLE = 32, /* replays before the first round, */
    PAUSE = 256, /* and before each later one */
    WARM = 2,    /* of a round, replays that do not count, one of each form */
    WINS = 2
};

/* Staying has to be worth it: so much faster. */
static const double WORTH = 0.97;

/* As they are kept on disk: for good, and after one round. */
static const char *const words[] = {[GPU_DISPATCHES] = "dispatches", [GPU_STAYS] = "stays"},
                         *const first_words[] = {
                             [GPU_DISPATCHES] = "dispatches once", [GPU_STAYS] = "stays once"};

/* ---- what is known ---- */

struct gpu_wish gpu_wish(const struct gpu *g) {
    const char *wish = getenv("OMNI_RESIDENT");
    if (!wish || !*wish)
        return (struct gpu_wish){.form = g->info.hardware ? GPU_MEASURED : GPU_DISPATCHES};
    if (strcmp(wish, "auto") == 0)
        return (struct gpu_wish){.form = GPU_MEASURED};
    if (strcmp(wish, "yes") == 0)
        return (struct gpu_wish){.form = GPU_STAYS};
    char *end;
    unsigned long n = strtoul(wish, &end, 10);
    if (*wish < '0' || *wish > '9' || *end || n > UINT16_MAX)
        die(ERR_USAGE, "OMNI_RESIDENT: '%s' is not auto, yes or a number", wish);
    return (struct gpu_wish){.form = n ? GPU_STAYS : GPU_DISPATCHES, .groups = (uint32_t)n};
}

/* What the word says, if it is one. */
static void recall(struct gpu_choice *c, const char *word) {
    for (int form = GPU_DISPATCHES; form <= GPU_STAYS; form++) {
        if (strcmp(word, words[form]) == 0)
            c->form = (enum gpu_form)form;
        if (strcmp(word, first_words[form]) == 0) {
            c->leads = (enum gpu_form)form;
            c->wins[form] = 1;
        }
    }
}

struct gpu_choice gpu_choice_begin(const struct gpu *g, uint64_t key) {
    struct gpu_choice c = {.key = key, .form = gpu_wish(g).form, .pause = SETTLE};
    char word[GPU_WORD];
    if (c.form == GPU_MEASURED && gpu_cache_word(g, key, word))
        recall(&c, word);
    return c;
}

static void keep(const struct gpu *g, const struct gpu_choice *c, const char *word) {
    if (gpu_wish(g).form == GPU_MEASURED)
        gpu_cache_keep_word(g, c->key, word);
}

void gpu_choice_risk(const struct gpu *g, struct gpu_choice *c) {
    c->risky = true;
    if (c->form == GPU_MEASURED)
        keep(g, c, words[GPU_DISPATCHES]);
}

void gpu_choice_survived(const struct gpu *g, struct gpu_choice *c) {
    c->risky = false;
    if (c->form == GPU_MEASURED && c->wins[c->leads])
        keep(g, c, first_words[c->leads]);
    else if (c->form == GPU_MEASURED)
        gpu_cache_forget_word(g, c->key);
}

void gpu_choice_learn(struct gpu *g, struct gpu_recording *r) {
    uint64_t replayed = r->resident.done_at;
    if (r->choice.risky && replayed && replayed <= g->done && gpu_resident_works(g))
        gpu_choice_survived(g, &r->choice);
}

/* ---- measuring ---- */

/* A, B, B, A, A, B, ..: neither form is always the one that comes later. */
static enum gpu_form turn_of(unsigned replay) {
    return (replay ^ replay >> 1) & 1 ? GPU_STAYS : GPU_DISPATCHES;
}

/* True if what stays is there and works; if it never will, the choice is made. */
static bool can_stay(struct gpu *g, struct gpu_recording *r) {
    if (!gpu_resident_ready(g, r))
        return false;
    if (gpu_resident_works(g))
        return true;
    r->choice.form = GPU_DISPATCHES;
    keep(g, &r->choice, words[GPU_DISPATCHES]);
    return false;
}

struct gpu_commands *gpu_choose(struct gpu *g, struct gpu_recording *r, bool *timed) {
    struct gpu_choice *c = &r->choice;
    bool open = c->form == GPU_MEASURED, round = open && c->replays >= c->pause;
    enum gpu_form form = !open ? c->form : round ? turn_of(c->replays - c->pause) : c->leads;
    c->replays += open && !round;
    *timed = false;
    gpu_choice_learn(g, r);
    if ((round || form == GPU_STAYS) && !can_stay(g, r))
        return &r->commands;
    if (form == GPU_STAYS && c->risky && !r->resident.done_at)
        gpu_choice_risk(g, c);
    *timed = round;
    return form == GPU_STAYS ? &r->resident : &r->commands;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double seconds[GPU_ROUND]) {
    qsort(seconds, GPU_ROUND, sizeof *seconds, by_size);
    return (seconds[(GPU_ROUND - 1) / 2] + seconds[GPU_ROUND / 2]) / 2;
}

static void end_round(const struct gpu *g, struct gpu_choice *c) {
    for (int form = GPU_DISPATCHES; form <= GPU_STAYS; form++)
        c->median[form] = median(c->seconds[form]);
    bool stays = c->median[GPU_STAYS] < WORTH * c->median[GPU_DISPATCHES];
    c->leads = stays ? GPU_STAYS : GPU_DISPATCHES;
    if (++c->wins[c->leads] == WINS)
        c->form = c->leads;
    keep(g, c, (c->form == c->leads ? words : first_words)[c->leads]);
    c->replays = 0;
    c->pause = PAUSE;
}

void gpu_choice_took(const struct gpu *g, struct gpu_choice *c, double seconds) {
    unsigned turn = c->replays++ - c->pause;
    /* Of each two turns one is for either form. */
    if (turn >= WARM)
        c->seconds[turn_of(turn)][turn / 2 - 1] = seconds;
    if (turn + 1 == WARM + GPU_FORMS * GPU_ROUND)
        end_round(g, c);
}

/* True if what stays is what is taken now. */
static bool stays(const struct gpu_recording *r) {
    const struct gpu_choice *c = &r->choice;
    return r->resident.pool && (c->form == GPU_MEASURED ? c->leads : c->form) == GPU_STAYS;
}

struct gpu_steps gpu_steps(const struct gpu *g) {
    struct gpu_steps s = {.n = 0};
    for (const struct gpu_recording *r = g->recordings; r; r = r->next) {
        s.n++;
        s.stay += stays(r);
        s.measured += r->choice.median[GPU_DISPATCHES] > 0;
        s.dispatches += r->choice.median[GPU_DISPATCHES];
        s.staying += r->choice.median[GPU_STAYS];
    }
    s.groups = g->resident.groups;
    return s;
}
