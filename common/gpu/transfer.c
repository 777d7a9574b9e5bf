/* Bytes to the device and back. */
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <string.h>

enum {
    STAGE = 8 << 20, /* bytes of one piece of staging memory */
    INLINE = 4096    /* so few bytes travel inside the command buffer */
};

static void only_outside(const struct gpu *g, const char *what) {
    if (g->recording)
        die(ERR_SOFTWARE, "a recording has no place for a %s", what);
}

static uint64_t offset_in(const struct gpu_buffer *b, uint64_t address) {
    return address - b->address;
}

/* The next piece of staging memory, once the device is through with what it held. */
static struct gpu_stage *next_stage(struct gpu *g) {
    struct gpu_stage *s = &g->stages[g->stage_at];
    g->stage_at = (g->stage_at + 1) % GPU_RING;
    if (!s->buffer.bytes)
        s->buffer = gpu_buffer_new(g, STAGE, GPU_UPLOAD);
    gpu_wait_for(g, s->done_at);
    return s;
}

static void write_piece(struct gpu *g, uint64_t dst, const void *src, size_t bytes) {
    struct gpu_stage *s = next_stage(g);
    const struct gpu_buffer *to = gpu_buffer_at(g, dst, bytes);
    const struct gpu_range range = {dst, bytes};
    const VkBufferCopy copy = {.dstOffset = offset_in(to, dst), .size = bytes};
    memcpy(s->buffer.mapped, src, bytes);
    VkCommandBuffer buffer = gpu_command(g, NULL, 0, &range, 1);
    vkCmdCopyBuffer(buffer, s->buffer.buffer, to->buffer, 1, &copy);
    gpu_submit(g);
    s->done_at = g->submitted;
}

void gpu_write(struct gpu *g, uint64_t dst, const void *src, size_t bytes) {
    only_outside(g, "write");
    if (bytes <= INLINE && bytes % 4 == 0 && dst % 4 == 0 && bytes > 0) {
        const struct gpu_buffer *to = gpu_buffer_at(g, dst, bytes);
        const struct gpu_range range = {dst, bytes};
        VkCommandBuffer buffer = gpu_command(g, NULL, 0, &range, 1);
        vkCmdUpdateBuffer(buffer, to->buffer, offset_in(to, dst), bytes, src);
        bytes = 0;
    }
    for (size_t at = 0; at < bytes; at += STAGE)
        write_piece(g, dst + at, (const char *)src + at, bytes - at < STAGE ? bytes - at : STAGE);
    /* Kernels need not say that they read weights. */
    gpu_barrier_next(g);
}

void gpu_fill(struct gpu *g, uint64_t dst, size_t bytes) {
    static const char zeros[8];
    if (bytes == 0)
        return;
    /* The device fills whole words; what is around them are a few bytes. */
    size_t head = (4 - dst % 4) % 4, tail = (dst + bytes) % 4;
    if (head + tail >= bytes) {
        gpu_write(g, dst, zeros, bytes);
        return;
    }
    if (head)
        gpu_write(g, dst, zeros, head);
    if (tail)
        gpu_write(g, dst + bytes - tail, zeros, tail);
    dst += head;
    bytes -= head + tail;
    const struct gpu_buffer *to = gpu_buffer_at(g, dst, bytes);
    const struct gpu_range range = {dst, bytes};
    vkCmdFillBuffer(gpu_command(g, NULL, 0, &range, 1), to->buffer, offset_in(to, dst), bytes, 0);
}

static void read_piece(struct gpu *g, uint64_t src, void *dst, size_t bytes) {
    const struct gpu_buffer *from = gpu_buffer_at(g, src, bytes);
    const struct gpu_range range = {src, bytes};
    const VkBufferCopy copy = {.srcOffset = offset_in(from, src), .size = bytes};
    const VkMemoryBarrier memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                    .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                    .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    VkCommandBuffer buffer = gpu_command(g, &range, 1, NULL, 0);
    vkCmdCopyBuffer(buffer, from->buffer, g->readback.buffer, 1, &copy);
    vkCmdPipelineBarrier(buffer, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                         &memory, 0, NULL, 0, NULL);
    gpu_wait(g);
    memcpy(dst, g->readback.mapped, bytes);
}

void gpu_read(struct gpu *g, uint64_t src, void *dst, size_t bytes) {
    only_outside(g, "read");
    if (!g->readback.bytes)
        g->readback = gpu_buffer_new(g, STAGE, GPU_DOWNLOAD);
    for (size_t at = 0; at < bytes; at += STAGE)
        read_piece(g, src + at, (char *)dst + at, bytes - at < STAGE ? bytes - at : STAGE);
}

void gpu_transfer_close(struct gpu *g) {
    for (size_t i = 0; i < GPU_RING; i++)
        gpu_buffer_free(g, &g->stages[i].buffer);
    gpu_buffer_free(g, &g->readback);
}
