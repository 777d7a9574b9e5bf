/* gguf_set: the GGUF files of a model: one file, the parts of a split one, or all of a directory.
 */
#ifndef WEIGHTS_GGUF_SET_H
#define WEIGHTS_GGUF_SET_H

#include "common/weights/gguf.h"

struct gguf_set {
    struct arena arena; /* names and tables of the files */
    struct gguf_file *files;
    size_t n;
};

/* True if path is a file, or a directory with a .gguf file in it. */
bool gguf_set_exists(const char *path);

/* 66, 65, 78 as gguf_open(). gguf_set_close() also after failure. */
int gguf_set_open(struct gguf_set *s, const char *path, struct err *e);
void gguf_set_close(struct gguf_set *s);

/* The first file that has the key; NULL: none. */
const struct gguf_file *gguf_set_find(const struct gguf_set *s, const char *key);

/* The tensors of g under the checkpoint's names, experts and codebooks one by one; those without
 * such a name keep their own, the vision encoder's are left out. Takes the map of g over. 65: too
 * many slices. */
int gguf_entries(struct gguf_file *g, struct st_file *f, struct arena *a, struct err *e);

#endif
