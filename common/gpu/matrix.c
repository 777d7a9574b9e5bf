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

#ifndef VK_NV_cooperative_matrix2
enum {
    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV = 1000593000,
    VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV = 1000593001
};
enum { VK_SCOPE_WORKGROUP_KHR = 2 };
typedef struct {
    VkStructureType sType;
    void *pNext;
    uint32_t MGranularity, NGranularity, KGranularity;
    uint32_t AType, BType, CType, ResultType;
    VkBool32 saturatingAccumulation;
    uint32_t scope, workgroupInvocations;
} VkCooperativeMatrixFlexibleDimensionsPropertiesNV;
typedef VkResult(VKAPI_PTR *PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV)(
    VkPhysicalDevice, uint32_t *, VkCooperativeMatrixFlexibleDimensionsPropertiesNV *);
#endif

/* The last one is not needed, but good to have. */
static const char *const extensions[] = {"VK_KHR_cooperative_matrix", "VK_KHR_shader_bfloat16",
                                         "VK_NV_cooperative_matrix2"};
enum { N_EXTENSIONS = 2, N_ALL = sizeof extensions / sizeof *extensions };

/* How many of the extensions the device has, in the order of the list. */
static size_t count_extensions(VkPhysicalDevice p) {
    size_t found = 0;
    while (found < N_ALL && gpu_has_extension(p, extensions[found]))
        found++;
    return found;
}

/* The structures are in front of the chain that `core` begins. */
static void chain(struct gpu_matrix_features *m, struct gpu_features *core, bool tensors) {
    *m = (struct gpu_matrix_features){
        .matrix = {.sType = (VkStructureType)
                       VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
                   .pNext = core->core.pNext},
        .bfloat16 = {.sType = (VkStructureType)
                         VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR,
                     .pNext = &m->matrix},
        .tensors = {
            .sType =
                (VkStructureType)VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV,
            .pNext = &m->bfloat16}};
    core->core.pNext = tensors ? (void *)&m->tensors : &m->bfloat16;
}

static bool has_features(VkPhysicalDevice p, bool tensors) {
    struct gpu_features core;
    struct gpu_matrix_features m;
    gpu_features_chain(&core);
    chain(&m, &core, tensors);
    vkGetPhysicalDeviceFeatures2(p, &core.core);
    if (tensors && !(m.tensors.workgroup && m.tensors.flexible && m.tensors.reductions &&
                     m.tensors.conversions && m.tensors.per_element && m.tensors.addressing))
        return false;
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
            *m = (struct gpu_matrix){.subgroup = m->subgroup,
                                     .rows = s->MSize,
                                     .outs = s->NSize,
                                     .sums = s->KSize,
                                     .tensors = m->tensors};
    }
}

/* Whether workgroups of so many threads multiply matrices of any multiple of 32 rows, `outs` outs
 * and 16 sums. */
static bool has_tile(const VkCooperativeMatrixFlexibleDimensionsPropertiesNV *tiles, uint32_t n,
                     uint32_t threads, uint32_t outs) {
    for (uint32_t i = 0; i < n; i++) {
        const VkCooperativeMatrixFlexibleDimensionsPropertiesNV *t = &tiles[i];
        if ((uint32_t)t->AType == VK_COMPONENT_TYPE_BFLOAT16_KHR &&
            (uint32_t)t->BType == VK_COMPONENT_TYPE_BFLOAT16_KHR &&
            (uint32_t)t->CType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
            (uint32_t)t->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
            (uint32_t)t->scope == VK_SCOPE_WORKGROUP_KHR && t->workgroupInvocations == threads &&
            t->MGranularity <= 32 && t->NGranularity <= outs && t->KGranularity <= 16)
            return true;
    }
    return false;
}

/* Whether it multiplies what the kernels with matrices as large as a tile are made of. */
static bool has_tiles(VkInstance instance, VkPhysicalDevice p) {
    VkCooperativeMatrixFlexibleDimensionsPropertiesNV tiles[128];
    uint32_t n = 128;
    PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV)
            vkGetInstanceProcAddr(
                instance, "vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV");
    for (size_t i = 0; i < n; i++)
        tiles[i] = (VkCooperativeMatrixFlexibleDimensionsPropertiesNV){
            .sType = (VkStructureType)
                VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV};
    return get && get(p, &n, tiles) >= 0 && has_tile(tiles, n, 128, 32) &&
           has_tile(tiles, n, 256, 64);
}

static struct gpu_matrix without(const char *lacks) {
    return (struct gpu_matrix){.lacks = lacks};
}

struct gpu_matrix gpu_matrix_find(VkInstance instance, VkPhysicalDevice p, uint32_t subgroup) {
    struct gpu_matrix m = {.subgroup = subgroup};
    size_t n_extensions = count_extensions(p);
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)vkGetInstanceProcAddr(
            instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    if (n_extensions < N_EXTENSIONS)
        return without(extensions[n_extensions]);
    if (!subgroup)
        return without("subgroups of a known size");
    m.tensors = n_extensions == N_ALL && has_features(p, true) && has_tiles(instance, p);
    if (get && has_features(p, false))
        find_shape(get, p, &m);
    return m.rows ? m : without("matrices of bf16");
}

void gpu_matrix_enable(struct gpu_matrix_features *m, struct gpu_features *core,
                       struct gpu_extensions *list, bool tensors) {
    chain(m, core, tensors);
    m->tensors.workgroup = m->tensors.flexible = m->tensors.reductions = VK_TRUE;
    m->tensors.conversions = m->tensors.per_element = m->tensors.addressing = VK_TRUE;
    m->matrix.matrix = m->bfloat16.type = m->bfloat16.matrix = VK_TRUE;
    core->v12.shaderFloat16 = core->v12.vulkanMemoryModel = VK_TRUE;
    for (size_t i = 0; i < (tensors ? N_ALL : N_EXTENSIONS); i++)
        list->names[list->n++] = extensions[i];
}
