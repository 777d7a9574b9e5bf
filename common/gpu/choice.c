/* Which form of a recorded step is replayed: its dispatches one by one, or kernels that stay
 * (resident.c). Which is faster depends on the device, its driver and the step. So the first
 * replays take turns and are timed, and what came out is kept on disk: from the next start on the
 * slower form costs nothing, and what a device computes does not depend on how busy it is. A
 * software driver is not asked unless OMNI_RESIDENT says so. */
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <stdlib.h>
#include <string.h>

enum {
    WARM = 2, /* replays that do not count, one of each form */
    REPLAYS = 8
};

/* Staying has to be worth it: so much faster. */
static const double WORTH = 0.97;

/* As they are kept on disk. */
static const char *const words[] = {[GPU_DISPATCHES] = "dispatches", [GPU_STAYS] = "stays"};

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

enum gpu_form gpu_choice_known(const struct gpu *g, uint64_t key) {
    struct gpu_wish wish = gpu_wish(g);
    char word[GPU_WORD];
    if (wish.form != GPU_MEASURED || !gpu_cache_word(g, key, word))
        return wish.form;
    for (int form = GPU_DISPATCHES; form <= GPU_STAYS; form++)
        if (strcmp(word, words[form]) == 0)
            return (enum gpu_form)form;
    return GPU_MEASURED;
}

static void keep(const struct gpu *g, const struct gpu_choice *c, enum gpu_form form) {
    if (gpu_wish(g).form == GPU_MEASURED)
        gpu_cache_keep_word(g, c->key, words[form]);
}

void gpu_choice_risk(const struct gpu *g, const struct gpu_choice *c) {
    if (c->form == GPU_MEASURED)
        keep(g, c, GPU_DISPATCHES);
}

void gpu_choice_survived(const struct gpu *g, const struct gpu_choice *c) {
    if (c->form == GPU_MEASURED)
        gpu_cache_forget_word(g, c->key);
}

/* ---- measuring ---- */

/* A, B, B, A, A, B, ..: neither form is always the one that comes later. */
static enum gpu_form turn_of(unsigned replay) {
    return (replay ^ replay >> 1) & 1 ? GPU_STAYS : GPU_DISPATCHES;
}

static struct gpu_commands *commands_of(struct gpu_recording *r, enum gpu_form form) {
    return form == GPU_STAYS ? &r->resident : &r->commands;
}

struct gpu_commands *gpu_choose(struct gpu *g, struct gpu_recording *r, bool *timed) {
    struct gpu_choice *c = &r->choice;
    *timed = false;
    if (c->form == GPU_DISPATCHES || !r->resident.pool)
        return &r->commands;
    if (!gpu_resident_works(g)) {
        c->form = GPU_DISPATCHES;
        keep(g, c, GPU_DISPATCHES);
        return &r->commands;
    }
    *timed = c->form == GPU_MEASURED;
    return commands_of(r, *timed ? turn_of(c->replays) : c->form);
}

void gpu_choice_took(struct gpu *g, struct gpu_recording *r, const struct gpu_commands *commands,
                     double seconds) {
    struct gpu_choice *c = &r->choice;
    double *best = &c->seconds[commands == &r->resident ? GPU_STAYS : GPU_DISPATCHES];
    if (c->replays >= WARM && (*best == 0 || seconds < *best))
        *best = seconds;
    if (++c->replays < REPLAYS)
        return;
    bool stays = c->seconds[GPU_STAYS] < WORTH * c->seconds[GPU_DISPATCHES];
    c->form = stays ? GPU_STAYS : GPU_DISPATCHES;
    keep(g, c, c->form);
}

struct gpu_steps gpu_steps(const struct gpu *g) {
    struct gpu_steps s = {.n = 0};
    for (const struct gpu_recording *r = g->recordings; r; r = r->next) {
        s.n++;
        s.stay += r->choice.form == GPU_STAYS;
        if (r->choice.replays >= REPLAYS) {
            s.measured++;
            s.dispatches += r->choice.seconds[GPU_DISPATCHES];
            s.staying += r->choice.seconds[GPU_STAYS];
        }
    }
    s.groups = g->resident.groups;
    return s;
}
