/* impl: what the files of this room share. */
#ifndef GPU_IMPL_H
#define GPU_IMPL_H

#include "common/gpu/gpu.h"

#include <pthread.h>
#include <vulkan/vulkan.h>

enum {
    GPU_BATCH = 16,      /* command buffers that are submitted together */
    GPU_RING = 4,        /* command buffers in flight */
    GPU_STAGE = 8 << 20, /* bytes of one piece of staging memory */
    GPU_PENDING = 64,    /* ranges remembered since the last barrier */
    GPU_DEVICES = 16     /* more are not looked at */
};

struct gpu_instance {
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger; /* when validating */
};

/* A buffer with its memory and its device address. */
struct gpu_buffer {
    VkBuffer buffer;
    VkDeviceMemory memory;
    uint64_t address;
    size_t bytes;
    void *mapped; /* NULL: the host cannot see it */
};

/* What commands since the last barrier touch; `all`: anything may be touched. */
struct gpu_pending {
    struct gpu_range reads[GPU_PENDING], writes[GPU_PENDING];
    size_t n_reads, n_writes;
    bool all;
};

/* Time stamps of a command buffer: names[i] is what ended at stamp i, NULL its beginning. */
struct gpu_stamps {
    VkQueryPool pool;
    const char **names;
    size_t n;
    bool running; /* submitted and not yet collected */
};

/* A command buffer of the ring, or of a recording. */
struct gpu_commands {
    VkCommandPool pool;
    VkCommandBuffer buffer;
    uint64_t done_at; /* value of the timeline when the device is through with it */
    struct gpu_stamps stamps;
};

/* One piece of staging memory. */
struct gpu_stage {
    struct gpu_buffer buffer;
    uint64_t done_at;
};

struct gpu_pipeline {
    const struct gpu_program *program; /* NULL: free slot */
    uint32_t constants[GPU_CONSTANTS];
    /* These are written by who makes it, see making.c. */
    enum { GPU_WANTED, GPU_BEING_MADE, GPU_MADE } state;
    VkResult result; /* once it is made: whether it could be, */
    VkPipeline pipeline;
    double seconds; /* and what that took */
};

/* A dispatch of a recording, kept for its other form. */
struct gpu_kept {
    struct gpu_dispatch d;
    uint32_t args[GPU_ARGS / 4]; /* d.args is not used */
};

/* What may be done instead of dispatches that are not kept. */
struct gpu_instead {
    size_t at; /* so many are kept before */
    struct gpu_kept stays, sweep;
};

/* A kernel that stays. */
struct gpu_resident {
    const struct gpu_program *program;
    uint32_t constants[GPU_CONSTANTS];
};

/* Several, each of them once. */
struct gpu_residents {
    struct gpu_resident *list;
    size_t n;
};

/* Which of its two forms a recording is replayed in, see choice.c. */
enum gpu_form { GPU_DISPATCHES, GPU_STAYS, GPU_MEASURED };
enum { GPU_FORMS = 2, GPU_ROUND = 8 /* replays of each form that are compared */ };
struct gpu_choice {
    uint64_t key;        /* of what was recorded */
    enum gpu_form form;  /* GPU_MEASURED: that is not known yet, */
    enum gpu_form leads; /* and this is taken meanwhile */
    bool risky;          /* what stays is not yet known to come to an end */
    unsigned wins[GPU_FORMS];
    unsigned replays, pause;              /* since the last round; so many come before the next */
    double seconds[GPU_FORMS][GPU_ROUND]; /* of this round */
    double median[GPU_FORMS];             /* of the last one; 0: there was none */
};

struct gpu_recording {
    struct gpu_recording *next;
    struct gpu_commands commands;
    struct gpu_commands resident; /* the same with kernels that stay; pool NULL: there is none */
    struct gpu_choice choice;
    struct gpu_kept *kept; /* these are there until both forms are made */
    size_t n_kept;
    struct gpu_instead *insteads;
    size_t n_insteads;
    struct gpu_residents kernels; /* of the insteads */
    bool has_fills;               /* which are not kept */
};

struct gpu {
    struct gpu_instance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    VkQueue queue;
    pthread_mutex_t queue_lock; /* loaders submit too */
    uint32_t family;
    VkPhysicalDeviceMemoryProperties memory;
    struct gpu_info info;

    struct gpu_buffer **buffers; /* device memory in use, sorted by address */
    size_t n_buffers;

    VkPipelineLayout layout;
    VkPipelineCache cache;
    size_t cache_bytes; /* when it was read or saved; 0: never */
    struct gpu_pipeline pipelines[GPU_PIPELINES];

    VkSemaphore timeline;
    uint64_t submitted;               /* the timeline's value when all that was submitted is done */
    uint64_t done;                    /* the value it had when we last looked */
    VkCommandBuffer batch[GPU_BATCH]; /* ended and not yet submitted */
    size_t n_batch;
    struct gpu_commands ring[GPU_RING];
    size_t ring_at;
    size_t n_commands; /* collected and not submitted */
    struct gpu_pending pending;

    struct gpu_recording *recordings; /* all that are kept */
    struct gpu_recording *recording;  /* the one being made */
    struct gpu_pending before;        /* `pending` of the ring while a recording is made */

    struct {
        uint32_t groups;              /* that stay; 0: none do */
        uint64_t key;                 /* of a recording so far, */
        struct gpu_residents kernels; /* and its kernels that stay */
        bool inside;                  /* what is dispatched may be left out for one of them */
        struct gpu_buffer report;     /* the host reads it */
    } resident;

    struct gpu_stage stages[GPU_RING];
    size_t stage_at;
    struct gpu_buffer readback, letters;
    size_t letter_at;

    double stamp_seconds; /* of one tick */
    struct gpu_time *times;
    size_t n_times;
    struct gpu_making *making; /* of kernels */
    struct gpu_loader *loader; /* NULL: nothing is being loaded */
    struct gpu_time loaded;

    bool rehearses;
    bool unified; /* the device's memory is the host's */
    bool open;    /* ring[ring_at] is being filled */
    bool timed;
};

/* Dies if r is an error: 71 out of memory, 69 device lost, else 70. */
void gpu_check(VkResult r, const char *what);

/* instance.c */
VkResult gpu_instance_open(struct gpu_instance *i);
void gpu_instance_close(struct gpu_instance *i);
/* All devices, and how many there are. */
size_t gpu_devices(const struct gpu_instance *i, VkPhysicalDevice devices[GPU_DEVICES]);
/* Fills *info and the number of the queue family to use. */
void gpu_describe(VkInstance instance, VkPhysicalDevice p, struct gpu_info *info, uint32_t *family);

/* validate.c */
bool gpu_validates(void);
VkResult gpu_validate_open(struct gpu_instance *i, const VkApplicationInfo *app);
void gpu_validate_close(struct gpu_instance *i);

/* Extensions to open a device with. */
struct gpu_extensions {
    const char *names[8];
    uint32_t n;
};

/* features.c */
struct gpu_features {
    VkPhysicalDeviceFeatures2 core;
    VkPhysicalDeviceVulkan11Features v11;
    VkPhysicalDeviceVulkan12Features v12;
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot;
};
/* Chains the structures; what they say is up to the caller. */
VkPhysicalDeviceFeatures2 *gpu_features_chain(struct gpu_features *f);
/* The name of a feature that is needed and not in f, or NULL. */
const char *gpu_features_lacking(const struct gpu_features *f);
/* All that are needed and no others, to open a device with. */
VkPhysicalDeviceFeatures2 *gpu_features_needed(struct gpu_features *f);
/* The extensions that they come from, where Vulkan 1.2 has not taken them in. */
void gpu_features_enable(VkPhysicalDevice p, struct gpu_extensions *list);
bool gpu_has_extension(VkPhysicalDevice p, const char *name);
/* How many multiprocessors (compute units, ..) it has; 0: it does not say. */
uint32_t gpu_multiprocessors(VkPhysicalDevice p);

/* subgroup.c */
struct gpu_subgroup gpu_subgroup_find(VkPhysicalDevice p);
/* What a device that is to be asked for a size is to be opened with besides the features needed. */
void gpu_subgroup_enable(VkPhysicalDeviceSubgroupSizeControlFeatures *f, struct gpu_features *core,
                         struct gpu_extensions *list);
/* The stage of a pipeline asks for the size. */
void gpu_subgroup_ask(const struct gpu *g, VkPipelineShaderStageCreateInfo *stage,
                      VkPipelineShaderStageRequiredSubgroupSizeCreateInfo *size);

/* matrix.c */
struct gpu_matrix_features {
    struct {
        VkStructureType sType;
        void *pNext;
        VkBool32 matrix, robust;
    } matrix; /* VkPhysicalDeviceCooperativeMatrixFeaturesKHR */
    struct {
        VkStructureType sType;
        void *pNext;
        VkBool32 workgroup, flexible, reductions, conversions, per_element, addressing, blocks;
    } tensors; /* VkPhysicalDeviceCooperativeMatrix2FeaturesNV */
    struct {
        VkStructureType sType;
        void *pNext;
        VkBool32 type, dot, matrix;
    } bfloat16; /* VkPhysicalDeviceShaderBfloat16FeaturesKHR */
};
struct gpu_matrix gpu_matrix_find(VkInstance instance, VkPhysicalDevice p, uint32_t subgroup);
/* What a device with matrix units is to be opened with besides the features needed. */
void gpu_matrix_enable(struct gpu_matrix_features *m, struct gpu_features *core,
                       struct gpu_extensions *list, bool tensors);

/* memory.c */
enum gpu_place { GPU_DEVICE, GPU_UPLOAD, GPU_DOWNLOAD };
struct gpu_buffer gpu_buffer_new(struct gpu *g, size_t bytes, enum gpu_place place);
void gpu_buffer_free(struct gpu *g, struct gpu_buffer *b);
/* The buffer that holds the device address. Dies 70 if there is none. */
const struct gpu_buffer *gpu_buffer_at(const struct gpu *g, uint64_t address, size_t bytes);

/* program.c */
VkPipeline gpu_pipeline(struct gpu *g, const struct gpu_program *p,
                        const uint32_t constants[GPU_CONSTANTS]);
/* Has it made meanwhile, if it is not there. VK_NOT_READY: it is not; < 0: it cannot be made. */
VkResult gpu_prepare(struct gpu *g, const struct gpu_program *p,
                     const uint32_t constants[GPU_CONSTANTS]);
void gpu_programs_open(struct gpu *g);
void gpu_programs_close(struct gpu *g);

/* making.c */
void gpu_making_open(struct gpu *g);
void gpu_making_close(struct gpu *g);           /* after what is being made */
void gpu_making_hold(struct gpu *g, bool hold); /* more are coming: not to be saved yet */
void gpu_make_later(struct gpu *g, struct gpu_pipeline *slot);
VkResult gpu_make_now(struct gpu *g, struct gpu_pipeline *slot);
VkResult gpu_make_result(struct gpu *g, const struct gpu_pipeline *slot); /* VK_NOT_READY: none */

/* cache.c */
/* FNV-1a of what was before, GPU_HASH: nothing, and n bytes. */
#define GPU_HASH 14695981039346656037U
uint64_t gpu_hash(uint64_t h, const void *data, size_t n);
void gpu_cache_open(struct gpu *g);
/* What is new to disk, with what other programs have kept there meanwhile. One thread at a time;
 * others may make kernels. */
void gpu_cache_save(struct gpu *g);
void gpu_cache_close(struct gpu *g);
/* A word about this device that an earlier start has kept for the key; false: none. */
enum { GPU_WORD = 32 };
bool gpu_cache_word(const struct gpu *g, uint64_t key, char word[GPU_WORD]);
void gpu_cache_keep_word(const struct gpu *g, uint64_t key, const char *word);
void gpu_cache_forget_word(const struct gpu *g, uint64_t key);

/* submit.c */
void gpu_submit_open(struct gpu *g);
void gpu_submit_close(struct gpu *g);
void gpu_commands_new(struct gpu *g, struct gpu_commands *c);
void gpu_commands_begin(struct gpu *g, struct gpu_commands *c, VkCommandBufferUsageFlags usage);
void gpu_commands_free(struct gpu *g, struct gpu_commands *c);
/* The command buffer of the ring that takes commands now. */
VkCommandBuffer gpu_collecting(struct gpu *g);
/* Adds an ended command buffer, or the one that takes commands, to what is submitted next. */
void gpu_join(struct gpu *g, struct gpu_commands *c);
void gpu_join_open(struct gpu *g);
void gpu_wait_for(struct gpu *g, uint64_t value);

/* record.c */
void gpu_recordings_close(struct gpu *g);
/* True if a command that touches these must wait for what is pending, which then is no more; it is
 * pending now. */
bool gpu_order(struct gpu_pending *p, const struct gpu_range *reads, size_t n_reads,
               const struct gpu_range *writes, size_t n_writes);
void gpu_barrier(VkCommandBuffer buffer);
/* The commands of a dispatch alone. */
void gpu_put(struct gpu *g, struct gpu_commands *c, const struct gpu_dispatch *d, const void *args);
/* The command buffer that takes the next command, after a barrier if the ranges ask for one. */
VkCommandBuffer gpu_command(struct gpu *g, const struct gpu_range *reads, size_t n_reads,
                            const struct gpu_range *writes, size_t n_writes);
/* The next command waits for all before it. */
void gpu_barrier_next(struct gpu *g);

/* resident.c */
/* The dispatches that follow are of a recording. */
void gpu_resident_begin(struct gpu *g);
void gpu_resident_keep(struct gpu *g, const struct gpu_dispatch *d);
/* In a rehearsal: has kernels that stay made ready if the recording will try them. */
void gpu_resident_prepare(struct gpu *g);
/* After recording: decides whether there is to be a resident form and has its kernels made
 * meanwhile; at once only where it is wished for. */
void gpu_resident_plan(struct gpu *g, struct gpu_recording *r);
/* True if there is the resident form; makes it when all its kernels are there. Where workgroups did
 * not meet, or a kernel cannot be made, the choice is made. */
bool gpu_resident_ready(struct gpu *g, struct gpu_recording *r);
/* Whether workgroups have met so far; if not, none stay from now on. */
bool gpu_resident_works(struct gpu *g);
/* What was kept to make it. */
void gpu_resident_forget(struct gpu_recording *r);
void gpu_resident_close(struct gpu *g);

/* choice.c */
/* What OMNI_RESIDENT asks for. */
struct gpu_wish {
    enum gpu_form form;
    uint32_t groups; /* so many workgroups; 0: as many as there is room for */
};
struct gpu_wish gpu_wish(const struct gpu *g);
/* For a recording that will have this key: as wished, or as known from earlier starts. */
struct gpu_choice gpu_choice_begin(const struct gpu *g, uint64_t key);
/* Whether the workgroups meet is now tried for the first time, or has been. Should a driver not
 * survive it, the next start knows. */
void gpu_choice_risk(const struct gpu *g, struct gpu_choice *c);
void gpu_choice_survived(const struct gpu *g, struct gpu_choice *c);
/* The latter, if what stays has been replayed and has come to an end. */
void gpu_choice_learn(struct gpu *g, struct gpu_recording *r);
/* The commands to replay, and whether that is to be timed; then how long they took. */
struct gpu_commands *gpu_choose(struct gpu *g, struct gpu_recording *r, bool *timed);
void gpu_choice_took(const struct gpu *g, struct gpu_choice *c, double seconds);

/* time.c: all do nothing unless times are kept. */
void gpu_stamps_begin(struct gpu *g, VkCommandBuffer buffer, struct gpu_stamps *s);
void gpu_stamp(struct gpu *g, const char *name); /* after each command */
void gpu_stamp_in(struct gpu *g, struct gpu_commands *c, const char *name);
void gpu_stamps_collect(struct gpu *g, struct gpu_stamps *s);
void gpu_stamps_free(struct gpu *g, struct gpu_stamps *s);

/* transfer.c */
void gpu_transfer_close(struct gpu *g);

#endif
