/* vulkan: devices that fail, for tests. LD_PRELOAD it and set one of these, or several with commas
 * between them:
 *
 *     OMNI_VULKAN_FAULT=instance     there is no Vulkan
 *     OMNI_VULKAN_FAULT=none         there is no device
 *     OMNI_VULKAN_FAULT=feature      devices lack bufferDeviceAddress
 *     OMNI_VULKAN_FAULT=threads      workgroups have at most 256 threads
 *     OMNI_VULKAN_FAULT=discrete     a software driver says that it is a graphics card
 *     OMNI_VULKAN_FAULT=sizes        subgroups may be twice as large; stderr has a line for each
 *                                    kernel that asks for a size
 *     OMNI_VULKAN_FAULT=unasked      the same, and no kernel may ask
 *     OMNI_VULKAN_FAULT=late:N       to make the largest of kernels takes N seconds more
 *     OMNI_VULKAN_FAULT=unmade       the largest of kernels cannot be made
 *     OMNI_VULKAN_FAULT=order        barriers are forgotten
 *     OMNI_VULKAN_FAULT=memory:N     the N-th allocation of device memory fails
 *     OMNI_VULKAN_FAULT=lost:N       the device is lost at the N-th submission
 *     OMNI_VULKAN_FAULT=hang:N       the device is lost while the N-th wait lasts, for a semaphore
 *     OMNI_VULKAN_FAULT=fence:N      the same, for a fence */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vulkan/vulkan.h>

/* What follows the fault's name among the faults that are asked for; NULL: it is not. */
static const char *find(const char *fault) {
    const char *what = getenv("OMNI_VULKAN_FAULT");
    size_t n = strlen(fault);
    for (; what; what = strchr(what, ','), what += what != NULL)
        if (strncmp(what, fault, n) == 0 && strchr(":,", what[n]))
            return what + n;
    return NULL;
}

static bool wanted(const char *fault) {
    return find(fault) != NULL;
}

/* True at the N-th call for fault:N; *calls counts. */
static bool nth(const char *fault, long *calls) {
    const char *rest = find(fault);
    return rest && *rest == ':' && ++*calls == atol(rest + 1);
}

static void *next(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

VkResult vkCreateInstance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator,
                          VkInstance *instance) {
    PFN_vkCreateInstance real;
    *(void **)&real = next("vkCreateInstance");
    return wanted("instance") ? VK_ERROR_INCOMPATIBLE_DRIVER : real(info, allocator, instance);
}

VkResult vkEnumeratePhysicalDevices(VkInstance instance, uint32_t *n, VkPhysicalDevice *devices) {
    PFN_vkEnumeratePhysicalDevices real;
    *(void **)&real = next("vkEnumeratePhysicalDevices");
    if (!wanted("none"))
        return real(instance, n, devices);
    *n = 0;
    return VK_SUCCESS;
}

void vkGetPhysicalDeviceProperties(VkPhysicalDevice device, VkPhysicalDeviceProperties *p) {
    PFN_vkGetPhysicalDeviceProperties real;
    *(void **)&real = next("vkGetPhysicalDeviceProperties");
    real(device, p);
    if (wanted("discrete"))
        p->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
}

void vkGetPhysicalDeviceProperties2(VkPhysicalDevice device, VkPhysicalDeviceProperties2 *p) {
    PFN_vkGetPhysicalDeviceProperties2 real;
    *(void **)&real = next("vkGetPhysicalDeviceProperties2");
    real(device, p);
    if (wanted("discrete"))
        p->properties.deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    if (wanted("threads"))
        p->properties.limits.maxComputeWorkGroupInvocations = 256;
    for (VkBaseOutStructure *s = p->pNext; s && (wanted("sizes") || wanted("unasked"));
         s = s->pNext)
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES)
            ((VkPhysicalDeviceSubgroupSizeControlProperties *)s)->maxSubgroupSize *= 2;
}

void vkGetPhysicalDeviceFeatures2(VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *features) {
    PFN_vkGetPhysicalDeviceFeatures2 real;
    *(void **)&real = next("vkGetPhysicalDeviceFeatures2");
    real(device, features);
    for (VkBaseOutStructure *s = features->pNext; s; s = s->pNext) {
        if (wanted("feature") && s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES)
            ((VkPhysicalDeviceVulkan12Features *)s)->bufferDeviceAddress = VK_FALSE;
        if (wanted("unasked") &&
            s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES)
            ((VkPhysicalDeviceSubgroupSizeControlFeatures *)s)->subgroupSizeControl = VK_FALSE;
    }
}

VkResult vkCreateShaderModule(VkDevice device, const VkShaderModuleCreateInfo *info,
                              const VkAllocationCallbacks *allocator, VkShaderModule *module) {
    enum { LARGE = 100 << 10 };
    const char *rest = find("late");
    PFN_vkCreateShaderModule real;
    *(void **)&real = next("vkCreateShaderModule");
    if (rest && *rest == ':' && info->codeSize > LARGE)
        sleep((unsigned)atoi(rest + 1));
    if (wanted("unmade") && info->codeSize > LARGE)
        return VK_ERROR_INVALID_SHADER_NV;
    return real(device, info, allocator, module);
}

VkResult vkCreateComputePipelines(VkDevice device, VkPipelineCache cache, uint32_t n,
                                  const VkComputePipelineCreateInfo *infos,
                                  const VkAllocationCallbacks *allocator, VkPipeline *pipelines) {
    PFN_vkCreateComputePipelines real;
    *(void **)&real = next("vkCreateComputePipelines");
    for (uint32_t i = 0; i < n && wanted("sizes"); i++)
        for (const VkBaseInStructure *s = infos[i].stage.pNext; s; s = s->pNext)
            if (s->sType ==
                VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO)
                fputs("a kernel asks for a size\n", stderr);
    return real(device, cache, n, infos, allocator, pipelines);
}

void vkCmdPipelineBarrier(VkCommandBuffer buffer, VkPipelineStageFlags before,
                          VkPipelineStageFlags after, VkDependencyFlags flags, uint32_t n,
                          const VkMemoryBarrier *barriers, uint32_t n_buffers,
                          const VkBufferMemoryBarrier *buffers, uint32_t n_images,
                          const VkImageMemoryBarrier *images) {
    PFN_vkCmdPipelineBarrier real;
    *(void **)&real = next("vkCmdPipelineBarrier");
    if (!wanted("order"))
        real(buffer, before, after, flags, n, barriers, n_buffers, buffers, n_images, images);
}

VkResult vkAllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info,
                          const VkAllocationCallbacks *allocator, VkDeviceMemory *memory) {
    static long calls;
    PFN_vkAllocateMemory real;
    *(void **)&real = next("vkAllocateMemory");
    return nth("memory", &calls) ? VK_ERROR_OUT_OF_DEVICE_MEMORY
                                 : real(device, info, allocator, memory);
}

VkResult vkQueueSubmit(VkQueue queue, uint32_t n, const VkSubmitInfo *submits, VkFence fence) {
    static long calls;
    PFN_vkQueueSubmit real;
    *(void **)&real = next("vkQueueSubmit");
    return nth("lost", &calls) ? VK_ERROR_DEVICE_LOST : real(queue, n, submits, fence);
}

VkResult vkWaitSemaphores(VkDevice device, const VkSemaphoreWaitInfo *info, uint64_t timeout) {
    static long calls;
    PFN_vkWaitSemaphores real;
    *(void **)&real = next("vkWaitSemaphores");
    return nth("hang", &calls) ? VK_ERROR_DEVICE_LOST : real(device, info, timeout);
}

VkResult vkWaitForFences(VkDevice device, uint32_t n, const VkFence *fences, VkBool32 all,
                         uint64_t timeout) {
    static long calls;
    PFN_vkWaitForFences real;
    *(void **)&real = next("vkWaitForFences");
    return nth("fence", &calls) ? VK_ERROR_DEVICE_LOST : real(device, n, fences, all, timeout);
}
