/* Kernels: pipelines made from embedded SPIR-V, in a rehearsal by several threads, else when they
 * are first used. */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { COMPILERS = 16 /* threads at most */ };

void gpu_programs_open(struct gpu *g) {
    const VkPushConstantRange args = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = GPU_ARGS};
    const VkPipelineLayoutCreateInfo layout = {.sType =
                                                   VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                               .pushConstantRangeCount = 1,
                                               .pPushConstantRanges = &args};
    gpu_check(vkCreatePipelineLayout(g->device, &layout, NULL, &g->layout),
              "vkCreatePipelineLayout");
    gpu_cache_open(g);
}

void gpu_programs_close(struct gpu *g) {
    for (size_t i = 0; i < GPU_PIPELINES; i++)
        vkDestroyPipeline(g->device, g->pipelines[i].pipeline, NULL);
    gpu_cache_close(g);
    vkDestroyPipelineLayout(g->device, g->layout, NULL);
}

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

/* ---- the table ---- */

/* FNV-1a over the constants, started with the program's place. */
static size_t slot_of(const struct gpu_program *p, const uint32_t *constants) {
    uint64_t h = 14695981039346656037U ^ (uintptr_t)p;
    for (size_t i = 0; i < GPU_CONSTANTS; i++)
        h = (h ^ constants[i]) * 1099511628211U;
    return (h ^ h >> 32) % GPU_PIPELINES;
}

/* Its slot; in a fresh one program is NULL. */
static struct gpu_pipeline *find(struct gpu *g, const struct gpu_program *p,
                                 const uint32_t constants[GPU_CONSTANTS]) {
    size_t bytes = GPU_CONSTANTS * sizeof *constants, first = slot_of(p, constants);
    for (size_t i = 0; i < GPU_PIPELINES; i++) {
        struct gpu_pipeline *slot = &g->pipelines[(first + i) % GPU_PIPELINES];
        if (!slot->program || (slot->program == p && !memcmp(slot->constants, constants, bytes)))
            return slot;
    }
    die(ERR_SOFTWARE, "more than %d kernels", (int)GPU_PIPELINES);
}

/* The slot is for that kernel from here on. */
static void occupy(struct gpu *g, struct gpu_pipeline *slot, const struct gpu_program *p,
                   const uint32_t constants[GPU_CONSTANTS]) {
    slot->program = p;
    memcpy(slot->constants, constants, sizeof slot->constants);
    g->compiled.n++;
}

VkPipeline gpu_pipeline(struct gpu *g, const struct gpu_program *p,
                        const uint32_t constants[GPU_CONSTANTS]) {
    struct gpu_pipeline *slot = find(g, p, constants);
    if (!slot->program) {
        double start = clock_now();
        occupy(g, slot, p, constants);
        gpu_check(compile(g, slot), p->name);
        g->compiled.seconds += clock_now() - start;
    }
    return slot->pipeline;
}

/* ---- a rehearsal ---- */

struct gpu_rehearsal {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct gpu_pipeline *slots[GPU_PIPELINES]; /* [taken, n) are to be made */
    size_t taken, n;
    bool ending; /* no more come */
    VkResult result;
    const char *failed; /* the kernel that cannot be made, with result */
    pthread_t compilers[COMPILERS];
    size_t n_compilers;
    double start;
};

static struct gpu_pipeline *take(struct gpu_rehearsal *r) {
    pthread_mutex_lock(&r->lock);
    while (r->taken == r->n && !r->ending)
        pthread_cond_wait(&r->changed, &r->lock);
    struct gpu_pipeline *slot = r->taken < r->n ? r->slots[r->taken++] : NULL;
    pthread_mutex_unlock(&r->lock);
    return slot;
}

static void *compile_all(void *arg) {
    struct gpu *g = arg;
    struct gpu_rehearsal *r = g->rehearsal;
    for (struct gpu_pipeline *slot; (slot = take(r));) {
        VkResult result = compile(g, slot);
        pthread_mutex_lock(&r->lock);
        if (result) {
            r->result = result;
            r->failed = slot->program->name;
        }
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

void gpu_rehearse(struct gpu *g) {
    struct gpu_rehearsal *r = arena_xrealloc(NULL, 1, sizeof *r);
    size_t most = (size_t)omp_get_max_threads();
    *r = (struct gpu_rehearsal){.n_compilers = most < COMPILERS ? most : COMPILERS,
                                .start = clock_now()};
    g->rehearsal = r;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    for (size_t i = 0; i < r->n_compilers; i++)
        if (pthread_create(&r->compilers[i], NULL, compile_all, g))
            die(ERR_MEMORY, "cannot start a thread that makes kernels");
}

bool gpu_rehearses(const struct gpu *g) {
    return g->rehearsal != NULL;
}

void gpu_prepare(struct gpu *g, const struct gpu_program *p,
                 const uint32_t constants[GPU_CONSTANTS]) {
    struct gpu_rehearsal *r = g->rehearsal;
    struct gpu_pipeline *slot = find(g, p, constants);
    if (slot->program)
        return;
    occupy(g, slot, p, constants);
    pthread_mutex_lock(&r->lock);
    r->slots[r->n++] = slot;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

void gpu_rehearsed(struct gpu *g) {
    struct gpu_rehearsal *r = g->rehearsal;
    pthread_mutex_lock(&r->lock);
    r->ending = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < r->n_compilers; i++)
        pthread_join(r->compilers[i], NULL);
    gpu_check(r->result, r->failed);
    g->compiled.seconds += clock_now() - r->start;
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    free(r);
    g->rehearsal = NULL;
}

struct gpu_time gpu_compiled(const struct gpu *g) {
    return g->compiled;
}
