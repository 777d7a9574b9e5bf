/* Recordings of which kernels that stay can do parts: what gpu_instead() says. */
#include "common/base/arena.h"
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is recorded ---- */

void gpu_resident_begin(struct gpu *g) {
    g->resident.key = GPU_HASH;
    g->resident.kernels.n = 0;
    g->resident.inside = false;
}

/* The recording's key: the same at each start, addresses apart. */
static void count(struct gpu *g, const struct gpu_dispatch *d) {
    uint64_t h = g->resident.key;
    h = gpu_hash(h, d->program->name, strlen(d->program->name));
    h = gpu_hash(h, d->constants, sizeof d->constants);
    g->resident.key = gpu_hash(h, d->groups, sizeof d->groups);
}

/* The list with room for one more than n: twice as much whenever it is full. */
static void *grown(void *list, size_t n, size_t size) {
    return n & (n - 1) ? list : arena_xrealloc(list, n ? 2 * n : 1, size);
}

static struct gpu_kept kept(const struct gpu_dispatch *d) {
    struct gpu_kept k = {.d = *d};
    memcpy(k.args, d->args, d->args_size);
    return k;
}

void gpu_resident_keep(struct gpu *g, const struct gpu_dispatch *d) {
    struct gpu_recording *r = g->recording;
    count(g, d);
    if (!r || g->resident.inside)
        return;
    r->kept = grown(r->kept, r->n_kept, sizeof *r->kept);
    r->kept[r->n_kept++] = kept(d);
}

/* The kernel is one of the recording's; the first time its code becomes part of the key. */
static void enlist(struct gpu *g, const struct gpu_dispatch *d) {
    struct gpu_residents *k = &g->resident.kernels;
    for (size_t i = 0; i < k->n; i++)
        if (k->list[i].program == d->program &&
            memcmp(k->list[i].constants, d->constants, sizeof d->constants) == 0)
            return;
    g->resident.key = gpu_hash(g->resident.key, d->program->words, d->program->bytes);
    k->list = grown(k->list, k->n, sizeof *k->list);
    k->list[k->n].program = d->program;
    memcpy(k->list[k->n++].constants, d->constants, sizeof d->constants);
}

void gpu_instead(struct gpu *g, const struct gpu_dispatch *stays,
                 const struct gpu_dispatch *sweep) {
    struct gpu_recording *r = g->recording;
    if (!r && !g->rehearses)
        return;
    count(g, stays);
    enlist(g, stays);
    g->resident.inside = true;
    if (!r)
        return;
    r->insteads = grown(r->insteads, r->n_insteads, sizeof *r->insteads);
    r->insteads[r->n_insteads++] =
        (struct gpu_instead){.at = r->n_kept, .stays = kept(stays), .sweep = kept(sweep)};
}

void gpu_instead_end(struct gpu *g) {
    g->resident.inside = false;
}

void gpu_resident_forget(struct gpu_recording *r) {
    free(r->kept);
    free(r->insteads);
    free(r->kernels.list);
    r->kept = NULL;
    r->insteads = NULL;
    r->kernels = (struct gpu_residents){.n = 0};
}

/* ---- plans ---- */

/* Workgroups of what stays. Where it is not known how many run together, none do; a software driver
 * runs one after another: one by itself always meets. */
static uint32_t one_each(const struct gpu *g) {
    uint32_t wished = gpu_wish(g).groups;
    if (wished || !g->info.hardware)
        return wished ? wished : 1;
    return gpu_multiprocessors(g->physical);
}

/* What is known of the recording that was just made. */
static struct gpu_choice begin_choice(const struct gpu *g) {
    if (g->resident.kernels.n == 0 || one_each(g) == 0)
        return (struct gpu_choice){.form = GPU_DISPATCHES};
    return gpu_choice_begin(g, g->resident.key);
}

/* Has them all made meanwhile. VK_NOT_READY: some are not there yet; < 0: one cannot be made. */
static VkResult prepare(struct gpu *g, const struct gpu_residents *k) {
    VkResult all = VK_SUCCESS;
    for (size_t i = 0; i < k->n; i++) {
        VkResult made = gpu_prepare(g, k->list[i].program, k->list[i].constants);
        if (made < 0)
            return made;
        if (made == VK_NOT_READY)
            all = made;
    }
    return all;
}

void gpu_resident_prepare(struct gpu *g) {
    if (begin_choice(g).form != GPU_DISPATCHES)
        prepare(g, &g->resident.kernels);
}

void gpu_resident_plan(struct gpu *g, struct gpu_recording *r) {
    if (!r->has_fills)
        r->choice = begin_choice(g);
    if (r->choice.form == GPU_DISPATCHES) {
        gpu_resident_forget(r);
        return;
    }
    r->kernels = g->resident.kernels;
    g->resident.kernels = (struct gpu_residents){.n = 0};
    prepare(g, &r->kernels);
    if (gpu_wish(g).form != GPU_STAYS)
        return;
    for (size_t i = 0; i < r->kernels.n; i++)
        gpu_pipeline(g, r->kernels.list[i].program, r->kernels.list[i].constants);
    gpu_resident_ready(g, r);
}

/* ---- making ---- */

uint64_t gpu_report(struct gpu *g) {
    if (!g->resident.report.mapped) {
        g->resident.report = gpu_buffer_new(g, 256, GPU_DOWNLOAD);
        *(volatile uint32_t *)g->resident.report.mapped = 0;
    }
    return g->resident.report.address;
}

/* How often workgroups have not met. */
static uint32_t reported(const struct gpu *g) {
    const volatile uint32_t *report = g->resident.report.mapped;
    return report ? *report : 0;
}

/* What stays instead of dispatches, and the sweep. */
static void put_instead(struct gpu *g, struct gpu_commands *c, struct gpu_instead *k) {
    k->stays.d.groups[0] = g->resident.groups;
    gpu_barrier(c->buffer);
    gpu_put(g, c, &k->stays.d, k->stays.args);
    gpu_barrier(c->buffer);
    gpu_put(g, c, &k->sweep.d, k->sweep.args);
}

static void put_kept(struct gpu *g, struct gpu_commands *c, const struct gpu_kept *k,
                     struct gpu_pending *pending) {
    if (gpu_order(pending, k->d.reads, k->d.n_reads, k->d.writes, k->d.n_writes))
        gpu_barrier(c->buffer);
    gpu_put(g, c, &k->d, k->args);
}

/* The recording's resident form. Whether its workgroups meet is tried out in earnest. */
static void make(struct gpu *g, struct gpu_recording *r) {
    struct gpu_pending pending = {.all = true};
    size_t instead = 0;
    g->resident.groups = one_each(g);
    r->choice.risky = true;
    gpu_commands_new(g, &r->resident);
    gpu_commands_begin(g, &r->resident, VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT);
    for (size_t i = 0; i <= r->n_kept; i++) {
        for (; instead < r->n_insteads && r->insteads[instead].at == i; instead++) {
            put_instead(g, &r->resident, &r->insteads[instead]);
            pending.all = true;
        }
        if (i < r->n_kept)
            put_kept(g, &r->resident, &r->kept[i], &pending);
    }
    gpu_check(vkEndCommandBuffer(r->resident.buffer), "vkEndCommandBuffer");
}

bool gpu_resident_ready(struct gpu *g, struct gpu_recording *r) {
    if (r->resident.pool)
        return true;
    VkResult made = prepare(g, &r->kernels);
    if (made == VK_NOT_READY)
        return false;
    if (made == VK_SUCCESS && reported(g) == 0)
        make(g, r);
    else
        r->choice.form = GPU_DISPATCHES;
    gpu_resident_forget(r);
    return r->resident.pool != NULL;
}

bool gpu_resident_works(struct gpu *g) {
    if (g->resident.groups == 0 || reported(g) == 0)
        return g->resident.groups > 0;
    die_warn("workgroups of a kernel that stays did not meet; from now on without such kernels");
    g->resident.groups = 0;
    return false;
}

void gpu_resident_close(struct gpu *g) {
    free(g->resident.kernels.list);
    gpu_buffer_free(g, &g->resident.report);
}
