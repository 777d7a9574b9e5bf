/* Device memory: buffers with addresses, and arenas of them. */
#include "common/base/arena.h"
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 256, BLOCK = 32 << 20, LARGE = 8 << 20 };

struct gpu_arena_block {
    struct gpu_arena_block *next;
    struct gpu_buffer buffer;
    size_t used;
};

/* ---- buffers ---- */

/* The first kind of memory with all of `must` and, if there is one, all of `nice` too. */
static uint32_t memory_type(const struct gpu *g, uint32_t allowed, VkMemoryPropertyFlags must,
                            VkMemoryPropertyFlags nice) {
    for (int strict = 1; strict >= 0; strict--) {
        VkMemoryPropertyFlags want = strict ? must | nice : must;
        for (uint32_t i = 0; i < g->memory.memoryTypeCount; i++)
            if (allowed >> i & 1 && (g->memory.memoryTypes[i].propertyFlags & want) == want)
                return i;
    }
    die(ERR_UNAVAILABLE, "%s: no memory of the kind that omni needs", g->info.name);
}

/* The kind of memory for a place. On unified memory the host shall see the device's, if it can. */
static uint32_t memory_for(const struct gpu *g, uint32_t allowed, enum gpu_place place) {
    const VkMemoryPropertyFlags own = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    const VkMemoryPropertyFlags seen =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    switch (place) {
    case GPU_UPLOAD:
        return memory_type(g, allowed, seen, 0);
    case GPU_DOWNLOAD:
        return memory_type(g, allowed, seen, VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
    default:
        return memory_type(g, allowed, own, g->unified ? seen : 0);
    }
}

static VkDeviceMemory allocate(struct gpu *g, size_t bytes, uint32_t type) {
    const VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                             .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    const VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .pNext = &flags,
                                       .allocationSize = bytes,
                                       .memoryTypeIndex = type};
    VkDeviceMemory memory;
    VkResult r = vkAllocateMemory(g->device, &info, NULL, &memory);
    if (r == VK_ERROR_OUT_OF_DEVICE_MEMORY || r == VK_ERROR_OUT_OF_HOST_MEMORY)
        die(ERR_MEMORY, "out of device memory: %zu bytes on %s", bytes, g->info.name);
    gpu_check(r, "vkAllocateMemory");
    return memory;
}

struct gpu_buffer gpu_buffer_new(struct gpu *g, size_t bytes, enum gpu_place place) {
    struct gpu_buffer b = {.bytes = bytes};
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = bytes,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT |
                 VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                 VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    gpu_check(vkCreateBuffer(g->device, &info, NULL, &b.buffer), "vkCreateBuffer");
    VkMemoryRequirements need;
    vkGetBufferMemoryRequirements(g->device, b.buffer, &need);
    uint32_t type = memory_for(g, need.memoryTypeBits, place);
    b.memory = allocate(g, need.size, type);
    gpu_check(vkBindBufferMemory(g->device, b.buffer, b.memory, 0), "vkBindBufferMemory");
    const VkBufferDeviceAddressInfo named = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                             .buffer = b.buffer};
    b.address = vkGetBufferDeviceAddress(g->device, &named);
    bool seen = g->memory.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    if (place != GPU_DEVICE || (g->unified && seen))
        gpu_check(vkMapMemory(g->device, b.memory, 0, VK_WHOLE_SIZE, 0, &b.mapped), "vkMapMemory");
    return b;
}

void gpu_buffer_free(struct gpu *g, struct gpu_buffer *b) {
    vkDestroyBuffer(g->device, b->buffer, NULL);
    vkFreeMemory(g->device, b->memory, NULL);
    *b = (struct gpu_buffer){.bytes = 0};
}

/* ---- the list of buffers in use ---- */

/* The place of the first buffer that begins after the address. */
static size_t find_after(const struct gpu *g, uint64_t address) {
    size_t low = 0, high = g->n_buffers;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (g->buffers[mid]->address > address)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void enlist(struct gpu *g, struct gpu_buffer *b) {
    size_t at = find_after(g, b->address);
    g->buffers = arena_xrealloc(g->buffers, g->n_buffers + 1, sizeof(struct gpu_buffer *));
    memmove(g->buffers + at + 1, g->buffers + at,
            (g->n_buffers - at) * sizeof(struct gpu_buffer *));
    g->buffers[at] = b;
    g->n_buffers++;
}

static void delist(struct gpu *g, const struct gpu_buffer *b) {
    size_t at = find_after(g, b->address) - 1;
    memmove(g->buffers + at, g->buffers + at + 1,
            (g->n_buffers - at - 1) * sizeof(struct gpu_buffer *));
    g->n_buffers--;
}

const struct gpu_buffer *gpu_buffer_at(const struct gpu *g, uint64_t address, size_t bytes) {
    size_t after = find_after(g, address);
    const struct gpu_buffer *b = after ? g->buffers[after - 1] : NULL;
    if (!b || address + bytes > b->address + b->bytes)
        die(ERR_SOFTWARE, "no device memory at %#llx", (unsigned long long)address);
    return b;
}

/* ---- arenas ---- */

static struct gpu_arena_block *block_new(struct gpu *g, size_t bytes) {
    struct gpu_arena_block *b = arena_xrealloc(NULL, 1, sizeof *b);
    *b = (struct gpu_arena_block){.buffer = gpu_buffer_new(g, bytes, GPU_DEVICE)};
    enlist(g, &b->buffer);
    return b;
}

/* Moves on to the next kept block that fits; blocks that are too small are passed over until the
 * next release. A fresh one has `room`. */
static struct gpu_arena_block *find_block(struct gpu *g, struct gpu_chain *c, size_t bytes,
                                          size_t room) {
    struct gpu_arena_block *b = c->current;
    while (b && b->buffer.bytes - b->used < bytes && b->next)
        b = b->next;
    if (b && b->buffer.bytes - b->used >= bytes)
        return b;
    struct gpu_arena_block *fresh = block_new(g, room);
    if (b)
        b->next = fresh;
    else
        c->first = fresh;
    return fresh;
}

uint64_t gpu_alloc(struct gpu *g, struct gpu_arena *a, size_t bytes) {
    if (bytes > SIZE_MAX - ALIGN)
        die(ERR_MEMORY, "out of device memory: %zu bytes", bytes);
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    bool large = bytes >= LARGE;
    struct gpu_chain *c = large ? &a->large : &a->small;
    c->current = find_block(g, c, bytes, large ? bytes : BLOCK);
    uint64_t address = c->current->buffer.address + c->current->used;
    c->current->used += bytes;
    a->used += bytes;
    if (a->used > a->peak)
        a->peak = a->used;
    return address;
}

static struct gpu_chain_mark mark(const struct gpu_chain *c) {
    return (struct gpu_chain_mark){c->current, c->current ? c->current->used : 0};
}

static void release(struct gpu_chain *c, struct gpu_chain_mark m) {
    for (struct gpu_arena_block *b = m.block ? m.block->next : c->first; b; b = b->next)
        b->used = 0;
    if (m.block)
        m.block->used = m.used;
    c->current = m.block ? m.block : c->first;
}

struct gpu_arena_mark gpu_mark(const struct gpu_arena *a) {
    return (struct gpu_arena_mark){mark(&a->small), mark(&a->large), a->used};
}

void gpu_release(struct gpu_arena *a, struct gpu_arena_mark m) {
    release(&a->small, m.small);
    release(&a->large, m.large);
    a->used = m.used;
}

static void chain_free(struct gpu *g, struct gpu_chain *c) {
    for (struct gpu_arena_block *b = c->first, *next; b; b = next) {
        next = b->next;
        delist(g, &b->buffer);
        gpu_buffer_free(g, &b->buffer);
        free(b);
    }
}

void gpu_arena_free(struct gpu *g, struct gpu_arena *a) {
    gpu_load_wait(g);
    gpu_wait(g);
    chain_free(g, &a->small);
    chain_free(g, &a->large);
    *a = (struct gpu_arena){.used = 0};
}
