/* Files to the device: threads read pieces of them straight into device memory where the host sees
 * it, else into staging memory of their own, from where the device copies. The bus and the disk
 * want many pieces on their way, and a thread alone reads slower than either. */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/die.h"
#include "common/base/gather.h"
#include "common/gpu/impl.h"

#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE = 4 << 20, /* bytes that a thread reads at a time */
    PARTS = 64,      /* parts that a piece is made of at most */
    SLOTS = 2,       /* pieces of a thread: one is read while the other is copied */
    THREADS = 16     /* at most */
};

/* A part of a file, and its place. */
struct part {
    struct gpu_file from;
    size_t bytes;
    const struct gpu_buffer *to;
    size_t at; /* with planes: of the tensor, else of these bytes */
    struct gpu_planes planes;
};

/* What the device copies from staging memory. */
struct copy {
    const struct gpu_buffer *to;
    size_t at, bytes;
};

struct slot {
    struct gpu_buffer buffer;
    struct gpu_commands commands;
    VkFence copied;
    bool busy;
};

struct reader {
    struct gpu *gpu;
    pthread_t thread;
    struct slot slots[SLOTS];
    char *blocks; /* [PIECE], to be taken apart */
};

struct gpu_loader {
    pthread_mutex_t lock; /* of what follows, up to the readers */
    pthread_cond_t more;  /* parts than there were, for readers */
    struct part *parts;   /* [first, n) are to be read */
    size_t first, n, room;
    bool closing;    /* nothing more comes */
    struct err err;  /* what failed first, when reading, */
    VkResult result; /* or when copying */
    struct reader readers[THREADS];
    size_t n_readers;
    double start;
    double end; /* of the last piece that was read */
};

/* ---- a reader ---- */

/* Takes bytes from the front of a part. */
static void shorten(struct part *p, size_t bytes) {
    p->bytes -= bytes;
    p->from.offset += bytes;
    if (p->planes.n == 0)
        p->at += bytes;
    for (size_t i = 0; i < p->planes.n; i++)
        p->planes.plane[i].at += bytes / p->planes.block * p->planes.plane[i].size;
}

/* Takes parts, together no more than a piece; waits until there are some. 0: that was all. */
static size_t take(struct gpu_loader *l, struct part parts[PARTS]) {
    size_t n = 0, bytes = 0;
    pthread_mutex_lock(&l->lock);
    l->end = clock_now();
    while (l->first == l->n && !l->closing)
        pthread_cond_wait(&l->more, &l->lock);
    for (; l->first < l->n && n < PARTS && bytes < PIECE; n++) {
        struct part *p = &l->parts[l->first];
        size_t room = PIECE - bytes, block = p->planes.n ? p->planes.block : 1;
        if (room < block)
            break;
        parts[n] = *p;
        if (p->bytes > room)
            parts[n].bytes = room / block * block;
        bytes += parts[n].bytes;
        shorten(p, parts[n].bytes);
        l->first += p->bytes == 0;
    }
    pthread_mutex_unlock(&l->lock);
    return n;
}

static void fail(struct gpu_loader *l, const struct part *p, const char *why) {
    pthread_mutex_lock(&l->lock);
    if (!l->err.code)
        err_set(&l->err, ERR_IO, "%s: %s", p->from.name, why);
    pthread_mutex_unlock(&l->lock);
}

/* All of it is asked for at once: a file that is not in memory comes in in larger pieces. */
static void read_part(struct gpu_loader *l, const struct part *p, char *to) {
    posix_fadvise(p->from.fd, (off_t)p->from.offset, (off_t)p->bytes, POSIX_FADV_WILLNEED);
    for (size_t done = 0; done < p->bytes;) {
        ssize_t n = pread(p->from.fd, to + done, p->bytes - done, (off_t)(p->from.offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            fail(l, p, n < 0 ? strerror(errno) : "ends early");
            return;
        }
        done += (size_t)n;
    }
}

/* vkQueueSubmit() for whoever comes: a queue is for one at a time. */
static VkResult submit_copies(struct gpu *g, struct slot *s) {
    const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .commandBufferCount = 1,
                               .pCommandBuffers = &s->commands.buffer};
    pthread_mutex_lock(&g->queue_lock);
    VkResult r = vkQueueSubmit(g->queue, 1, &info, s->copied);
    pthread_mutex_unlock(&g->queue_lock);
    return r;
}

/* From the slot, where they lie one behind the other, to where they belong. */
static VkResult copy_staged(struct gpu *g, struct slot *s, const struct copy *copies, size_t n) {
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                           .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    VkCommandBuffer buffer = s->commands.buffer;
    VkResult r = vkResetCommandPool(g->device, s->commands.pool, 0);
    if (!r)
        r = vkBeginCommandBuffer(buffer, &info);
    VkBufferCopy region = {.srcOffset = 0};
    for (size_t i = 0; !r && i < n; i++) {
        region.dstOffset = copies[i].at;
        region.size = copies[i].bytes;
        vkCmdCopyBuffer(buffer, s->buffer.buffer, copies[i].to->buffer, 1, &region);
        region.srcOffset += copies[i].bytes;
    }
    if (!r)
        r = vkEndCommandBuffer(buffer);
    if (!r)
        r = submit_copies(g, s);
    s->busy = !r;
    return r;
}

/* Waits until the device is through with the slot. */
static VkResult free_slot(struct gpu *g, struct slot *s) {
    if (!s->busy)
        return VK_SUCCESS;
    s->busy = false;
    VkResult r = vkWaitForFences(g->device, 1, &s->copied, VK_TRUE, UINT64_MAX);
    return r ? r : vkResetFences(g->device, 1, &s->copied);
}

static void slot_open(struct gpu *g, struct slot *s) {
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    *s = (struct slot){.buffer = gpu_buffer_new(g, PIECE, GPU_UPLOAD)};
    gpu_commands_new(g, &s->commands);
    gpu_check(vkCreateFence(g->device, &info, NULL, &s->copied), "vkCreateFence");
}

/* Where the bytes that belong at `at` of a buffer are put: there, or in the slot for a copy. */
struct placing {
    struct slot *slot;
    size_t used; /* bytes of the slot */
    struct copy copies[PARTS * GPU_PLANES];
    size_t n;
};

static char *place(struct placing *p, const struct gpu_buffer *to, size_t at, size_t bytes) {
    if (to->mapped)
        return (char *)to->mapped + at;
    char *staged = (char *)p->slot->buffer.mapped + p->used;
    p->copies[p->n++] = (struct copy){to, at, bytes};
    p->used += bytes;
    return staged;
}

/* Takes the part's blocks apart. */
static void move_planes(struct reader *me, struct placing *to, const struct part *p) {
    size_t n = p->bytes / p->planes.block;
    if (!me->blocks)
        me->blocks = arena_xrealloc(NULL, PIECE, 1);
    read_part(me->gpu->loader, p, me->blocks);
    for (size_t i = 0; i < p->planes.n; i++) {
        const struct gpu_plane *plane = &p->planes.plane[i];
        gather(place(to, p->to, p->at + plane->at, n * plane->size), me->blocks + plane->offset, n,
               plane->size, p->planes.block);
    }
}

/* Reads the parts into the slot, those that the host sees into their places, and has the device
 * copy the others. */
static VkResult move(struct reader *me, struct slot *s, const struct part *parts, size_t n) {
    struct gpu *g = me->gpu;
    struct placing to = {.slot = s};
    VkResult r = free_slot(g, s);
    for (size_t i = 0; !r && i < n; i++) {
        const struct part *p = &parts[i];
        if (!p->to->mapped && !s->buffer.bytes)
            slot_open(g, s);
        if (p->planes.n)
            move_planes(me, &to, p);
        else
            read_part(g->loader, p, place(&to, p->to, p->at, p->bytes));
    }
    return !r && to.n ? copy_staged(g, s, to.copies, to.n) : r;
}

static void *read_all(void *arg) {
    struct reader *me = arg;
    struct gpu *g = me->gpu;
    struct part parts[PARTS];
    VkResult r = VK_SUCCESS;
    for (size_t n, i = 0; (n = take(g->loader, parts)); i++)
        if (!r)
            r = move(me, &me->slots[i % SLOTS], parts, n);
    for (size_t i = 0; !r && i < SLOTS; i++)
        r = free_slot(g, &me->slots[i]);
    pthread_mutex_lock(&g->loader->lock);
    if (r)
        g->loader->result = r;
    pthread_mutex_unlock(&g->loader->lock);
    return NULL;
}

/* ---- all of them ---- */

static void slot_close(struct gpu *g, struct slot *s) {
    gpu_buffer_free(g, &s->buffer);
    gpu_commands_free(g, &s->commands);
    vkDestroyFence(g->device, s->copied, NULL);
}

static void loader_open(struct gpu *g) {
    struct gpu_loader *l = arena_xrealloc(NULL, 1, sizeof *l);
    size_t most = (size_t)omp_get_max_threads();
    *l = (struct gpu_loader){.n_readers = most < THREADS ? most : THREADS, .start = clock_now()};
    g->loader = l;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->more, NULL);
    for (size_t i = 0; i < l->n_readers; i++) {
        struct reader *r = &l->readers[i];
        r->gpu = g;
        if (pthread_create(&r->thread, NULL, read_all, r))
            die(ERR_MEMORY, "cannot start a thread that reads weights");
    }
}

/* Room for another part. */
static struct part *append(struct gpu_loader *l) {
    if (l->first == l->n)
        l->first = l->n = 0;
    if (l->n == l->room) {
        l->room = l->room ? 2 * l->room : 256;
        l->parts = arena_xrealloc(l->parts, l->room, sizeof *l->parts);
    }
    return &l->parts[l->n++];
}

void gpu_load(struct gpu *g, uint64_t dst, const struct gpu_file *from, size_t bytes,
              const struct gpu_planes *planes) {
    if (bytes == 0)
        return;
    const struct gpu_buffer *to = gpu_buffer_at(g, dst, bytes);
    if (!g->loader)
        loader_open(g);
    struct gpu_loader *l = g->loader;
    pthread_mutex_lock(&l->lock);
    *append(l) = (struct part){*from, bytes, to, dst - to->address, *planes};
    g->loaded.n += bytes;
    pthread_cond_signal(&l->more);
    pthread_mutex_unlock(&l->lock);
}

void gpu_load_wait(struct gpu *g) {
    struct gpu_loader *l = g->loader;
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->closing = true;
    pthread_cond_broadcast(&l->more);
    pthread_mutex_unlock(&l->lock);
    for (size_t i = 0; i < l->n_readers; i++)
        pthread_join(l->readers[i].thread, NULL);
    if (l->err.code)
        die_err(&l->err);
    gpu_check(l->result, "loading weights");
    for (size_t i = 0; i < l->n_readers; i++)
        for (size_t j = 0; j < SLOTS; j++)
            slot_close(g, &l->readers[i].slots[j]);
    for (size_t i = 0; i < l->n_readers; i++)
        free(l->readers[i].blocks);
    g->loaded.seconds += l->end - l->start;
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->more);
    free(l->parts);
    free(l);
    g->loader = NULL;
    gpu_barrier_next(g);
}

struct gpu_time gpu_loaded(const struct gpu *g) {
    return g->loaded;
}
