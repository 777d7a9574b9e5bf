/* Kernels: pipelines made from embedded SPIR-V when they are first used. */
#include "common/base/clock.h"
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
}

void gpu_programs_close(struct gpu *g) {
    for (size_t i = 0; i < GPU_PIPELINES; i++)
        vkDestroyPipeline(g->device, g->pipelines[i].pipeline, NULL);
    gpu_cache_close(g);
    vkDestroyPipelineLayout(g->device, g->layout, NULL);
}

static VkPipeline compile(struct gpu *g, const struct gpu_program *p, const uint32_t *constants) {
    VkSpecializationMapEntry entries[GPU_CONSTANTS];
    for (uint32_t i = 0; i < GPU_CONSTANTS; i++)
        entries[i] = (VkSpecializationMapEntry){
            .constantID = i, .offset = i * sizeof *constants, .size = sizeof *constants};
    const VkSpecializationInfo special = {.mapEntryCount = GPU_CONSTANTS,
                                          .pMapEntries = entries,
                                          .dataSize = GPU_CONSTANTS * sizeof *constants,
                                          .pData = constants};
    const VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                           .codeSize = p->bytes,
                                           .pCode = p->words};
    VkShaderModule module;
    VkPipeline pipeline;
    gpu_check(vkCreateShaderModule(g->device, &code, NULL, &module), p->name);
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &special},
        .layout = g->layout};
    gpu_check(vkCreateComputePipelines(g->device, g->cache, 1, &info, NULL, &pipeline), p->name);
    vkDestroyShaderModule(g->device, module, NULL);
    return pipeline;
}

/* FNV-1a over the constants, started with the program's place. */
static size_t slot_of(const struct gpu_program *p, const uint32_t *constants) {
    uint64_t h = 14695981039346656037U ^ (uintptr_t)p;
    for (size_t i = 0; i < GPU_CONSTANTS; i++)
        h = (h ^ constants[i]) * 1099511628211U;
    return (h ^ h >> 32) % GPU_PIPELINES;
}

VkPipeline gpu_pipeline(struct gpu *g, const struct gpu_program *p,
                        const uint32_t constants[GPU_CONSTANTS]) {
    size_t bytes = GPU_CONSTANTS * sizeof *constants, first = slot_of(p, constants);
    for (size_t i = 0; i < GPU_PIPELINES; i++) {
        struct gpu_pipeline *slot = &g->pipelines[(first + i) % GPU_PIPELINES];
        if (!slot->program) {
            double start = clock_now();
            slot->pipeline = compile(g, p, constants);
            g->compiled.seconds += clock_now() - start;
            g->compiled.n++;
            slot->program = p;
            memcpy(slot->constants, constants, bytes);
        }
        if (slot->program == p && !memcmp(slot->constants, constants, bytes))
            return slot->pipeline;
    }
    die(ERR_SOFTWARE, "more than %d kernels", (int)GPU_PIPELINES);
}

struct gpu_time gpu_compiled(const struct gpu *g) {
    return g->compiled;
}
