/* Command buffers and their way to the device: a ring of them for commands as they come, a batch of
 * what is ready to go, and the timeline that tells what is done. */
#include "common/base/clock.h"
#include "common/gpu/impl.h"

/* ---- command buffers ---- */

void gpu_commands_new(struct gpu *g, struct gpu_commands *c) {
    const VkCommandPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .queueFamilyIndex = g->family};
    *c = (struct gpu_commands){.done_at = 0};
    gpu_check(vkCreateCommandPool(g->device, &info, NULL, &c->pool), "vkCreateCommandPool");
    const VkCommandBufferAllocateInfo one = {.sType =
                                                 VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                             .commandPool = c->pool,
                                             .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                             .commandBufferCount = 1};
    gpu_check(vkAllocateCommandBuffers(g->device, &one, &c->buffer), "vkAllocateCommandBuffers");
}

void gpu_commands_begin(struct gpu *g, struct gpu_commands *c, VkCommandBufferUsageFlags usage) {
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                           .flags = usage};
    gpu_check(vkBeginCommandBuffer(c->buffer, &info), "vkBeginCommandBuffer");
    gpu_stamps_begin(g, c->buffer, &c->stamps);
}

void gpu_commands_free(struct gpu *g, struct gpu_commands *c) {
    vkDestroyCommandPool(g->device, c->pool, NULL);
    gpu_stamps_free(g, &c->stamps);
}

void gpu_submit_open(struct gpu *g) {
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                        .pNext = &type};
    gpu_check(vkCreateSemaphore(g->device, &info, NULL, &g->timeline), "vkCreateSemaphore");
    for (size_t i = 0; i < GPU_RING; i++)
        gpu_commands_new(g, &g->ring[i]);
}

void gpu_submit_close(struct gpu *g) {
    for (size_t i = 0; i < GPU_RING; i++)
        gpu_commands_free(g, &g->ring[i]);
    vkDestroySemaphore(g->device, g->timeline, NULL);
}

/* ---- the batch ---- */

void gpu_join(struct gpu *g, struct gpu_commands *c) {
    if (g->n_batch == GPU_BATCH)
        gpu_submit(g);
    g->batch[g->n_batch++] = c->buffer;
    c->done_at = g->submitted + 1;
    c->stamps.running = c->stamps.n > 0;
}

void gpu_join_open(struct gpu *g) {
    if (!g->open)
        return;
    struct gpu_commands *c = &g->ring[g->ring_at];
    gpu_check(vkEndCommandBuffer(c->buffer), "vkEndCommandBuffer");
    g->ring_at = (g->ring_at + 1) % GPU_RING;
    g->n_commands = 0;
    g->open = false;
    gpu_join(g, c);
}

VkCommandBuffer gpu_collecting(struct gpu *g) {
    struct gpu_commands *c = &g->ring[g->ring_at];
    if (g->open)
        return c->buffer;
    gpu_wait_for(g, c->done_at);
    gpu_stamps_collect(g, &c->stamps);
    gpu_check(vkResetCommandPool(g->device, c->pool, 0), "vkResetCommandPool");
    gpu_commands_begin(g, c, VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT);
    g->open = true;
    return c->buffer;
}

/* All of the batch is done when the timeline has the next value. */
static void submit(struct gpu *g) {
    uint64_t value = ++g->submitted;
    const VkTimelineSemaphoreSubmitInfo times = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &value};
    const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .pNext = &times,
                               .commandBufferCount = (uint32_t)g->n_batch,
                               .pCommandBuffers = g->batch,
                               .signalSemaphoreCount = 1,
                               .pSignalSemaphores = &g->timeline};
    g->n_batch = 0;
    pthread_mutex_lock(&g->queue_lock);
    VkResult r = vkQueueSubmit(g->queue, 1, &info, VK_NULL_HANDLE);
    pthread_mutex_unlock(&g->queue_lock);
    gpu_check(r, "vkQueueSubmit");
}

void gpu_submit(struct gpu *g) {
    gpu_join_open(g);
    if (g->n_batch > 0)
        submit(g);
}

/* ---- waiting ---- */

/* Sleeping and waking up takes longer than a short step, so at first the host looks again and
 * again; not where it is the device itself. True if the value was reached. */
static bool spin(struct gpu *g, uint64_t value) {
    const double most = 1e-3;
    double until = clock_now() + most;
    while (g->info.hardware && g->done < value && clock_now() < until)
        gpu_check(vkGetSemaphoreCounterValue(g->device, g->timeline, &g->done),
                  "vkGetSemaphoreCounterValue");
    return g->done >= value;
}

void gpu_wait_for(struct gpu *g, uint64_t value) {
    const VkSemaphoreWaitInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                      .semaphoreCount = 1,
                                      .pSemaphores = &g->timeline,
                                      .pValues = &value};
    if (value > g->submitted)
        gpu_submit(g);
    if (g->done >= value || spin(g, value))
        return;
    gpu_check(vkWaitSemaphores(g->device, &info, UINT64_MAX), "vkWaitSemaphores");
    g->done = value;
}

void gpu_wait(struct gpu *g) {
    gpu_submit(g);
    gpu_wait_for(g, g->submitted);
}
