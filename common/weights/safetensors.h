/* safetensors: one checkpoint file. Eight bytes of header length (little-endian), a JSON header
 * {"NAME": {"dtype": "BF16", "shape": [..], "data_offsets": [begin, end]}, ...}, then the data,
 * which the tensors cover from the first byte to the last without gaps or overlaps. */
#ifndef WEIGHTS_SAFETENSORS_H
#define WEIGHTS_SAFETENSORS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/map.h"
#include "common/wire/tensor.h"

struct st_tensor {
    const char *name;
    const char *dtype;  /* as the file spells it: "F32", "BF16", "I64", ... */
    struct tensor view; /* data NULL and dtype u8 when a `struct tensor` cannot say this dtype */
    size_t bytes;
    const char *file; /* base name of the file it is in */
    bool loose;       /* sizes of 1 count for nothing: GGUF files leave out some and add others */
};

struct st_file {
    const char *name; /* base name */
    struct map *map;  /* the whole file; NULL after st_parse() */
    size_t n_tensors;
    struct st_tensor *tensors; /* in the order of the data */
};

/* True if the tensor can be taken for one of this shape. */
bool st_has_shape(const struct st_tensor *t, const size_t *shape, size_t rank);

/* Maps a file and reads its header; names and tensors live in a. 66 missing, 65 malformed. */
int st_open(struct st_file *f, const char *path, struct arena *a, struct err *e);
void st_close(struct st_file *f);

/* The parser by itself, on bytes in memory; file names them in messages. Fills f but for map, which
 * stays NULL. */
int st_parse(struct st_file *f, const void *bytes, size_t size, const char *file, struct arena *a,
             struct err *e);

#endif
