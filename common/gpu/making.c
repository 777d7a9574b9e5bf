/* Making pipelines from embedded SPIR-V. What a rehearsal has named is made by threads while
 * weights are on their way and turns begin; who needs a kernel makes it himself if none of them has
 * begun with it, else waits for that one alone. What is never needed is never waited for, but by
 * gpu_close(). */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <omp.h>
#include <signal.h>
#include <stdlib.h>

enum { MAKERS = 16 /* threads at most */ };

struct gpu_making {
    pthread_mutex_t lock;                      /* of all that follows, and of the slots' results */
    pthread_cond_t more, made;                 /* kernels to be made; results of kernels */
    struct gpu_pipeline *slots[GPU_PIPELINES]; /* [taken, n) are to be made, if none has begun */
    size_t taken, n;
    bool ending;       /* what has not begun is not wanted any more */
    size_t n_active;   /* being made now, */
    double since;      /* some are since then */
    size_t n_unsaved;  /* made, and not yet kept on disk, */
    bool held, saving; /* which is for later; which is happening */
    struct gpu_made sum;
    pthread_t makers[MAKERS];
    size_t n_makers;
};

/* ---- making one ---- */

static VkResult compile(struct gpu *g, struct gpu_pipeline *slot) {
    const struct gpu_program *p = slot->program;
    VkSpecializationMapEntry entries[GPU_CONSTANTS];
    for (uint32_t i = 0; i < GPU_CONSTANTS; i++)
        entries[i] = (VkSpecializationMapEntry){.constantID = i,
                                                .offset = i * sizeof *slot->constants,
                                                .size = sizeof *slot->constants};
    const VkSpecializationInfo special = {.mapEntryCount = GPU_CONSTANTS,
                                          .pMapEntries = entries,
                                          .dataSize = sizeof slot->constants,
                                          .pData = slot->constants};
    const VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                           .codeSize = p->bytes,
                                           .pCode = p->words};
    VkShaderModule module;
    VkResult r = vkCreateShaderModule(g->device, &code, NULL, &module);
    if (r)
        return r;
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo size;
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &special},
        .layout = g->layout};
    if (p->subgroups && g->info.subgroup.asked)
        gpu_subgroup_ask(g, &info.stage, &size);
    r = vkCreateComputePipelines(g->device, g->cache, 1, &info, NULL, &slot->pipeline);
    vkDestroyShaderModule(g->device, module, NULL);
    return r;
}

/* ---- the count ---- */

static void begin(struct gpu_making *m) {
    if (m->n_active++ == 0)
        m->since = clock_now();
    if (m->n_active > m->sum.threads)
        m->sum.threads = m->n_active;
}

static void end(struct gpu_making *m) {
    m->sum.n++;
    m->n_unsaved++;
    if (--m->n_active == 0)
        m->sum.seconds += clock_now() - m->since;
}

/* Makes what none has begun with; with the lock, which is given away meanwhile. */
static void make(struct gpu *g, struct gpu_pipeline *slot) {
    struct gpu_making *m = g->making;
    double start = clock_now();
    slot->state = GPU_BEING_MADE;
    begin(m);
    pthread_mutex_unlock(&m->lock);
    VkResult r = compile(g, slot);
    pthread_mutex_lock(&m->lock);
    end(m);
    slot->result = r;
    slot->seconds = clock_now() - start;
    slot->state = GPU_MADE;
    pthread_cond_broadcast(&m->made);
}

/* ---- threads ---- */

/* The next that none has begun with; NULL: there is none now. */
static struct gpu_pipeline *next(struct gpu_making *m) {
    while (m->taken < m->n) {
        struct gpu_pipeline *slot = m->slots[m->taken++];
        if (slot->state == GPU_WANTED)
            return slot;
    }
    return NULL;
}

/* Whoever is the last to have something to do keeps what there is: stages live long and are ended
 * by signals, and the next one begins meanwhile. */
static void save(struct gpu *g) {
    struct gpu_making *m = g->making;
    while (m->n_unsaved && !m->n_active && !m->held && !m->saving) {
        m->n_unsaved = 0;
        m->saving = true;
        pthread_mutex_unlock(&m->lock);
        gpu_cache_save(g);
        pthread_mutex_lock(&m->lock);
        m->saving = false;
    }
}

static void *work(void *arg) {
    struct gpu *g = arg;
    struct gpu_making *m = g->making;
    pthread_mutex_lock(&m->lock);
    while (!m->ending) {
        struct gpu_pipeline *slot = next(m);
        if (slot) {
            make(g, slot);
            continue;
        }
        save(g);
        if (m->taken == m->n && !m->ending)
            pthread_cond_wait(&m->more, &m->lock);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* Signals are for the threads that were there before. */
static void start(struct gpu *g) {
    struct gpu_making *m = g->making;
    size_t most = (size_t)omp_get_max_threads();
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    for (; m->n_makers < MAKERS && m->n_makers < most; m->n_makers++)
        if (pthread_create(&m->makers[m->n_makers], NULL, work, g))
            die(ERR_MEMORY, "cannot start a thread that makes kernels");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void gpu_making_open(struct gpu *g) {
    g->making = arena_xrealloc(NULL, 1, sizeof *g->making);
    *g->making = (struct gpu_making){.n = 0};
    pthread_mutex_init(&g->making->lock, NULL);
    pthread_cond_init(&g->making->more, NULL);
    pthread_cond_init(&g->making->made, NULL);
}

void gpu_making_close(struct gpu *g) {
    struct gpu_making *m = g->making;
    pthread_mutex_lock(&m->lock);
    m->ending = true;
    pthread_cond_broadcast(&m->more);
    pthread_mutex_unlock(&m->lock);
    for (size_t i = 0; i < m->n_makers; i++)
        pthread_join(m->makers[i], NULL);
    if (m->n_unsaved)
        gpu_cache_save(g);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->more);
    pthread_cond_destroy(&m->made);
    free(m);
}

void gpu_making_hold(struct gpu *g, bool hold) {
    pthread_mutex_lock(&g->making->lock);
    g->making->held = hold;
    pthread_cond_signal(&g->making->more);
    pthread_mutex_unlock(&g->making->lock);
}

/* ---- who wants kernels ---- */

void gpu_make_later(struct gpu *g, struct gpu_pipeline *slot) {
    struct gpu_making *m = g->making;
    if (m->n_makers == 0)
        start(g);
    pthread_mutex_lock(&m->lock);
    m->slots[m->n++] = slot;
    pthread_cond_signal(&m->more);
    pthread_mutex_unlock(&m->lock);
}

VkResult gpu_make_now(struct gpu *g, struct gpu_pipeline *slot) {
    struct gpu_making *m = g->making;
    pthread_mutex_lock(&m->lock);
    if (slot->state != GPU_MADE) {
        double since = clock_now();
        if (slot->state == GPU_WANTED)
            make(g, slot);
        while (slot->state != GPU_MADE)
            pthread_cond_wait(&m->made, &m->lock);
        m->sum.waited += clock_now() - since;
    }
    pthread_mutex_unlock(&m->lock);
    return slot->result;
}

VkResult gpu_make_result(struct gpu *g, const struct gpu_pipeline *slot) {
    pthread_mutex_lock(&g->making->lock);
    VkResult r = slot->state == GPU_MADE ? slot->result : VK_NOT_READY;
    pthread_mutex_unlock(&g->making->lock);
    return r;
}

/* ---- what it took ---- */

struct gpu_made gpu_made(const struct gpu *g) {
    pthread_mutex_lock(&g->making->lock);
    struct gpu_made sum = g->making->sum;
    if (g->making->n_active)
        sum.seconds += clock_now() - g->making->since;
    pthread_mutex_unlock(&g->making->lock);
    return sum;
}

static int by_seconds(const void *a, const void *b) {
    const struct gpu_kernel *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

size_t gpu_kernels(const struct gpu *g, struct gpu_kernel list[GPU_PIPELINES]) {
    size_t n = 0;
    pthread_mutex_lock(&g->making->lock);
    for (size_t i = 0; g->timed && i < GPU_PIPELINES; i++) {
        const struct gpu_pipeline *p = &g->pipelines[i];
        if (p->program && p->state == GPU_MADE)
            list[n++] = (struct gpu_kernel){p->program->name, p->constants, p->seconds};
    }
    pthread_mutex_unlock(&g->making->lock);
    qsort(list, n, sizeof *list, by_seconds);
    return n;
}
