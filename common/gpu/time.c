/* Where the device's time goes. While times are kept, every command is followed by a time stamp; a
 * command's time is from the stamp before it to its own, so the times add up even where commands
 * overlap. */
#include "common/base/arena.h"
#include "common/gpu/impl.h"

#include <stdlib.h>

enum { STAMPS = 8192 /* of one command buffer; commands after that are not timed */ };

void gpu_time(struct gpu *g) {
    gpu_submit(g); /* what is open has no stamps */
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(g->physical, &properties);
    g->stamp_seconds = 1e-9 * (double)properties.limits.timestampPeriod;
    g->timed = properties.limits.timestampComputeAndGraphics;
}

static void make_room(struct gpu *g, struct gpu_stamps *s) {
    const VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                        .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                        .queryCount = STAMPS};
    gpu_check(vkCreateQueryPool(g->device, &info, NULL, &s->pool), "vkCreateQueryPool");
    s->names = arena_xrealloc(NULL, STAMPS, sizeof *s->names);
}

static void stamp(VkCommandBuffer buffer, struct gpu_stamps *s, const char *name) {
    if (s->n == STAMPS)
        return;
    vkCmdWriteTimestamp(buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, s->pool, (uint32_t)s->n);
    s->names[s->n++] = name;
}

void gpu_stamps_begin(struct gpu *g, VkCommandBuffer buffer, struct gpu_stamps *s) {
    if (!g->timed)
        return;
    if (!s->pool)
        make_room(g, s);
    s->n = 0;
    vkCmdResetQueryPool(buffer, s->pool, 0, STAMPS);
    stamp(buffer, s, NULL);
}

void gpu_stamp_in(struct gpu *g, struct gpu_commands *c, const char *name) {
    if (g->timed)
        stamp(c->buffer, &c->stamps, name);
}

void gpu_stamp(struct gpu *g, const char *name) {
    gpu_stamp_in(g, g->recording ? &g->recording->commands : &g->ring[g->ring_at], name);
}

static struct gpu_time *entry(struct gpu *g, const char *name) {
    for (size_t i = 0; i < g->n_times; i++)
        if (g->times[i].name == name)
            return &g->times[i];
    g->times = arena_xrealloc(g->times, g->n_times + 1, sizeof *g->times);
    g->times[g->n_times] = (struct gpu_time){.name = name};
    return &g->times[g->n_times++];
}

void gpu_stamps_collect(struct gpu *g, struct gpu_stamps *s) {
    if (!s->running)
        return;
    s->running = false;
    uint64_t *at = arena_xrealloc(NULL, s->n, sizeof *at);
    VkResult r = vkGetQueryPoolResults(g->device, s->pool, 0, (uint32_t)s->n, s->n * sizeof *at, at,
                                       sizeof *at, VK_QUERY_RESULT_64_BIT);
    for (size_t i = 1; r == VK_SUCCESS && i < s->n; i++) {
        struct gpu_time *t = entry(g, s->names[i]);
        t->n++;
        t->seconds += (double)(at[i] - at[i - 1]) * g->stamp_seconds;
    }
    free(at);
}

void gpu_stamps_free(struct gpu *g, struct gpu_stamps *s) {
    vkDestroyQueryPool(g->device, s->pool, NULL);
    free(s->names);
}

static int by_seconds(const void *a, const void *b) {
    const struct gpu_time *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

const struct gpu_time *gpu_times(struct gpu *g, size_t *n) {
    gpu_wait(g);
    for (size_t i = 0; i < GPU_RING; i++)
        gpu_stamps_collect(g, &g->ring[i].stamps);
    for (struct gpu_recording *r = g->recordings; r; r = r->next) {
        gpu_stamps_collect(g, &r->commands.stamps);
        gpu_stamps_collect(g, &r->resident.stamps);
    }
    *n = g->n_times;
    if (g->n_times)
        qsort(g->times, g->n_times, sizeof *g->times, by_seconds);
    return g->times;
}
