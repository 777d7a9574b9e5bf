#include "common/weights/gguf_set.h"

#include "common/weights/gguf_names.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FILES = 1024, MAX_ENTRIES = 1 << 20 };

static bool is_directory(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A .gguf file that is not hidden. */
static int is_gguf(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 5 && d->d_name[0] != '.' && strcmp(d->d_name + n - 5, ".gguf") == 0;
}

bool gguf_set_exists(const char *path) {
    struct stat st;
    DIR *dir = opendir(path);
    if (!dir)
        return stat(path, &st) == 0 && S_ISREG(st.st_mode);
    bool found = false;
    for (const struct dirent *d; !found && (d = readdir(dir));)
        found = is_gguf(d);
    closedir(dir);
    return found;
}

static int open_one(struct gguf_set *s, const char *path, struct err *e) {
    if (gguf_open(&s->files[s->n], path, &s->arena, e))
        return e->code;
    s->n++;
    return 0;
}

static int open_directory(struct gguf_set *s, const char *dir, struct err *e) {
    struct dirent **found;
    char path[PATH_MAX];
    int n = scandir(dir, &found, is_gguf, alphasort);
    if (n < 0)
        return err_set(e, ERR_NOINPUT, "%.300s: %s", dir, strerror(errno));
    if (n > MAX_FILES)
        err_set(e, ERR_DATA, "%.300s: more than %d GGUF files", dir, MAX_FILES);
    for (int i = 0; i < n; i++) {
        if (!e->code && snprintf(path, sizeof path, "%s/%s", dir, found[i]->d_name) >= PATH_MAX)
            err_set(e, ERR_NOINPUT, "%.100s...: name too long", dir);
        if (!e->code)
            open_one(s, path, e);
        free(found[i]);
    }
    free(found);
    return e->code;
}

/* "NAME-00001-of-00003.gguf": the other parts lie beside it (llama.cpp's llama_split_path). */
static int open_parts(struct gguf_set *s, const char *path, struct err *e) {
    static const char tail[] = "-00001-of-00003.gguf";
    size_t n = strlen(path);
    char part[PATH_MAX];
    int number = 0, count = 0, end = 0;
    if (n < sizeof tail || n >= PATH_MAX)
        return 0;
    n -= sizeof tail - 1;
    if (sscanf(path + n, "-%5d-of-%5d.gguf%n", &number, &count, &end) != 2 ||
        end != sizeof tail - 1 || number < 1 || number > count || count > MAX_FILES)
        return 0; /* a name that says something else */
    for (int i = 1; i <= count && !e->code; i++) {
        snprintf(part, sizeof part, "%.*s-%05d-of-%05d.gguf", (int)n, path, i, count);
        if (i != number)
            open_one(s, part, e);
    }
    return e->code;
}

/* Which part of how many a file says it is, from 0; false if it says nothing of the kind. */
static bool part_of(const struct gguf_file *g, size_t *number, size_t *count) {
    return gguf_natural(g, "split.count", count) && *count > 1 &&
           gguf_natural(g, "split.no", number);
}

/* The file's name may say what it will: each part of its model must be there, once. */
static int check_parts(const struct gguf_set *s, const struct gguf_file *g, struct err *e) {
    size_t number, count, other, others;
    if (!part_of(g, &number, &count))
        return 0;
    if (number >= count)
        return err_set(e, ERR_DATA, "%s: split.no is %zu, of %zu parts", g->name, number, count);
    for (size_t part = 0; part < count; part++) {
        size_t there = 0;
        for (size_t i = 0; i < s->n; i++)
            there += part_of(&s->files[i], &other, &others) && others == count && other == part;
        if (there != 1)
            return err_set(e, ERR_DATA, "%s: part %zu of its %zu is %s", g->name, part + 1, count,
                           there ? "there more than once" : "missing");
    }
    return 0;
}

int gguf_set_open(struct gguf_set *s, const char *path, struct err *e) {
    *s = (struct gguf_set){.n = 0};
    s->files = arena_xrealloc(NULL, MAX_FILES, sizeof *s->files);
    if (is_directory(path) ? open_directory(s, path, e)
                           : open_one(s, path, e) || open_parts(s, path, e))
        return e->code;
    for (size_t i = 0; i < s->n; i++)
        if (check_parts(s, &s->files[i], e))
            return e->code;
    return 0;
}

void gguf_set_close(struct gguf_set *s) {
    for (size_t i = 0; i < s->n; i++)
        gguf_close(&s->files[i]);
    free(s->files);
    arena_free(&s->arena);
    *s = (struct gguf_set){.n = 0};
}

const struct gguf_file *gguf_set_find(const struct gguf_set *s, const char *key) {
    for (size_t i = 0; i < s->n; i++)
        if (gguf_find(&s->files[i], key))
            return &s->files[i];
    return NULL;
}

/* ---- names of the checkpoint ---------------------------------------------------------------- */

static bool has_tensor(const struct gguf_file *g, const char *name) {
    for (size_t i = 0; i < g->n_tensors; i++)
        if (strcmp(g->tensors[i].name, name) == 0)
            return true;
    return false;
}

static size_t count_blocks(const struct gguf_file *g) {
    char name[GGUF_NAME_MAX];
    for (size_t n = 0;; n++) {
        snprintf(name, sizeof name, "a.gen.wav.dac.blk.%zu.conv.weight", n);
        if (!has_tensor(g, name))
            return n;
    }
}

/* How many tensors of the checkpoint are in t, whose name there is `name`. */
static size_t count_slices(const struct st_tensor *t, const char *name) {
    return strchr(name, '*') && t->view.rank > 1 ? t->view.shape[0] : 1;
}

static void add_slices(struct st_file *f, const struct st_tensor *t, const char *name, size_t n,
                       struct arena *a) {
    const char *star = strchr(name, '*');
    for (size_t i = 0; i < n; i++) {
        char full[GGUF_NAME_MAX + 24];
        struct st_tensor *slice = &f->tensors[f->n_tensors++];
        *slice = *t;
        snprintf(full, sizeof full, "%.*s%zu%s", (int)(star - name), name, i, star + 1);
        slice->name = arena_strdup(a, full);
        slice->bytes = t->bytes / n;
        if (t->view.data)
            slice->view.data = (char *)t->view.data + i * slice->bytes;
        slice->view.rank--;
        memmove(slice->view.shape, slice->view.shape + 1,
                slice->view.rank * sizeof *slice->view.shape);
    }
}

/* What omni has no use for: images, and a table that is computed. */
static bool is_left_out(const char *name) {
    return strncmp(name, "v.", 2) == 0 || strcmp(name, "a.position_embd.weight") == 0 ||
           (strncmp(name, "mm.", 3) == 0 && name[3] >= '0' && name[3] <= '9');
}

int gguf_entries(struct gguf_file *g, struct st_file *f, struct arena *a, struct err *e) {
    char(*names)[GGUF_NAME_MAX] = arena_xrealloc(NULL, g->n_tensors + 1, sizeof *names);
    size_t total = 0, n_blocks = count_blocks(g);
    for (size_t i = 0; i < g->n_tensors && total <= MAX_ENTRIES; i++) {
        g->tensors[i].loose = true;
        if (!gguf_name_read(names[i], g->tensors[i].name, n_blocks))
            names[i][0] = 0;
        total += count_slices(&g->tensors[i], names[i]);
    }
    if (total > MAX_ENTRIES) {
        free(names);
        return err_set(e, ERR_DATA, "%s: more than a million tensors", g->name);
    }
    *f = (struct st_file){.name = g->name, .map = g->map};
    g->map = NULL;
    f->tensors = arena_alloc(a, (total + 1) * sizeof *f->tensors);
    for (size_t i = 0; i < g->n_tensors; i++) {
        const struct st_tensor *t = &g->tensors[i];
        if (is_left_out(t->name))
            continue;
        if (strchr(names[i], '*') && t->view.rank > 1) {
            add_slices(f, t, names[i], t->view.shape[0], a);
            continue;
        }
        f->tensors[f->n_tensors] = *t;
        if (names[i][0])
            f->tensors[f->n_tensors].name = arena_strdup(a, names[i]);
        f->n_tensors++;
    }
    free(names);
    return 0;
}
