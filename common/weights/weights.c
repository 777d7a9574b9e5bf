#include "common/weights/weights.h"

#include "common/weights/ahead.h"
#include "common/weights/gguf_set.h"
#include "common/weights/json_read.h"
#include "common/weights/quant.h"
#include "common/wire/io.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_INDEX = 256 << 20, MAX_SHARDS = 4096 };

static const char single_name[] = "model.safetensors",
                  index_name[] = "model.safetensors.index.json";

struct weights {
    struct arena arena; /* names, tables, converted tensors */
    const char
        *source; /* where an absent tensor should have been: model.safetensors, the index, .. */
    struct gguf_set set; /* its maps are those of files */
    struct st_file *files;
    size_t n_files;
    struct st_tensor *tensors; /* of all files, by name */
    size_t n_tensors;
    bool keeps_half, keeps_back;
    struct ahead asking;
    size_t ahead, most_ahead; /* bytes asked for in advance, and how many may be */
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct st_tensor *)a)->name, ((const struct st_tensor *)b)->name);
}

static const struct st_tensor *find(const struct weights *w, const char *name) {
    struct st_tensor key = {.name = name};
    return bsearch(&key, w->tensors, w->n_tensors, sizeof key, by_name);
}

/* Writes DIR/FILE; 66 if that is longer than any path. */
static int join(char path[PATH_MAX], const char *dir, const char *file, struct err *e) {
    if (snprintf(path, PATH_MAX, "%s/%s", dir, file) >= PATH_MAX)
        return err_set(e, ERR_NOINPUT, "%.100s...: name too long", dir);
    return 0;
}

static int open_file(struct weights *w, const char *dir, const char *name, struct err *e) {
    char path[PATH_MAX];
    if (join(path, dir, name, e) || st_open(&w->files[w->n_files], path, &w->arena, e))
        return e->code;
    w->n_files++;
    return 0;
}

/* ---- the index of a sharded checkpoint ------------------------------------------------------ */

/* A shard is a file beside the index, never one elsewhere. */
static bool is_plain_name(const char *name) {
    return name && *name && !strchr(name, '/') && name[0] != '.' && strlen(name) <= NAME_MAX;
}

static bool is_open(const struct weights *w, const char *name) {
    for (size_t i = 0; i < w->n_files; i++)
        if (strcmp(w->files[i].name, name) == 0)
            return true;
    return false;
}

static int open_shards(struct weights *w, const char *dir, json_t *map, struct err *e) {
    const char *tensor;
    json_t *v;
    w->files = arena_zalloc(&w->arena, MAX_SHARDS * sizeof *w->files);
    json_object_foreach(map, tensor, v) {
        const char *name = json_string_value(v);
        if (!is_plain_name(name))
            return err_set(e, ERR_DATA, "%s: tensor '%.200s' is not in a file of this directory",
                           w->source, tensor);
        if (is_open(w, name))
            continue;
        if (w->n_files == MAX_SHARDS)
            return err_set(e, ERR_DATA, "%s: more than %d files", w->source, MAX_SHARDS);
        if (open_file(w, dir, name, e))
            return e->code;
    }
    return 0;
}

/* What the index promises must be there. */
static int check_map(const struct weights *w, json_t *map, struct err *e) {
    const char *name;
    json_t *v;
    json_object_foreach(map, name, v) {
        const struct st_tensor *t = find(w, name);
        if (!t || strcmp(t->file, json_string_value(v)) != 0)
            return err_set(e, ERR_DATA, "%s: no tensor '%.200s'", json_string_value(v), name);
    }
    return 0;
}

/* ---- opening -------------------------------------------------------------------------------- */

static int collect(struct weights *w, struct err *e) {
    size_t n = 0;
    for (size_t i = 0; i < w->n_files; i++)
        n += w->files[i].n_tensors;
    w->tensors = arena_alloc(&w->arena, n * sizeof *w->tensors);
    for (size_t i = 0; i < w->n_files; i++) {
        const struct st_file *f = &w->files[i];
        if (f->n_tensors)
            memcpy(w->tensors + w->n_tensors, f->tensors, f->n_tensors * sizeof *f->tensors);
        w->n_tensors += f->n_tensors;
    }
    qsort(w->tensors, n, sizeof *w->tensors, by_name);
    for (size_t i = 1; i < n; i++)
        if (by_name(&w->tensors[i - 1], &w->tensors[i]) == 0)
            return err_set(e, ERR_DATA, "%s: tensor '%.200s' is in %s too", w->tensors[i].file,
                           w->tensors[i].name, w->tensors[i - 1].file);
    return 0;
}

static int open_sharded(struct weights *w, const char *dir, const char *path, struct err *e) {
    char *text;
    size_t size;
    w->source = index_name;
    if (io_read_file(&text, &size, path, MAX_INDEX, e))
        return e->code;
    json_t *json = json_read_object(text, size, w->source, e);
    free(text);
    json_t *map = json_object_get(json, "weight_map");
    if (json && !json_is_object(map))
        err_set(e, ERR_DATA, "%s: no weight_map", w->source);
    if (!e->code && !open_shards(w, dir, map, e) && !collect(w, e))
        check_map(w, map, e);
    json_decref(json);
    return e->code;
}

static int open_single(struct weights *w, const char *dir, struct err *e) {
    w->source = single_name;
    w->files = arena_zalloc(&w->arena, sizeof *w->files);
    if (!open_file(w, dir, single_name, e))
        collect(w, e);
    return e->code;
}

static int open_ggufs(struct weights *w, const char *path, struct err *e) {
    if (gguf_set_open(&w->set, path, e))
        return e->code;
    w->source = w->set.n == 1 ? w->set.files[0].name : arena_strdup(&w->arena, path);
    w->files = arena_zalloc(&w->arena, w->set.n * sizeof *w->files);
    for (; w->n_files < w->set.n; w->n_files++)
        if (gguf_entries(&w->set.files[w->n_files], &w->files[w->n_files], &w->arena, e))
            return e->code;
    return collect(w, e);
}

static int open_files(struct weights *w, const char *dir, struct err *e) {
    char single[PATH_MAX], index[PATH_MAX];
    if (join(single, dir, single_name, e) || join(index, dir, index_name, e))
        return e->code;
    if (access(single, F_OK) == 0)
        return open_single(w, dir, e);
    if (access(index, F_OK) == 0)
        return open_sharded(w, dir, index, e);
    if (gguf_set_exists(dir))
        return open_ggufs(w, dir, e);
    return err_set(e, ERR_NOINPUT, "%.200s: no %s, no %s and no .gguf file there", dir, single_name,
                   index_name);
}

/* Reading ahead helps while the model fits in memory; of a larger one it would push out what is in
 * use, so beyond half of memory pages come in as they are touched. */
static size_t memory_for_read_ahead(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (size_t)pages / 2 * (size_t)page : 0;
}

int weights_open(struct weights **out, const char *path, struct err *e) {
    struct weights *w = arena_xrealloc(NULL, 1, sizeof *w);
    *w = (struct weights){.most_ahead = memory_for_read_ahead()};
    ahead_init(&w->asking);
    if (open_files(w, path, e)) {
        weights_close(w);
        w = NULL;
    }
    *out = w;
    return e->code;
}

void weights_keep_half(struct weights *w) {
    w->keeps_half = true;
}

void weights_keep_back(struct weights *w) {
    w->keeps_back = true;
}

void weights_close(struct weights *w) {
    if (!w)
        return;
    ahead_stop(&w->asking);
    for (size_t i = 0; i < w->n_files; i++)
        st_close(&w->files[i]);
    gguf_set_close(&w->set);
    arena_free(&w->arena);
    free(w);
}

/* ---- looking -------------------------------------------------------------------------------- */

const char *weights_name(const struct weights *w, size_t i, struct tensor *t) {
    if (i >= w->n_tensors)
        return NULL;
    *t = w->tensors[i].view;
    return w->tensors[i].name;
}

const char *weights_dtype(const struct weights *w, size_t i) {
    return w->tensors[i].dtype;
}

size_t weights_bytes(const struct weights *w, size_t i) {
    return w->tensors[i].bytes;
}

const char *weights_file(const struct weights *w, size_t i) {
    return w->tensors[i].file;
}

static bool is_usable(const struct st_tensor *t) {
    enum tensor_dtype dtype = t->view.dtype;
    return t->view.data && (dtype == TENSOR_F32 || dtype == TENSOR_BF16 || dtype == TENSOR_F16 ||
                            tensor_is_quantised(dtype));
}

bool weights_has_shape(const struct weights *w, size_t i, const size_t *shape, size_t rank) {
    return st_has_shape(&w->tensors[i], shape, rank);
}

bool weights_usable(const struct weights *w, size_t i) {
    return is_usable(&w->tensors[i]);
}

bool weights_has(const struct weights *w, const char *name) {
    return find(w, name) != NULL;
}

int weights_need(const struct weights *w, const char *name, const char *component, struct err *e) {
    if (!w->set.n || find(w, name))
        return 0;
    return err_set(e, ERR_CONFIG,
                   "%.100s: no %s in it: make GGUF files of all components with omni-quantize from "
                   "the Hugging Face directory, and give -m their directory",
                   w->source, component);
}

/* ---- taking --------------------------------------------------------------------------------- */

static void format_shape(char *text, size_t size, const size_t *shape, size_t rank) {
    size_t n = (size_t)snprintf(text, size, "[");
    for (size_t i = 0; i < rank && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%zu", i ? ", " : "", shape[i]);
    if (n < size)
        snprintf(text + n, size - n, "]");
}

static int check_shape(const struct st_tensor *t, const size_t shape[4], struct err *e) {
    char is[128], expected[128];
    size_t rank = 0;
    while (rank < 4 && shape[rank])
        rank++;
    if (st_has_shape(t, shape, rank))
        return 0;
    format_shape(is, sizeof is, t->view.shape, t->view.rank);
    format_shape(expected, sizeof expected, shape, rank);
    return err_set(e, ERR_DATA, "%.100s: tensor '%.120s' is %s, expected %s", t->file, t->name, is,
                   expected);
}

/* Kernels want whole numbers at multiples of their size; blocks may lie anyhow. */
static void align(struct weights *w, struct tensor *t) {
    size_t bytes = tensor_bytes(t);
    if (!tensor_is_quantised(t->dtype) && (uintptr_t)t->data % tensor_dtype_size(t->dtype))
        t->data = memcpy(arena_alloc(&w->arena, bytes), t->data, bytes);
}

void weights_ask(struct weights *w, const struct tensor *t) {
    size_t bytes = tensor_bytes(t);
    if (bytes > w->most_ahead - w->ahead)
        return;
    w->ahead += bytes;
    ahead_ask(&w->asking, t->data, bytes);
}

/* Half precision and quantised weights for those who want numbers. */
static void widen(struct weights *w, struct tensor *t) {
    size_t n = tensor_count(t);
    if (w->keeps_back)
        weights_ask(w, t);
    float *f = arena_alloc(&w->arena, n * sizeof *f);
    quant_widen(f, t->data, t->dtype, n);
    t->data = f;
    t->dtype = TENSOR_F32;
}

int weights_get_stored(struct weights *w, struct tensor *t, struct err *e, const char *name,
                       const size_t shape[4]) {
    const struct st_tensor *found = find(w, name);
    if (!found)
        return err_set(e, ERR_DATA, "%s: no tensor '%s'", w->source, name);
    if (check_shape(found, shape, e))
        return e->code;
    if (!is_usable(found))
        return err_set(e, ERR_DATA, "%.100s: tensor '%.200s' is %s, expected F32, BF16%s",
                       found->file, found->name, found->dtype,
                       w->set.n ? ", F16, Q8_0, Q4_0, Q4_K, Q5_K or Q6_K" : " or F16");
    *t = found->view;
    memset(t->shape, 0, sizeof t->shape);
    for (t->rank = 0; t->rank < 4 && shape[t->rank]; t->rank++)
        t->shape[t->rank] = shape[t->rank];
    if (!w->keeps_back)
        weights_ask(w, t);
    align(w, t);
    if (t->dtype == TENSOR_F16 && !w->keeps_half)
        widen(w, t);
    return 0;
}

int weights_get(struct weights *w, struct tensor *t, struct err *e, const char *name,
                const size_t shape[4]) {
    if (weights_get_stored(w, t, e, name, shape) == 0 &&
        (t->dtype == TENSOR_F16 || tensor_is_quantised(t->dtype)))
        widen(w, t);
    return e->code;
}

/* The file whose map t is in, or NULL. */
static const struct st_file *file_of(const struct weights *w, const struct tensor *t) {
    for (size_t i = 0; i < w->n_files; i++) {
        const struct map *map = w->files[i].map;
        if ((uintptr_t)t->data - (uintptr_t)map->bytes < map->size)
            return &w->files[i];
    }
    return NULL;
}

bool weights_place(const struct weights *w, const struct tensor *t, struct weights_place *p) {
    const struct st_file *f = file_of(w, t);
    if (!f)
        return false;
    *p = (struct weights_place){f->map->fd, (uintptr_t)t->data - (uintptr_t)f->map->bytes, f->name};
    return true;
}

void weights_forget(struct weights *w, const struct tensor *t) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)t->data;
    /* Whole pages only: its neighbours have a part of the first and of the last. */
    uintptr_t begin = (first + page - 1) / page * page;
    uintptr_t end = (first + tensor_bytes(t)) / page * page;
    if (begin >= end || !file_of(w, t))
        return;
    madvise((void *)begin, end - begin, MADV_DONTNEED);
    w->ahead -= w->ahead < tensor_bytes(t) ? w->ahead : tensor_bytes(t);
}
