/* Validation: with OMNI_VULKAN_VALIDATE=1 the Khronos layer watches what we ask of Vulkan, the
 * order of commands too, and its first complaint ends the program. */
#include "common/base/die.h"
#include "common/gpu/impl.h"

#include <stdlib.h>
#include <string.h>

bool gpu_validates(void) {
    const char *wish = getenv("OMNI_VULKAN_VALIDATE");
    return wish && strcmp(wish, "1") == 0;
}

static VKAPI_ATTR VkBool32 VKAPI_CALL complain(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                               VkDebugUtilsMessageTypeFlagsEXT type,
                                               const VkDebugUtilsMessengerCallbackDataEXT *data,
                                               void *ctx) {
    (void)severity;
    (void)type;
    (void)ctx;
    die(ERR_SOFTWARE, "validation: %s", data->pMessage);
}

/* Functions of an extension have to be asked for. */
static PFN_vkVoidFunction function(const struct gpu_instance *i, const char *name) {
    return vkGetInstanceProcAddr(i->instance, name);
}

VkResult gpu_validate_open(struct gpu_instance *i, const VkApplicationInfo *app) {
    static const char *const layer = "VK_LAYER_KHRONOS_validation";
    static const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
                                             VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME};
    static const VkValidationFeatureEnableEXT order =
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
    const VkValidationFeaturesEXT features = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                              .enabledValidationFeatureCount = 1,
                                              .pEnabledValidationFeatures = &order};
    const VkDebugUtilsMessengerCreateInfoEXT messenger = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = complain};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pNext = &features,
                                       .pApplicationInfo = app,
                                       .enabledLayerCount = 1,
                                       .ppEnabledLayerNames = &layer,
                                       .enabledExtensionCount = 2,
                                       .ppEnabledExtensionNames = extensions};
    VkResult r = vkCreateInstance(&info, NULL, &i->instance);
    if (r)
        return r;
    PFN_vkCreateDebugUtilsMessengerEXT create =
        (PFN_vkCreateDebugUtilsMessengerEXT)function(i, "vkCreateDebugUtilsMessengerEXT");
    return create(i->instance, &messenger, NULL, &i->messenger);
}

void gpu_validate_close(struct gpu_instance *i) {
    if (!i->messenger)
        return;
    PFN_vkDestroyDebugUtilsMessengerEXT destroy =
        (PFN_vkDestroyDebugUtilsMessengerEXT)function(i, "vkDestroyDebugUtilsMessengerEXT");
    destroy(i->instance, i->messenger, NULL);
}
