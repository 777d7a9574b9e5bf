/* Commands in order: barriers, dispatches, recordings. */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <stdlib.h>
#include <string.h>

/* The device begins with so many commands while the host goes on collecting. */
enum { COMMANDS = 256 };

/* ---- barriers ---- */

static bool overlap(const struct gpu_range *a, const struct gpu_range *b) {
    return a->address < b->address + b->bytes && b->address < a->address + a->bytes;
}

static bool overlaps_any(const struct gpu_range *r, const struct gpu_range *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (overlap(r, &list[i]))
            return true;
    return false;
}

/* What reads or writes a range waits for those that wrote it; what writes it, also for those that
 * still read it. A full list waits too, to begin anew. */
static bool must_wait(const struct gpu_pending *p, const struct gpu_range *reads, size_t n_reads,
                      const struct gpu_range *writes, size_t n_writes) {
    if (p->all || p->n_reads + n_reads > GPU_PENDING || p->n_writes + n_writes > GPU_PENDING)
        return true;
    for (size_t i = 0; i < n_reads; i++)
        if (overlaps_any(&reads[i], p->writes, p->n_writes))
            return true;
    for (size_t i = 0; i < n_writes; i++)
        if (overlaps_any(&writes[i], p->writes, p->n_writes) ||
            overlaps_any(&writes[i], p->reads, p->n_reads))
            return true;
    return false;
}

static void barrier(VkCommandBuffer buffer, VkPipelineStageFlags stages, VkAccessFlags reads,
                    VkAccessFlags writes) {
    const VkMemoryBarrier memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                    .srcAccessMask = writes,
                                    .dstAccessMask = reads | writes};
    vkCmdPipelineBarrier(buffer, stages, stages, 0, 1, &memory, 0, NULL, 0, NULL);
}

void gpu_barrier(VkCommandBuffer buffer) {
    barrier(buffer, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
            VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT,
            VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT);
}

/* Between dispatches, of a recording without fills. */
static void barrier_dispatches(VkCommandBuffer buffer) {
    barrier(buffer, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_READ_BIT,
            VK_ACCESS_SHADER_WRITE_BIT);
}

static void remember(struct gpu_pending *p, const struct gpu_range *reads, size_t n_reads,
                     const struct gpu_range *writes, size_t n_writes) {
    for (size_t i = 0; i < n_reads; i++)
        p->reads[p->n_reads++] = reads[i];
    for (size_t i = 0; i < n_writes; i++)
        p->writes[p->n_writes++] = writes[i];
}

bool gpu_order(struct gpu_pending *p, const struct gpu_range *reads, size_t n_reads,
               const struct gpu_range *writes, size_t n_writes) {
    bool wait = must_wait(p, reads, n_reads, writes, n_writes);
    if (wait)
        *p = (struct gpu_pending){.all = false};
    remember(p, reads, n_reads, writes, n_writes);
    return wait;
}

void gpu_barrier_next(struct gpu *g) {
    g->pending.all = true;
}

VkCommandBuffer gpu_command(struct gpu *g, const struct gpu_range *reads, size_t n_reads,
                            const struct gpu_range *writes, size_t n_writes) {
    if (!g->recording && g->n_commands >= COMMANDS)
        gpu_submit(g);
    VkCommandBuffer buffer = g->recording ? g->recording->commands.buffer : gpu_collecting(g);
    bool dispatches = g->recording && !g->recording->has_fills && !g->pending.all;
    if (gpu_order(&g->pending, reads, n_reads, writes, n_writes)) {
        if (dispatches)
            barrier_dispatches(buffer);
        else
            gpu_barrier(buffer);
    }
    g->n_commands += !g->recording;
    return buffer;
}

void gpu_put(struct gpu *g, struct gpu_commands *c, const struct gpu_dispatch *d,
             const void *args) {
    vkCmdBindPipeline(c->buffer, VK_PIPELINE_BIND_POINT_COMPUTE,
                      gpu_pipeline(g, d->program, d->constants));
    vkCmdPushConstants(c->buffer, g->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, (uint32_t)d->args_size,
                       args);
    vkCmdDispatch(c->buffer, d->groups[0], d->groups[1], d->groups[2]);
    gpu_stamp_in(g, c, d->program->name);
}

void gpu_dispatch(struct gpu *g, const struct gpu_dispatch *d) {
    if (d->args_size > GPU_ARGS || d->args_size % 4)
        die(ERR_SOFTWARE, "%s: %zu bytes of arguments", d->program->name, d->args_size);
    if (g->rehearses) {
        gpu_prepare(g, d->program, d->constants);
        gpu_resident_keep(g, d);
        return;
    }
    gpu_load_wait(g); /* kernels need not say that they read weights */
    gpu_command(g, d->reads, d->n_reads, d->writes, d->n_writes);
    gpu_put(g, g->recording ? &g->recording->commands : &g->ring[g->ring_at], d, d->args);
    if (g->recording)
        gpu_resident_keep(g, d);
}

/* ---- rehearsals and recordings ---- */

void gpu_rehearse(struct gpu *g) {
    g->rehearses = true;
    gpu_making_hold(g, true);
}

void gpu_rehearsed(struct gpu *g) {
    g->rehearses = false;
    gpu_making_hold(g, false);
}

bool gpu_rehearses(const struct gpu *g) {
    return g->rehearses;
}

void gpu_record(struct gpu *g) {
    if (g->recording)
        die(ERR_SOFTWARE, "a recording inside a recording");
    gpu_resident_begin(g);
    if (g->rehearses)
        return;
    struct gpu_recording *r = arena_xrealloc(NULL, 1, sizeof *r);
    *r = (struct gpu_recording){.next = g->recordings};
    gpu_commands_new(g, &r->commands);
    gpu_commands_begin(g, &r->commands, VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT);
    g->recordings = g->recording = r;
    /* It may follow anything, itself too. */
    g->before = g->pending;
    g->pending = (struct gpu_pending){.all = true};
}

struct gpu_recording *gpu_recorded(struct gpu *g) {
    struct gpu_recording *r = g->recording;
    if (g->rehearses) {
        gpu_resident_prepare(g);
        return NULL;
    }
    gpu_check(vkEndCommandBuffer(r->commands.buffer), "vkEndCommandBuffer");
    g->pending = g->before;
    g->recording = NULL;
    gpu_resident_plan(g, r);
    return r;
}

static void replay(struct gpu *g, struct gpu_commands *c) {
    gpu_join_open(g);
    if (c->stamps.running) {
        gpu_wait_for(g, c->done_at);
        gpu_stamps_collect(g, &c->stamps);
    }
    gpu_join(g, c);
    gpu_barrier_next(g);
}

void gpu_replay(struct gpu *g, struct gpu_recording *r) {
    bool timed;
    gpu_load_wait(g); /* as its dispatches would */
    struct gpu_commands *c = gpu_choose(g, r, &timed);
    if (!timed) {
        replay(g, c);
        return;
    }
    gpu_wait(g);
    double start = clock_now();
    replay(g, c);
    gpu_wait(g);
    gpu_choice_took(g, &r->choice, clock_now() - start);
}

void gpu_recordings_close(struct gpu *g) {
    for (struct gpu_recording *r = g->recordings, *next; r; r = next) {
        next = r->next;
        gpu_choice_learn(g, r);
        gpu_commands_free(g, &r->commands);
        if (r->resident.pool)
            gpu_commands_free(g, &r->resident);
        gpu_resident_forget(r);
        free(r);
    }
}
