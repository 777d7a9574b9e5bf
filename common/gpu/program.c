/* Kernels: the table of pipelines. They are made in making.c. */
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <string.h>

void gpu_programs_open(struct gpu *g) {
    const VkPushConstantRange args = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = GPU_ARGS};
    const VkPipelineLayoutCreateInfo layout = {.sType =
                                                   VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                               .pushConstantRangeCount = 1,
                                               .pPushConstantRanges = &args};
    gpu_check(vkCreatePipelineLayout(g->device, &layout, NULL, &g->layout),
              "vkCreatePipelineLayout");
    gpu_cache_open(g);
    gpu_making_open(g);
}

void gpu_programs_close(struct gpu *g) {
    gpu_making_close(g);
    for (size_t i = 0; i < GPU_PIPELINES; i++)
        vkDestroyPipeline(g->device, g->pipelines[i].pipeline, NULL);
    gpu_cache_close(g);
    vkDestroyPipelineLayout(g->device, g->layout, NULL);
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

/* The kernel's slot, which is taken if there was none; *fresh: so it was. */
static struct gpu_pipeline *slot_for(struct gpu *g, const struct gpu_program *p,
                                     const uint32_t constants[GPU_CONSTANTS], bool *fresh) {
    struct gpu_pipeline *slot = find(g, p, constants);
    *fresh = !slot->program;
    if (*fresh) {
        *slot = (struct gpu_pipeline){.program = p};
        memcpy(slot->constants, constants, sizeof slot->constants);
    }
    return slot;
}

VkPipeline gpu_pipeline(struct gpu *g, const struct gpu_program *p,
                        const uint32_t constants[GPU_CONSTANTS]) {
    bool fresh;
    struct gpu_pipeline *slot = slot_for(g, p, constants, &fresh);
    gpu_check(gpu_make_now(g, slot), p->name);
    return slot->pipeline;
}

VkResult gpu_prepare(struct gpu *g, const struct gpu_program *p,
                     const uint32_t constants[GPU_CONSTANTS]) {
    bool fresh;
    struct gpu_pipeline *slot = slot_for(g, p, constants, &fresh);
    if (fresh)
        gpu_make_later(g, slot);
    return gpu_make_result(g, slot);
}
