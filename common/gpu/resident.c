/* Recordings with kernels that stay: rows of dispatches become tables of steps, see
 * shaders/resident.h, or one kernel does what the host has said it can do instead. */
#include "shaders/resident.h"
#include "common/base/arena.h"
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <stdlib.h>
#include <string.h>

enum {
    LEAST = 3,               /* steps that are worth a resident kernel */
    PATIENCE = 1 << 10,      /* of waiting workgroups, in 1024 looks: about a second */
    PATIENCE_SOFTWARE = 4,   /* there, whoever waits keeps the others from working */
    PATIENCE_TRYING = 1 << 4 /* milliseconds */
};

/* ---- what is recorded ---- */

void gpu_resident_begin(struct gpu *g) {
    g->resident.key = GPU_HASH;
    g->resident.n = g->resident.n_steps = g->resident.n_draws = 0;
    g->resident.instead.program = NULL;
}

static void count(struct gpu *g, const struct gpu_dispatch *d) {
    uint64_t h = g->resident.key;
    h = gpu_hash(h, d->program->name, strlen(d->program->name));
    h = gpu_hash(h, d->constants, sizeof d->constants);
    h = gpu_hash(h, d->groups, sizeof d->groups);
    g->resident.key = gpu_hash(h, &d->step, sizeof d->step);
    g->resident.n++;
    g->resident.n_steps += d->step != RESIDENT_NONE;
    g->resident.n_draws += d->step == RESIDENT_SAMPLE;
}

/* The recording so far, with this kernel: the same at each start, addresses apart. */
static uint64_t key_of(const struct gpu *g, const struct gpu_resident *k) {
    uint64_t h = gpu_hash(g->resident.key, k->constants, sizeof k->constants);
    return gpu_hash(h, k->program->words, k->program->bytes);
}

/* Workgroups of what stays instead of dispatches. Where it is not known how many run together, none
 * do. */
static uint32_t one_each(const struct gpu *g) {
    uint32_t wished = gpu_wish(g).groups;
    if (wished || !g->info.hardware)
        return wished ? wished : 1;
    return gpu_multiprocessors(g->physical);
}

/* Worth trying: there is a kernel for a part of it, or it is mostly steps. Without draws (the
 * thinker's) steps are only for who asks for them: on an H200 that takes twice as long as kernel by
 * kernel, and the compiler 12 seconds. */
static bool is_worth(const struct gpu *g) {
    bool spared = g->info.hardware && !g->resident.n_draws && gpu_wish(g).form != GPU_STAYS;
    if (g->resident.instead.program)
        return one_each(g) > 0;
    return g->resident.n_steps >= LEAST && 2 * g->resident.n_steps >= g->resident.n && !spared;
}

static struct gpu_kept kept(const struct gpu_dispatch *d) {
    struct gpu_kept k = {.d = *d};
    memcpy(k.args, d->args, d->args_size);
    if (d->step == RESIDENT_STREAM)
        k.stream = *d->stream;
    return k;
}

void gpu_resident_keep(struct gpu *g, const struct gpu_dispatch *d) {
    struct gpu_recording *r = g->recording;
    count(g, d);
    if (!r)
        return;
    r->kept = arena_xrealloc(r->kept, r->n_kept + 1, sizeof *r->kept);
    r->kept[r->n_kept++] = kept(d);
}

void gpu_instead(struct gpu *g, const struct gpu_dispatch *stays,
                 const struct gpu_dispatch *sweep) {
    struct gpu_recording *r = g->recording;
    uint64_t h = gpu_hash(g->resident.key, stays->program->words, stays->program->bytes);
    struct gpu_resident *k = &g->resident.instead;
    if (!r && !g->rehearses)
        return;
    g->resident.key = gpu_hash(h, stays->constants, sizeof stays->constants);
    k->program = stays->program;
    memcpy(k->constants, stays->constants, sizeof k->constants);
    if (!r)
        return;
    r->insteads = arena_xrealloc(r->insteads, r->n_insteads + 1, sizeof *r->insteads);
    r->insteads[r->n_insteads++] =
        (struct gpu_instead){.first = r->n_kept, .stays = kept(stays), .sweep = kept(sweep)};
}

void gpu_instead_end(struct gpu *g) {
    struct gpu_recording *r = g->recording;
    if (!r)
        return;
    struct gpu_instead *last = &r->insteads[r->n_insteads - 1];
    last->n = r->n_kept - last->first;
}

bool gpu_asked_to_stay(const struct gpu *g) {
    return gpu_wish(g).form == GPU_STAYS;
}

/* Of a recording with a kernel for a part of it, that is the only one that stays. */
static const struct gpu_resident *kernel_of(const struct gpu *g, const struct gpu_resident *k) {
    return g->resident.instead.program ? &g->resident.instead : k;
}

void gpu_resident_prepare(struct gpu *g, const struct gpu_resident *k) {
    if (!is_worth(g) || gpu_choice_begin(g, key_of(g, k)).form == GPU_DISPATCHES)
        return;
    k = kernel_of(g, k);
    gpu_prepare(g, k->program, k->constants);
}

void gpu_resident_forget(struct gpu_recording *r) {
    free(r->kept);
    free(r->insteads);
    r->kept = NULL;
    r->insteads = NULL;
}

/* ---- dispatches of the kernel ---- */

static struct gpu_dispatch dispatch_of(const struct gpu_resident *k, uint32_t groups) {
    struct gpu_dispatch d = {
        .program = k->program, .args_size = sizeof(struct resident_args), .groups = {groups, 1, 1}};
    memcpy(d.constants, k->constants, sizeof d.constants);
    return d;
}

/* Steps and products on the device. */
struct table {
    uint64_t steps, jobs;
    size_t n_steps, n_jobs;
};

static struct resident_args arguments(const struct gpu *g, const struct table *t,
                                      uint32_t patience) {
    return (struct resident_args){.steps = t->steps,
                                  .jobs = t->jobs,
                                  .state = g->resident.state,
                                  .report = g->resident.report.address,
                                  .n_steps = (uint32_t)t->n_steps,
                                  .n_jobs = (uint32_t)t->n_jobs,
                                  .patience = patience};
}

/* The steps, and then what they may have left undone. */
static void put_steps(struct gpu *g, struct gpu_commands *c, const struct gpu_resident *k,
                      const struct table *t, uint32_t patience) {
    struct resident_args a = arguments(g, t, patience);
    struct gpu_dispatch d = dispatch_of(k, g->resident.groups);
    gpu_barrier(c->buffer);
    gpu_put(g, c, &d, &a);
    gpu_barrier(c->buffer);
    a.sweep = g->resident.groups;
    d.groups[0] = 1;
    gpu_put(g, c, &d, &a);
}

static uint32_t patience(const struct gpu *g, uint32_t hardware) {
    return g->info.hardware ? hardware : PATIENCE_SOFTWARE;
}

uint64_t gpu_report(struct gpu *g) {
    if (!g->resident.report.mapped) {
        g->resident.report = gpu_buffer_new(g, 256, GPU_DOWNLOAD);
        *(volatile uint32_t *)g->resident.report.mapped = 0;
    }
    return g->resident.report.address;
}

static uint32_t reported(const struct gpu *g) {
    return *(volatile uint32_t *)g->resident.report.mapped;
}

/* ---- trying ---- */

static void run_alone(struct gpu *g, const struct gpu_dispatch *d, const void *args) {
    VkCommandBuffer buffer = gpu_collecting(g);
    gpu_barrier(buffer);
    gpu_put(g, &g->ring[g->ring_at], d, args);
    g->n_commands++;
    gpu_barrier_next(g);
}

/* How many workgroups are there at the same time, of RESIDENT_MOST. */
static uint32_t census(struct gpu *g, const struct gpu_resident *k) {
    struct resident_args a = arguments(g, &(struct table){.n_steps = 0}, PATIENCE_TRYING);
    struct gpu_dispatch d = dispatch_of(k, RESIDENT_MOST);
    uint32_t words[RESIDENT_DONE];
    a.census = 1;
    run_alone(g, &d, &a);
    gpu_read(g, g->resident.state, words, sizeof words);
    gpu_fill(g, g->resident.state, sizeof words);
    return words[RESIDENT_FOUND];
}

/* Whether the workgroups meet, again and again. They wait for less long than in earnest: what does
 * not meet shall not keep a screen waiting, or have a driver think that the device hangs. */
static bool meet(struct gpu *g, const struct gpu_resident *k) {
    enum { STEPS = 1000 };
    struct resident_step *steps = arena_xrealloc(NULL, STEPS, sizeof *steps);
    struct table t = {.steps = gpu_alloc(g, &g->resident.memory, STEPS * sizeof *steps),
                      .n_steps = STEPS};
    for (size_t i = 0; i < STEPS; i++)
        steps[i] = (struct resident_step){.flags = RESIDENT_MEET};
    gpu_write(g, t.steps, steps, STEPS * sizeof *steps);
    free(steps);
    gpu_wait(g);
    gpu_collecting(g);
    put_steps(g, &g->ring[g->ring_at], k, &t, patience(g, PATIENCE_TRYING));
    gpu_barrier_next(g);
    gpu_wait(g);
    return reported(g) == 0;
}

/* One for each multiprocessor, where their number is known; as many as there is room for
 * elsewhere. Of a software driver's nobody knows when they run: one by itself always meets. */
static uint32_t choose_groups(struct gpu *g, const struct gpu_resident *k) {
    if (!g->info.hardware)
        return 1;
    uint32_t room = census(g, k), processors = gpu_multiprocessors(g->physical);
    return processors && processors < room ? processors : room;
}

static void try_out(struct gpu *g, const struct gpu_resident *k) {
    const size_t bytes = (RESIDENT_DONE + RESIDENT_MOST) * 4;
    uint32_t wished = gpu_wish(g).groups;
    g->resident.tried = true;
    g->resident.state = gpu_alloc(g, &g->resident.memory, bytes);
    gpu_report(g);
    gpu_fill(g, g->resident.state, bytes);
    g->resident.groups = wished ? wished : choose_groups(g, k);
    if (g->resident.groups > RESIDENT_MOST)
        g->resident.groups = RESIDENT_MOST;
    if (!wished && !meet(g, k))
        g->resident.groups = 0;
}

/* ---- making ---- */

static size_t row_length(const struct gpu_recording *r, size_t first) {
    size_t n = 0;
    while (first + n < r->n_kept && r->kept[first + n].d.step)
        n++;
    return n;
}

/* What the teams of all workgroups have of a product; a team is 32 threads of 256. */
static struct stream_args share(const struct gpu *g, struct stream_args s) {
    uint32_t teams = 8 * g->resident.groups;
    s.each = s.tasks / teams;
    s.rest = s.tasks % teams;
    return s;
}

static void put_table(struct gpu *g, struct gpu_commands *c, const struct gpu_resident *k,
                      const struct gpu_kept *kept, size_t n) {
    struct resident_step *steps = arena_xrealloc(NULL, n, sizeof *steps);
    struct stream_args *jobs = arena_xrealloc(NULL, n, sizeof *jobs);
    struct table t = {.steps = gpu_alloc(g, &g->resident.memory, n * sizeof *steps),
                      .jobs = gpu_alloc(g, &g->resident.memory, n * sizeof *jobs),
                      .n_steps = n};
    struct gpu_pending pending = {.all = false};
    for (size_t i = 0; i < n; i++) {
        const struct gpu_dispatch *d = &kept[i].d;
        bool wait = gpu_order(&pending, d->reads, d->n_reads, d->writes, d->n_writes);
        steps[i] = (struct resident_step){.kind = d->step};
        if (wait && i > 0)
            steps[i - 1].flags = RESIDENT_MEET;
        memcpy(steps[i].args, kept[i].args, sizeof steps[i].args);
        memcpy(steps[i].groups, d->step_groups, sizeof d->step_groups);
        if (d->step == RESIDENT_STREAM)
            jobs[t.n_jobs++] = share(g, kept[i].stream);
    }
    gpu_write(g, t.steps, steps, n * sizeof *steps);
    gpu_write(g, t.jobs, jobs, t.n_jobs * sizeof *jobs);
    free(steps);
    free(jobs);
    put_steps(g, c, k, &t, patience(g, PATIENCE));
}

/* What stays instead of dispatches, and the sweep. */
static void put_instead(struct gpu *g, struct gpu_commands *c, struct gpu_instead *k) {
    k->stays.d.groups[0] = one_each(g);
    gpu_barrier(c->buffer);
    gpu_put(g, c, &k->stays.d, k->stays.args);
    gpu_barrier(c->buffer);
    gpu_put(g, c, &k->sweep.d, k->sweep.args);
}

/* The recording's resident form; none of it is there yet. */
static void make(struct gpu *g, struct gpu_recording *r, const struct gpu_resident *k) {
    struct gpu_pending pending = {.all = true};
    gpu_commands_new(g, &r->resident);
    gpu_commands_begin(g, &r->resident, VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT);
    for (size_t i = 0, n, instead = 0; i < r->n_kept; i += n) {
        const struct gpu_dispatch *d = &r->kept[i].d;
        if (instead < r->n_insteads && i == r->insteads[instead].first) {
            put_instead(g, &r->resident, &r->insteads[instead]);
            pending.all = true;
            n = r->insteads[instead++].n;
            continue;
        }
        n = r->n_insteads ? 1 : row_length(r, i);
        if (n >= LEAST) {
            put_table(g, &r->resident, k, &r->kept[i], n);
            pending.all = true;
            continue;
        }
        n = 1;
        if (gpu_order(&pending, d->reads, d->n_reads, d->writes, d->n_writes))
            gpu_barrier(r->resident.buffer);
        gpu_put(g, &r->resident, d, r->kept[i].args);
    }
    gpu_check(vkEndCommandBuffer(r->resident.buffer), "vkEndCommandBuffer");
}

/* Memory that the tables will need is taken while there still is some. */
static void reserve(struct gpu *g) {
    gpu_alloc(g, &g->resident.memory, 1);
}

void gpu_resident_plan(struct gpu *g, struct gpu_recording *r, const struct gpu_resident *k) {
    if (is_worth(g) && !r->has_fills)
        r->choice = gpu_choice_begin(g, key_of(g, k));
    if (r->choice.form == GPU_DISPATCHES)
        return;
    k = kernel_of(g, k);
    r->kernel = *k;
    if (!r->n_insteads)
        reserve(g);
    if (gpu_wish(g).form != GPU_STAYS)
        gpu_prepare(g, k->program, k->constants);
    else if (gpu_pipeline(g, k->program, k->constants))
        gpu_resident_ready(g, r);
}

/* True if workgroups meet. What stays instead of dispatches is tried out in earnest; tables of
 * steps are tried out by themselves all the same. */
static bool has_groups(struct gpu *g, struct gpu_recording *r) {
    if (r->n_insteads) {
        bool lost = reported(g) != 0;
        if (!g->resident.groups && !lost)
            g->resident.groups = one_each(g);
        r->choice.risky = true;
        return !lost;
    }
    if (!g->resident.tried) {
        gpu_choice_risk(g, &r->choice);
        try_out(g, &r->kernel);
        if (g->resident.groups)
            gpu_choice_survived(g, &r->choice);
    }
    return g->resident.groups > 0;
}

bool gpu_resident_ready(struct gpu *g, struct gpu_recording *r) {
    if (r->resident.pool)
        return true;
    VkResult made = gpu_prepare(g, r->kernel.program, r->kernel.constants);
    if (made == VK_NOT_READY)
        return false;
    if (made == VK_SUCCESS && has_groups(g, r))
        make(g, r, &r->kernel);
    else
        r->choice.form = GPU_DISPATCHES;
    gpu_resident_forget(r);
    return r->resident.pool != NULL;
}

bool gpu_resident_works(struct gpu *g) {
    if (g->resident.groups == 0 || reported(g) == 0)
        return g->resident.groups > 0;
    die_warn("workgroups of the resident kernel did not meet; from now on without it");
    g->resident.groups = 0;
    return false;
}

void gpu_resident_close(struct gpu *g) {
    gpu_arena_free(g, &g->resident.memory);
    gpu_buffer_free(g, &g->resident.report);
}
