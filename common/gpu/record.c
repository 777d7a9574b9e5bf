/* Commands in order: the ring of command buffers, barriers, submitting, recordings. */
#include "common/base/arena.h"
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <stdlib.h>
#include <string.h>

/* The device begins with so many commands while the host goes on collecting. */
enum { COMMANDS = 256 };

/* ---- command buffers ---- */

static void commands_new(struct gpu *g, VkCommandPool *pool, VkCommandBuffer *buffer) {
    const VkCommandPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .queueFamilyIndex = g->family};
    gpu_check(vkCreateCommandPool(g->device, &info, NULL, pool), "vkCreateCommandPool");
    const VkCommandBufferAllocateInfo one = {.sType =
                                                 VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                             .commandPool = *pool,
                                             .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                             .commandBufferCount = 1};
    gpu_check(vkAllocateCommandBuffers(g->device, &one, buffer), "vkAllocateCommandBuffers");
}

static void begin(VkCommandBuffer buffer, VkCommandBufferUsageFlags usage) {
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                           .flags = usage};
    gpu_check(vkBeginCommandBuffer(buffer, &info), "vkBeginCommandBuffer");
}

void gpu_record_open(struct gpu *g) {
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                        .pNext = &type};
    gpu_check(vkCreateSemaphore(g->device, &info, NULL, &g->timeline), "vkCreateSemaphore");
    for (size_t i = 0; i < GPU_RING; i++)
        commands_new(g, &g->ring[i].pool, &g->ring[i].buffer);
}

void gpu_record_close(struct gpu *g) {
    for (size_t i = 0; i < GPU_RING; i++) {
        vkDestroyCommandPool(g->device, g->ring[i].pool, NULL);
        gpu_stamps_free(g, &g->ring[i].stamps);
    }
    for (struct gpu_recording *r = g->recordings, *next; r; r = next) {
        next = r->next;
        vkDestroyCommandPool(g->device, r->pool, NULL);
        gpu_stamps_free(g, &r->stamps);
        free(r);
    }
    vkDestroySemaphore(g->device, g->timeline, NULL);
}

/* ---- submitting ---- */

void gpu_wait_for(struct gpu *g, uint64_t value) {
    const VkSemaphoreWaitInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                      .semaphoreCount = 1,
                                      .pSemaphores = &g->timeline,
                                      .pValues = &value};
    gpu_check(vkWaitSemaphores(g->device, &info, UINT64_MAX), "vkWaitSemaphores");
}

/* Hands one command buffer to the queue; it is through when the timeline reaches g->submitted. */
static void submit(struct gpu *g, VkCommandBuffer buffer) {
    uint64_t value = ++g->submitted;
    const VkTimelineSemaphoreSubmitInfo times = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &value};
    const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .pNext = &times,
                               .commandBufferCount = 1,
                               .pCommandBuffers = &buffer,
                               .signalSemaphoreCount = 1,
                               .pSignalSemaphores = &g->timeline};
    gpu_check(vkQueueSubmit(g->queue, 1, &info, VK_NULL_HANDLE), "vkQueueSubmit");
}

/* The ring's command buffer that takes commands now. */
static VkCommandBuffer collecting(struct gpu *g) {
    struct gpu_commands *c = &g->ring[g->ring_at];
    if (g->open)
        return c->buffer;
    gpu_wait_for(g, c->done_at);
    gpu_stamps_collect(g, &c->stamps);
    gpu_check(vkResetCommandPool(g->device, c->pool, 0), "vkResetCommandPool");
    begin(c->buffer, VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT);
    gpu_stamps_begin(g, c->buffer, &c->stamps);
    g->open = true;
    return c->buffer;
}

void gpu_submit(struct gpu *g) {
    if (!g->open)
        return;
    struct gpu_commands *c = &g->ring[g->ring_at];
    gpu_check(vkEndCommandBuffer(c->buffer), "vkEndCommandBuffer");
    submit(g, c->buffer);
    c->done_at = g->submitted;
    c->stamps.running = c->stamps.n > 0;
    g->ring_at = (g->ring_at + 1) % GPU_RING;
    g->n_commands = 0;
    g->open = false;
}

void gpu_wait(struct gpu *g) {
    gpu_submit(g);
    gpu_wait_for(g, g->submitted);
}

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

static void barrier(VkCommandBuffer buffer) {
    const VkPipelineStageFlags stages =
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                         VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT};
    vkCmdPipelineBarrier(buffer, stages, stages, 0, 1, &memory, 0, NULL, 0, NULL);
}

static void remember(struct gpu_pending *p, const struct gpu_range *reads, size_t n_reads,
                     const struct gpu_range *writes, size_t n_writes) {
    memcpy(p->reads + p->n_reads, reads, n_reads * sizeof *reads);
    memcpy(p->writes + p->n_writes, writes, n_writes * sizeof *writes);
    p->n_reads += n_reads;
    p->n_writes += n_writes;
}

void gpu_barrier_next(struct gpu *g) {
    g->pending.all = true;
}

VkCommandBuffer gpu_command(struct gpu *g, const struct gpu_range *reads, size_t n_reads,
                            const struct gpu_range *writes, size_t n_writes) {
    if (!g->recording && g->n_commands >= COMMANDS)
        gpu_submit(g);
    VkCommandBuffer buffer = g->recording ? g->recording->buffer : collecting(g);
    if (must_wait(&g->pending, reads, n_reads, writes, n_writes)) {
        barrier(buffer);
        g->pending = (struct gpu_pending){.all = false};
    }
    remember(&g->pending, reads, n_reads, writes, n_writes);
    g->n_commands += !g->recording;
    return buffer;
}

void gpu_dispatch(struct gpu *g, const struct gpu_dispatch *d) {
    if (d->args_size > GPU_ARGS || d->args_size % 4)
        die(ERR_SOFTWARE, "%s: %zu bytes of arguments", d->program->name, d->args_size);
    VkPipeline pipeline = gpu_pipeline(g, d->program, d->constants);
    VkCommandBuffer buffer = gpu_command(g, d->reads, d->n_reads, d->writes, d->n_writes);
    vkCmdBindPipeline(buffer, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdPushConstants(buffer, g->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, (uint32_t)d->args_size,
                       d->args);
    vkCmdDispatch(buffer, d->groups[0], d->groups[1], d->groups[2]);
    gpu_stamp(g, d->program->name);
}

/* ---- recordings ---- */

void gpu_record(struct gpu *g) {
    if (g->recording)
        die(ERR_SOFTWARE, "a recording inside a recording");
    struct gpu_recording *r = arena_xrealloc(NULL, 1, sizeof *r);
    *r = (struct gpu_recording){.next = g->recordings};
    commands_new(g, &r->pool, &r->buffer);
    begin(r->buffer, VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT);
    gpu_stamps_begin(g, r->buffer, &r->stamps);
    g->recordings = g->recording = r;
    /* It may follow anything, itself too. */
    g->before = g->pending;
    g->pending = (struct gpu_pending){.all = true};
}

struct gpu_recording *gpu_recorded(struct gpu *g) {
    struct gpu_recording *r = g->recording;
    gpu_check(vkEndCommandBuffer(r->buffer), "vkEndCommandBuffer");
    g->pending = g->before;
    g->recording = NULL;
    return r;
}

void gpu_replay(struct gpu *g, struct gpu_recording *r) {
    gpu_submit(g);
    if (r->stamps.running) {
        gpu_wait_for(g, r->done_at);
        gpu_stamps_collect(g, &r->stamps);
    }
    submit(g, r->buffer);
    r->done_at = g->submitted;
    r->stamps.running = r->stamps.n > 0;
    gpu_barrier_next(g);
}
