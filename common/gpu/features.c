/* The features that every kernel may count on. */
#include "common/gpu/impl.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t at; /* of its VkBool32 in struct gpu_features */
} needed[] = {
    {"shaderInt64", offsetof(struct gpu_features, core.features.shaderInt64)},
    {"shaderInt16", offsetof(struct gpu_features, core.features.shaderInt16)},
    {"storageBuffer16BitAccess", offsetof(struct gpu_features, v11.storageBuffer16BitAccess)},
    {"storageBuffer8BitAccess", offsetof(struct gpu_features, v12.storageBuffer8BitAccess)},
    {"shaderInt8", offsetof(struct gpu_features, v12.shaderInt8)},
    {"bufferDeviceAddress", offsetof(struct gpu_features, v12.bufferDeviceAddress)},
    {"scalarBlockLayout", offsetof(struct gpu_features, v12.scalarBlockLayout)},
    {"timelineSemaphore", offsetof(struct gpu_features, v12.timelineSemaphore)},
    {"shaderIntegerDotProduct", offsetof(struct gpu_features, dot.shaderIntegerDotProduct)},
};

enum { N_NEEDED = sizeof needed / sizeof *needed };

static VkBool32 *feature(const struct gpu_features *f, size_t i) {
    return (VkBool32 *)((char *)f + needed[i].at);
}

VkPhysicalDeviceFeatures2 *gpu_features_chain(struct gpu_features *f) {
    *f = (struct gpu_features){
        .core = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f->v11},
        .v11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &f->v12},
        .v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .pNext = &f->dot},
        .dot = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES}};
    return &f->core;
}

const char *gpu_features_lacking(const struct gpu_features *f) {
    for (size_t i = 0; i < N_NEEDED; i++)
        if (!*feature(f, i))
            return needed[i].name;
    return NULL;
}

VkPhysicalDeviceFeatures2 *gpu_features_needed(struct gpu_features *f) {
    gpu_features_chain(f);
    for (size_t i = 0; i < N_NEEDED; i++)
        *feature(f, i) = VK_TRUE;
    return &f->core;
}

bool gpu_has_extension(VkPhysicalDevice p, const char *name) {
    VkExtensionProperties have[512];
    uint32_t n = 512;
    if (vkEnumerateDeviceExtensionProperties(p, NULL, &n, have) < 0)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(have[i].extensionName, name) == 0)
            return true;
    return false;
}

void gpu_features_enable(VkPhysicalDevice p, struct gpu_extensions *list) {
    if (gpu_has_extension(p, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME))
        list->names[list->n++] = VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME;
}

uint32_t gpu_multiprocessors(VkPhysicalDevice p) {
    VkPhysicalDeviceShaderSMBuiltinsPropertiesNV nv = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &nv};
    if (!gpu_has_extension(p, VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME))
        return 0;
    vkGetPhysicalDeviceProperties2(p, &all);
    return nv.shaderSMCount;
}
