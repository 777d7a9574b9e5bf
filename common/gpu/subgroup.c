/* Subgroups whose size is known beforehand, which some kernels are made of. Devices that
 * choose a size for each kernel (AMD's: 32 or 64; Intel's) can be told which one to take. */
#include "common/gpu/impl.h"

static bool has_features(VkPhysicalDevice p) {
    VkPhysicalDeviceSubgroupSizeControlFeatures f = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES};
    VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                     .pNext = &f};
    if (!gpu_has_extension(p, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME))
        return false;
    vkGetPhysicalDeviceFeatures2(p, &all);
    return f.subgroupSizeControl && f.computeFullSubgroups;
}

/* The smallest is what matrix units are made for, on AMD's devices as on Intel's. */
struct gpu_subgroup gpu_subgroup_find(VkPhysicalDevice p) {
    enum { THREADS = 256 }; /* of a workgroup */
    VkPhysicalDeviceSubgroupSizeControlProperties range = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &range};
    vkGetPhysicalDeviceProperties2(p, &all);
    uint32_t size = range.minSubgroupSize;
    if (size == range.maxSubgroupSize)
        return (struct gpu_subgroup){.size = size};
    if (!has_features(p) || !(range.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT))
        return (struct gpu_subgroup){.size = 0};
    while (size < range.maxSubgroupSize && THREADS / size > range.maxComputeWorkgroupSubgroups)
        size *= 2;
    return (struct gpu_subgroup){.size = size, .asked = true};
}

void gpu_subgroup_enable(VkPhysicalDeviceSubgroupSizeControlFeatures *f, struct gpu_features *core,
                         struct gpu_extensions *list) {
    *f = (VkPhysicalDeviceSubgroupSizeControlFeatures){
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
        .pNext = core->core.pNext,
        .subgroupSizeControl = VK_TRUE,
        .computeFullSubgroups = VK_TRUE};
    core->core.pNext = f;
    list->names[list->n++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
}

void gpu_subgroup_ask(const struct gpu *g, VkPipelineShaderStageCreateInfo *stage,
                      VkPipelineShaderStageRequiredSubgroupSizeCreateInfo *size) {
    *size = (VkPipelineShaderStageRequiredSubgroupSizeCreateInfo){
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = g->info.subgroup.size};
    stage->flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
    stage->pNext = size;
}
