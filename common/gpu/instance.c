/* Which devices there are. */
#include "common/gpu/impl.h"
#include "shaders/sample.h"

#include <stdio.h>

VkResult gpu_instance_open(struct gpu_instance *i) {
    *i = (struct gpu_instance){.instance = NULL};
    const VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                   .pApplicationName = "omni",
                                   .apiVersion = VK_API_VERSION_1_3};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &app};
    if (gpu_validates())
        return gpu_validate_open(i, &app);
    return vkCreateInstance(&info, NULL, &i->instance);
}

void gpu_instance_close(struct gpu_instance *i) {
    gpu_validate_close(i);
    if (i->instance)
        vkDestroyInstance(i->instance, NULL);
}

/* A family that computes; one without graphics if there is such, as it has less to do. Returns
 * false if there is none. */
static bool find_family(VkPhysicalDevice p, uint32_t *family) {
    VkQueueFamilyProperties families[16];
    uint32_t n = 16;
    bool found = false;
    vkGetPhysicalDeviceQueueFamilyProperties(p, &n, families);
    for (uint32_t i = n; i-- > 0;) {
        VkQueueFlags flags = families[i].queueFlags;
        if (!(flags & VK_QUEUE_COMPUTE_BIT) || (found && flags & VK_QUEUE_GRAPHICS_BIT))
            continue;
        *family = i;
        found = true;
    }
    return found;
}

static size_t largest_heap(VkPhysicalDevice p) {
    VkPhysicalDeviceMemoryProperties memory;
    VkDeviceSize most = 0;
    vkGetPhysicalDeviceMemoryProperties(p, &memory);
    for (uint32_t i = 0; i < memory.memoryHeapCount; i++)
        if (memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT &&
            memory.memoryHeaps[i].size > most)
            most = memory.memoryHeaps[i].size;
    return most;
}

_Static_assert(SELECT_THREADS == 512, "the words below; no kernel has larger workgroups");

/* What the device cannot do, in words; NULL: it can do everything. */
static const char *lacking(VkPhysicalDevice p, const VkPhysicalDeviceProperties *limits) {
    enum { SHARED = 32 << 10 };
    if (limits->apiVersion < VK_API_VERSION_1_2)
        return "Vulkan 1.2";
    if (limits->limits.maxComputeWorkGroupInvocations < SELECT_THREADS ||
        limits->limits.maxComputeWorkGroupSize[0] < SELECT_THREADS)
        return "workgroups of 512 threads";
    if (limits->limits.maxComputeSharedMemorySize < SHARED)
        return "32 KiB of shared memory";
    struct gpu_features have;
    vkGetPhysicalDeviceFeatures2(p, gpu_features_chain(&have));
    return gpu_features_lacking(&have);
}

void gpu_describe(VkInstance instance, VkPhysicalDevice p, struct gpu_info *info,
                  uint32_t *family) {
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &driver};
    const VkPhysicalDeviceProperties *core = &all.properties;
    vkGetPhysicalDeviceProperties2(p, &all);
    *info = (struct gpu_info){.hardware = core->deviceType != VK_PHYSICAL_DEVICE_TYPE_CPU,
                              .memory = largest_heap(p),
                              .shared = core->limits.maxComputeSharedMemorySize,
                              .subgroup = gpu_subgroup_find(p)};
    info->matrix = gpu_matrix_find(instance, p, info->subgroup.size);
    snprintf(info->name, sizeof info->name, "%s", core->deviceName);
    snprintf(info->driver, sizeof info->driver, "%.255s %.255s", driver.driverName,
             driver.driverInfo);
    const char *lacks = lacking(p, core);
    if (!find_family(p, family))
        lacks = "a queue that computes";
    if (lacks)
        snprintf(info->lacks, sizeof info->lacks, "%s", lacks);
}

size_t gpu_devices(const struct gpu_instance *i, VkPhysicalDevice devices[GPU_DEVICES]) {
    uint32_t n = GPU_DEVICES;
    VkResult r = vkEnumeratePhysicalDevices(i->instance, &n, devices);
    return r < 0 ? 0 : n;
}

size_t gpu_list(struct gpu_info *list, size_t room) {
    struct gpu_instance instance;
    VkPhysicalDevice devices[GPU_DEVICES];
    uint32_t family;
    if (gpu_instance_open(&instance))
        return 0;
    size_t n = gpu_devices(&instance, devices);
    for (size_t i = 0; i < n && i < room; i++)
        gpu_describe(instance.instance, devices[i], &list[i], &family);
    gpu_instance_close(&instance);
    return n;
}
