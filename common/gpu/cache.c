/* What is kept from one start to the next in $XDG_CACHE_HOME/omni, for each driver and device:
 * compiled kernels, and a word for each step that has been measured (choice.c). It only saves time:
 * whatever is wrong with it, kernels are compiled and steps measured anew.
 *
 * The file of kernels: 8 bytes of magic, the FNV-1a hash of the rest (8 bytes), what the driver
 * gave us. Drivers check the head of their data and little else, hence the hash. */
#include "common/base/arena.h"
#include "common/gpu/impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 1024, MOST = 64 << 20 /* more is old stuff: begin anew */ };

struct head {
    char magic[8];
    uint64_t hash;
};

static const char magic[8] = {'o', 'm', 'n', 'i', 'v', 'k', '1', '\n'};

uint64_t gpu_hash(uint64_t h, const void *data, size_t n) {
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 1099511628211U;
    return h;
}

/* The directory, made if it is not there. False without a home, or if its name is too long. */
static bool find_directory(char path[PATH_ROOM]) {
    static const char omni[] = "/omni";
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = PATH_ROOM;
    if (cache && cache[0] == '/')
        n = snprintf(path, PATH_ROOM, "%s", cache);
    else if (home && home[0] == '/')
        n = snprintf(path, PATH_ROOM, "%s/.cache", home);
    if (n < 0 || (size_t)n + sizeof omni > PATH_ROOM)
        return false;
    mkdir(path, 0700);
    memcpy(path + n, omni, sizeof omni);
    mkdir(path, 0700);
    return true;
}

/* Where the file of this driver and device is, whose name ends with `end`; false: nowhere. */
static bool find_file(const struct gpu *g, const char *end, char path[PATH_ROOM]) {
    VkPhysicalDeviceProperties p;
    if (!find_directory(path))
        return false;
    vkGetPhysicalDeviceProperties(g->physical, &p);
    size_t n = strlen(path);
    n += (size_t)snprintf(path + n, PATH_ROOM - n, "/vulkan-%x-%x-%x-", p.vendorID, p.deviceID,
                          p.driverVersion);
    for (size_t i = 0; i < VK_UUID_SIZE && n < PATH_ROOM; i++)
        n += (size_t)snprintf(path + n, PATH_ROOM - n, "%02x", p.pipelineCacheUUID[i]);
    if (n < PATH_ROOM)
        n += (size_t)snprintf(path + n, PATH_ROOM - n, "%s", end);
    return n < PATH_ROOM;
}

/* The data in the file, or NULL if there is none that is whole. */
static unsigned char *read_data(const struct gpu *g, size_t *n) {
    char path[PATH_ROOM];
    struct stat st;
    struct head head;
    unsigned char *data = NULL;
    FILE *f = find_file(g, "", path) ? fopen(path, "rb") : NULL;
    if (f && fstat(fileno(f), &st) == 0 && st.st_size > (off_t)sizeof head && st.st_size <= MOST &&
        fread(&head, sizeof head, 1, f) == 1 && !memcmp(head.magic, magic, sizeof magic)) {
        *n = (size_t)st.st_size - sizeof head;
        data = arena_xrealloc(NULL, *n, 1);
        if (fread(data, 1, *n, f) != *n || gpu_hash(GPU_HASH, data, *n) != head.hash) {
            free(data);
            data = NULL;
        }
    }
    if (f)
        fclose(f);
    return data;
}

static bool is_there(const struct gpu *g, const unsigned char *data, size_t n) {
    size_t n_there = 0;
    unsigned char *there = read_data(g, &n_there);
    bool same = there && n_there == n && memcmp(there, data, n) == 0;
    free(there);
    return same;
}

/* A pipeline cache with what the file has, and how much that is. */
static VkResult load(const struct gpu *g, VkPipelineCache *cache, size_t *bytes) {
    size_t n = 0;
    unsigned char *data = read_data(g, &n);
    *bytes = n = data ? n : 0;
    const VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                            .initialDataSize = n,
                                            .pInitialData = data};
    VkResult r = vkCreatePipelineCache(g->device, &info, NULL, cache);
    free(data);
    return r;
}

void gpu_cache_open(struct gpu *g) {
    gpu_check(load(g, &g->cache, &g->cache_bytes), "vkCreatePipelineCache");
}

/* Two pieces to a new file that takes the old one's place: who reads at the same time sees one or
 * the other. */
static void replace(const struct gpu *g, const char *end, const void *a, size_t n_a, const void *b,
                    size_t n_b) {
    char path[PATH_ROOM], fresh[PATH_ROOM + 16];
    if (!find_file(g, end, path))
        return;
    snprintf(fresh, sizeof fresh, "%s.XXXXXX", path);
    int fd = mkstemp(fresh);
    if (fd < 0)
        return;
    FILE *f = fdopen(fd, "wb");
    bool whole = f && fwrite(a, 1, n_a, f) == n_a && fwrite(b, 1, n_b, f) == n_b;
    whole = (f ? fclose(f) : close(fd)) == 0 && whole;
    if (!whole || rename(fresh, path) != 0)
        unlink(fresh);
}

static void write_data(const struct gpu *g, const unsigned char *data, size_t n) {
    struct head head = {.hash = gpu_hash(GPU_HASH, data, n)};
    memcpy(head.magic, magic, sizeof magic);
    replace(g, "", &head, sizeof head, data, n);
}

/* g->cache may be in use, so all is brought together in another. */
void gpu_cache_save(struct gpu *g) {
    VkPipelineCache all;
    size_t own = 0, n = 0;
    vkGetPipelineCacheData(g->device, g->cache, &own, NULL);
    if (own == g->cache_bytes || load(g, &all, &n))
        return;
    g->cache_bytes = own;
    vkMergePipelineCaches(g->device, all, 1, &g->cache);
    vkGetPipelineCacheData(g->device, all, &n, NULL);
    unsigned char *data = arena_xrealloc(NULL, n, 1);
    if (n > 0 && n <= MOST && vkGetPipelineCacheData(g->device, all, &n, data) == VK_SUCCESS &&
        !is_there(g, data, n))
        write_data(g, data, n);
    free(data);
    vkDestroyPipelineCache(g->device, all, NULL);
}

void gpu_cache_close(struct gpu *g) {
    vkDestroyPipelineCache(g->device, g->cache, NULL);
}

/* ---- words ---- */

static void word_end(char end[32], uint64_t key) {
    snprintf(end, 32, "-step-%016llx", (unsigned long long)key);
}

bool gpu_cache_word(const struct gpu *g, uint64_t key, char word[GPU_WORD]) {
    char path[PATH_ROOM], end[32];
    word_end(end, key);
    FILE *f = find_file(g, end, path) ? fopen(path, "r") : NULL;
    bool found = f && fgets(word, GPU_WORD, f);
    if (f)
        fclose(f);
    if (found)
        word[strcspn(word, "\n")] = 0;
    return found;
}

void gpu_cache_keep_word(const struct gpu *g, uint64_t key, const char *word) {
    char end[32];
    word_end(end, key);
    replace(g, end, word, strlen(word), "\n", 1);
}

void gpu_cache_forget_word(const struct gpu *g, uint64_t key) {
    char path[PATH_ROOM], end[32];
    word_end(end, key);
    if (find_file(g, end, path))
        unlink(path);
}
