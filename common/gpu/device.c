/* Opening a device and closing it. */
#include "common/base/arena.h"
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <stdio.h>
#include <stdlib.h>

void gpu_check(VkResult r, const char *what) {
    if (r >= 0)
        return;
    if (r == VK_ERROR_OUT_OF_DEVICE_MEMORY)
        die(ERR_MEMORY, "out of device memory: %s", what);
    if (r == VK_ERROR_OUT_OF_HOST_MEMORY)
        die(ERR_MEMORY, "out of memory: %s", what);
    if (r == VK_ERROR_DEVICE_LOST)
        die(ERR_UNAVAILABLE, "the device is lost: %s", what);
    die(ERR_SOFTWARE, "Vulkan error %d: %s", (int)r, what);
}

/* Why there is no instance or device: memory is short, or else it cannot be used. */
static int cannot_open(const char *what, VkResult r, struct err *e) {
    if (r == VK_ERROR_OUT_OF_DEVICE_MEMORY || r == VK_ERROR_OUT_OF_HOST_MEMORY)
        return err_set(e, ERR_MEMORY, "%s: out of memory", what);
    return err_set(e, ERR_UNAVAILABLE, "%s (Vulkan error %d)", what, (int)r);
}

/* Larger is better. */
static int rank(VkPhysicalDevice p) {
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(p, &properties);
    switch (properties.deviceType) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        return 4;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        return 3;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
        return 2;
    default:
        return properties.deviceType != VK_PHYSICAL_DEVICE_TYPE_CPU;
    }
}

/* The number of the best usable device, or -1. */
static int find_best(VkInstance instance, const VkPhysicalDevice *devices, size_t n,
                     bool hardware) {
    int best = -1, best_rank = hardware ? 0 : -1;
    for (size_t i = 0; i < n; i++) {
        struct gpu_info info;
        uint32_t family;
        gpu_describe(instance, devices[i], &info, &family);
        if (rank(devices[i]) <= best_rank || info.lacks[0])
            continue;
        best = (int)i;
        best_rank = rank(devices[i]);
    }
    return best;
}

static int choose(struct gpu *g, int number, struct err *e) {
    VkPhysicalDevice devices[GPU_DEVICES];
    size_t n = gpu_devices(&g->instance, devices);
    if (n == 0)
        return err_set(e, ERR_UNAVAILABLE, "there is no Vulkan device");
    if (number < 0)
        number = find_best(g->instance.instance, devices, n, number == GPU_HARDWARE);
    if (number >= (int)n)
        return err_set(e, ERR_UNAVAILABLE, "there is no device vulkan:%d; the last is vulkan:%zu",
                       number, n - 1);
    /* With none usable, the first says what it lacks. */
    g->physical = devices[number < 0 ? 0 : number];
    gpu_describe(g->instance.instance, g->physical, &g->info, &g->family);
    if (g->info.lacks[0])
        return err_set(e, ERR_UNAVAILABLE, "%s: the device lacks %s", g->info.name, g->info.lacks);
    if (number < 0)
        return err_set(e, ERR_UNAVAILABLE, "there is no hardware Vulkan device");
    return 0;
}

static int open_device(struct gpu *g, struct err *e) {
    struct gpu_features features;
    struct gpu_matrix_features matrix;
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroup;
    struct gpu_extensions extensions = {.n = 0};
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueFamilyIndex = g->family,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = gpu_features_needed(&features),
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue};
    gpu_features_enable(g->physical, &extensions);
    if (g->info.matrix.rows)
        gpu_matrix_enable(&matrix, &features, &extensions, g->info.matrix.tensors);
    if (g->info.subgroup.asked)
        gpu_subgroup_enable(&subgroup, &features, &extensions);
    info.enabledExtensionCount = extensions.n;
    info.ppEnabledExtensionNames = extensions.names;
    VkResult r = vkCreateDevice(g->physical, &info, NULL, &g->device);
    if (r) {
        char what[300];
        snprintf(what, sizeof what, "%s: cannot open the device", g->info.name);
        return cannot_open(what, r, e);
    }
    vkGetDeviceQueue(g->device, g->family, 0, &g->queue);
    vkGetPhysicalDeviceMemoryProperties(g->physical, &g->memory);
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(g->physical, &properties);
    g->unified = properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU ||
                 properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    return 0;
}

int gpu_open(struct gpu **opened, int n, struct err *e) {
    struct gpu *g = arena_xrealloc(NULL, 1, sizeof *g);
    *g = (struct gpu){.instance = NULL};
    *opened = NULL;
    VkResult r = gpu_instance_open(&g->instance);
    if (r == VK_ERROR_LAYER_NOT_PRESENT)
        err_set(e, ERR_UNAVAILABLE, "OMNI_VULKAN_VALIDATE: there is no validation layer");
    else if (r)
        cannot_open("there is no Vulkan driver", r, e);
    else if (choose(g, n, e) == 0)
        open_device(g, e);
    if (e->code) {
        gpu_instance_close(&g->instance);
        free(g);
        return e->code;
    }
    pthread_mutex_init(&g->queue_lock, NULL);
    gpu_programs_open(g);
    gpu_submit_open(g);
    *opened = g;
    return 0;
}

void gpu_close(struct gpu *g) {
    gpu_load_wait(g);
    gpu_wait(g);
    gpu_recordings_close(g);
    gpu_resident_close(g);
    gpu_submit_close(g);
    gpu_transfer_close(g);
    gpu_programs_close(g);
    free(g->buffers);
    free(g->times);
    pthread_mutex_destroy(&g->queue_lock);
    vkDestroyDevice(g->device, NULL);
    gpu_instance_close(&g->instance);
    free(g);
}

const struct gpu_info *gpu_info(const struct gpu *g) {
    return &g->info;
}
