/* Matrix units: which matrices a device multiplies, and the features that this needs. Declared here
 * as far as the installed Vulkan headers are older than the extensions. */
#include "common/gpu/impl.h"

#include <string.h>

#ifndef VK_KHR_cooperative_matrix
enum {
    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR = 1000506000,
    VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR = 1000506001
};
enum { VK_COMPONENT_TYPE_FLOAT32_KHR = 1 };
enum { VK_SCOPE_SUBGROUP_KHR = 3 };
typedef struct { /* NOLINT(clang-analyzer-optin.performance.Padding): the order is Vulkan's */
    VkStructureType sType;
    void *pNext;
    uint32_t MSize, NSize, KSize;
    uint32_t AType, BType, CType, ResultType;
    VkBool32 saturatingAccumulation;
    uint32_t scope;
} VkCooperativeMatrixPropertiesKHR;
typedef VkResult(VKAPI_PTR *PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)(
    VkPhysicalDevice, uint32_t *, VkCooperativeMatrixPropertiesKHR *);
#endif
#ifndef VK_KHR_shader_bfloat16
enum { VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR = 1000141000 };
enum { VK_COMPONENT_TYPE_BFLOAT16_KHR = 1000141000 };
#endif

static const char *const extensions[] = {"VK_KHR_cooperative_matrix", "VK_KHR_shader_bfloat16"};
enum { N_EXTENSIONS = sizeof extensions / sizeof *extensions };

static bool has_extensions(VkPhysicalDevice p) {
    return gpu_has_extension(p, extensions[0]) && gpu_has_extension(p, extensions[1]);
}

/* The structures are in front of the chain that `core` begins. */
static void chain(struct gpu_matrix_features *m, struct gpu_features *core) {
    *m = (struct gpu_matrix_features){
        .matrix = {.sType = (VkStructureType)
                       VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
                   .pNext = core->core.pNext},
        .bfloat16 = {
            .sType =
                (VkStructureType)VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR,
            .pNext = &m->matrix}};
    core->core.pNext = &m->bfloat16;
}

static bool has_features(VkPhysicalDevice p) {
    struct gpu_features core;
    struct gpu_matrix_features m;
    gpu_features_chain(&core);
    chain(&m, &core);
    vkGetPhysicalDeviceFeatures2(p, &core.core);
    return m.matrix.matrix && m.bfloat16.type && m.bfloat16.matrix && core.v12.shaderFloat16 &&
           core.v12.vulkanMemoryModel;
}

/* The shape that fits, if there is one: bf16 times bf16 to f32, a matrix a subgroup. 16 x 16 x 16
 * where there is a choice. */
static void find_shape(PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR get,
                       VkPhysicalDevice p, struct gpu_matrix *m) {
    VkCooperativeMatrixPropertiesKHR shapes[64];
    uint32_t n = 64;
    for (size_t i = 0; i < n; i++)
        shapes[i] = (VkCooperativeMatrixPropertiesKHR){
            .sType = (VkStructureType)VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    if (get(p, &n, shapes) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        const VkCooperativeMatrixPropertiesKHR *s = &shapes[i];
        if ((uint32_t)s->AType != VK_COMPONENT_TYPE_BFLOAT16_KHR ||
            (uint32_t)s->BType != VK_COMPONENT_TYPE_BFLOAT16_KHR ||
            (uint32_t)s->CType != VK_COMPONENT_TYPE_FLOAT32_KHR ||
            (uint32_t)s->ResultType != VK_COMPONENT_TYPE_FLOAT32_KHR ||
            (uint32_t)s->scope != VK_SCOPE_SUBGROUP_KHR)
            continue;
        if (!m->rows || (s->MSize == 16 && s->NSize == 16 && s->KSize == 16))
            *m = (struct gpu_matrix){m->subgroup, s->MSize, s->NSize, s->KSize};
    }
}

/* How many threads a subgroup has; 0 where that differs from kernel to kernel. */
static uint32_t subgroup_size(VkPhysicalDevice p) {
    VkPhysicalDeviceSubgroupSizeControlProperties range = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &range};
    vkGetPhysicalDeviceProperties2(p, &all);
    return range.minSubgroupSize == range.maxSubgroupSize ? range.maxSubgroupSize : 0;
}

struct gpu_matrix gpu_matrix_find(VkInstance instance, VkPhysicalDevice p) {
    struct gpu_matrix m = {.subgroup = subgroup_size(p)}, none = {.subgroup = 0};
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)vkGetInstanceProcAddr(
            instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    if (!get || !m.subgroup || !has_extensions(p) || !has_features(p))
        return none;
    find_shape(get, p, &m);
    return m.rows ? m : none;
}

void gpu_matrix_enable(struct gpu_matrix_features *m, struct gpu_features *core,
                       VkDeviceCreateInfo *info) {
    chain(m, core);
    m->matrix.matrix = m->bfloat16.type = m->bfloat16.matrix = VK_TRUE;
    core->v12.shaderFloat16 = core->v12.vulkanMemoryModel = VK_TRUE;
    info->enabledExtensionCount = N_EXTENSIONS;
    info->ppEnabledExtensionNames = extensions;
}
