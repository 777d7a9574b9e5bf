/* weights: the tensors of a checkpoint by name. A directory with model.safetensors, or with
 * model.safetensors.index.json and its shards, or with GGUF files; or one GGUF file. Names are the
 * checkpoint's everywhere. Files are mapped; a tensor is a view into the map. */
#ifndef WEIGHTS_WEIGHTS_H
#define WEIGHTS_WEIGHTS_H

#include "common/base/err.h"
#include "common/wire/tensor.h"

struct weights;

/* 66 no such file, 65 malformed. Opening reads headers only. *w is NULL on failure. */
int weights_open(struct weights **w, const char *path, struct err *e);
void weights_close(struct weights *w);

/* From here on weights_get_stored() leaves f16 as it is. */
void weights_keep_half(struct weights *w);

/* For those who read weights themselves (weights_place()): what stays in the map is not read ahead.
 */
void weights_keep_back(struct weights *w);

/* Walks all tensors in name order (for inspection); i from 0; NULL at the end. A dtype that `struct
 * tensor` cannot say (I64, F8_E4M3, ..) gives data NULL; weights_dtype() names it all the same. */
const char *weights_name(const struct weights *w, size_t i, struct tensor *t);

/* Of tensor i: the dtype as the file spells it ("BF16"), its bytes, and the file it is in. */
const char *weights_dtype(const struct weights *w, size_t i);
size_t weights_bytes(const struct weights *w, size_t i);
const char *weights_file(const struct weights *w, size_t i);

/* True if tensor i can be taken for one of this shape, and is of a type that can be used. */
bool weights_has_shape(const struct weights *w, size_t i, const size_t *shape, size_t rank);
bool weights_usable(const struct weights *w, size_t i);

/* True if a tensor of that name is there. */
bool weights_has(const struct weights *w, const char *name);

/* 78 with what to do if these are GGUF files without that tensor, which every model with such a
 * component ("talker") has; llama.cpp makes files of single components. */
int weights_need(const struct weights *w, const char *name, const char *component, struct err *e);

/* *t = the tensor of that name; it must be f32, bf16, f16 or quantised and have exactly these sizes
 * (rank 1 to 4; unused sizes 0). f16 and quantised ones are converted to f32, and data that lies
 * askew in its file is copied to an aligned place (both kept until weights_close); all other data
 * stays in the map. 65: absent, or of another shape or dtype; the message names file and tensor. */
int weights_get(struct weights *w, struct tensor *t, struct err *e, const char *name,
                const size_t shape[4]);

/* The same for those who can use quantised weights: they stay in the map as they are, and so does
 * f16 after weights_keep_half(). */
int weights_get_stored(struct weights *w, struct tensor *t, struct err *e, const char *name,
                       const size_t shape[4]);

/* Where in its file t is, as weights_get() gave it; false: nowhere, it was converted or copied. The
 * file is open until weights_close(). */
struct weights_place {
    int fd;
    size_t offset;
    const char *file; /* base name */
};
bool weights_place(const struct weights *w, const struct tensor *t, struct weights_place *p);

/* t, from weights_get(), is about to be read in the map after all. */
void weights_ask(struct weights *w, const struct tensor *t);

/* t, from weights_get(), has been copied elsewhere: memory that its part of the map takes is given
 * back. It can still be read; that brings it in again. */
void weights_forget(struct weights *w, const struct tensor *t);

#endif
