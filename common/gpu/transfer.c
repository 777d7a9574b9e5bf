/* Bytes to the device and back. Where the host sees the device's memory (`mapped`), large pieces
 * are copied straight into it; else they go through pieces of staging memory, of which the device
 * empties one while the host fills the next. */
#include "common/base/die.h"
#include "common/base/size.h"
#include "common/gpu/impl.h"

#include <string.h>

enum {
    INLINE = 1 << 16, /* so few bytes travel inside the command buffer; Vulkan's limit */
    SHARE = 1 << 20,  /* what a thread copies at a time; less is not worth waking one */
};

static void only_outside(const struct gpu *g, const char *what) {
    if (g->recording)
        die(ERR_SOFTWARE, "a recording has no place for a %s", what);
}

static uint64_t offset_in(const struct gpu_buffer *b, uint64_t address) {
    return address - b->address;
}

/* memcpy by several threads: one alone is slower than the bus, and slower still where the pages of
 * a mapped file are touched for the first time. */
static void copy(char *dst, const char *src, size_t bytes) {
    size_t shares = size_divide_up(bytes, SHARE);
#pragma omp parallel for schedule(dynamic) if (shares > 1)
    for (size_t i = 0; i < shares; i++)
        memcpy(dst + i * SHARE, src + i * SHARE, size_least(SHARE, bytes - i * SHARE));
}

/* ---- to the device ---- */

/* A piece that is there and that the device is known to be through with, or else the next one. */
static size_t choose_stage(const struct gpu *g) {
    for (size_t i = 0; i < GPU_RING; i++) {
        size_t at = (g->stage_at + i) % GPU_RING;
        if (g->stages[at].buffer.bytes && g->stages[at].done_at <= g->done)
            return at;
    }
    return g->stage_at;
}

/* Staging memory, once the device is through with what it held. To make a piece takes milliseconds,
 * so there are no more of them than are under way at once. */
static struct gpu_stage *next_stage(struct gpu *g) {
    size_t at = choose_stage(g);
    struct gpu_stage *s = &g->stages[at];
    g->stage_at = (at + 1) % GPU_RING;
    if (!s->buffer.bytes)
        s->buffer = gpu_buffer_new(g, GPU_STAGE, GPU_UPLOAD);
    gpu_wait_for(g, s->done_at);
    return s;
}

static void write_staged(struct gpu *g, const struct gpu_buffer *to, uint64_t dst, const void *src,
                         size_t bytes) {
    struct gpu_stage *s = next_stage(g);
    const struct gpu_range range = {dst, bytes};
    const VkBufferCopy region = {.dstOffset = offset_in(to, dst), .size = bytes};
    copy(s->buffer.mapped, src, bytes);
    VkCommandBuffer buffer = gpu_command(g, NULL, 0, &range, 1);
    vkCmdCopyBuffer(buffer, s->buffer.buffer, to->buffer, 1, &region);
    gpu_stamp(g, "(write)");
    gpu_submit(g);
    s->done_at = g->submitted;
}

static void write_inline(struct gpu *g, const struct gpu_buffer *to, uint64_t dst, const void *src,
                         size_t bytes) {
    const struct gpu_range range = {dst, bytes};
    VkCommandBuffer buffer = gpu_command(g, NULL, 0, &range, 1);
    vkCmdUpdateBuffer(buffer, to->buffer, offset_in(to, dst), bytes, src);
    gpu_stamp(g, "(write)");
}

void gpu_write(struct gpu *g, uint64_t dst, const void *src, size_t bytes) {
    if (bytes == 0 || g->rehearses)
        return;
    only_outside(g, "write");
    const struct gpu_buffer *to = gpu_buffer_at(g, dst, bytes);
    if (bytes <= INLINE && bytes % 4 == 0 && dst % 4 == 0) {
        write_inline(g, to, dst, src, bytes);
    } else if (to->mapped) {
        gpu_wait(g);
        copy((char *)to->mapped + offset_in(to, dst), src, bytes);
    } else {
        for (size_t at = 0; at < bytes; at += GPU_STAGE)
            write_staged(g, to, dst + at, (const char *)src + at,
                         size_least(GPU_STAGE, bytes - at));
    }
    /* Kernels need not say that they read weights. */
    gpu_barrier_next(g);
}

void gpu_fill(struct gpu *g, uint64_t dst, size_t bytes) {
    static const char zeros[8];
    if (bytes == 0 || g->rehearses)
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
    if (g->recording) {
        g->recording->has_fills = true;
        gpu_barrier_next(g);
    }
    vkCmdFillBuffer(gpu_command(g, NULL, 0, &range, 1), to->buffer, offset_in(to, dst), bytes, 0);
    gpu_stamp(g, "(fill)");
}

/* ---- and back ---- */

/* Copies to memory that the host reads; what it reads is there when the commands are done. */
static void fetch(struct gpu *g, const struct gpu_buffer *into, size_t offset, uint64_t src,
                  size_t bytes) {
    gpu_load_wait(g);
    const struct gpu_buffer *from = gpu_buffer_at(g, src, bytes);
    const struct gpu_range range = {src, bytes};
    const VkBufferCopy region = {
        .srcOffset = offset_in(from, src), .dstOffset = offset, .size = bytes};
    const VkMemoryBarrier memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                    .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                    .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    VkCommandBuffer buffer = gpu_command(g, &range, 1, NULL, 0);
    vkCmdCopyBuffer(buffer, from->buffer, into->buffer, 1, &region);
    vkCmdPipelineBarrier(buffer, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                         &memory, 0, NULL, 0, NULL);
    gpu_stamp(g, "(read)");
}

void gpu_read(struct gpu *g, uint64_t src, void *dst, size_t bytes) {
    only_outside(g, "read");
    if (!g->readback.bytes)
        g->readback = gpu_buffer_new(g, GPU_STAGE, GPU_DOWNLOAD);
    if (g->rehearses) {
        memset(dst, 0, bytes);
        return;
    }
    for (size_t at = 0; at < bytes; at += GPU_STAGE) {
        size_t n = size_least(GPU_STAGE, bytes - at);
        fetch(g, &g->readback, 0, src + at, n);
        gpu_wait(g);
        copy((char *)dst + at, g->readback.mapped, n);
    }
}

struct gpu_letter gpu_post(struct gpu *g, uint64_t src, size_t bytes) {
    only_outside(g, "letter");
    if (bytes > GPU_LETTER)
        die(ERR_SOFTWARE, "a letter of %zu bytes", bytes);
    if (!g->letters.bytes)
        g->letters = gpu_buffer_new(g, GPU_LETTERS * GPU_LETTER, GPU_DOWNLOAD);
    struct gpu_letter l = {.at = g->letter_at * GPU_LETTER, .bytes = bytes};
    if (g->rehearses)
        return l;
    g->letter_at = (g->letter_at + 1) % GPU_LETTERS;
    fetch(g, &g->letters, l.at, src, bytes);
    gpu_submit(g);
    l.done_at = g->submitted;
    return l;
}

void gpu_collect(struct gpu *g, const struct gpu_letter *l, void *dst) {
    if (g->rehearses) {
        memset(dst, 0, l->bytes);
        return;
    }
    gpu_wait_for(g, l->done_at);
    memcpy(dst, (const char *)g->letters.mapped + l->at, l->bytes);
}

void gpu_transfer_close(struct gpu *g) {
    for (size_t i = 0; i < GPU_RING; i++)
        gpu_buffer_free(g, &g->stages[i].buffer);
    gpu_buffer_free(g, &g->readback);
    gpu_buffer_free(g, &g->letters);
}
