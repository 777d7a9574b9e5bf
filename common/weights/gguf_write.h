/* gguf_write: makes a GGUF file (version 3). First all values and tensors are named, then the file
 * is begun, then the data is written in any order and from any thread, then it gets its name: until
 * then it is NAME.part, so that no half file ever has the name. */
#ifndef WEIGHTS_GGUF_WRITE_H
#define WEIGHTS_GGUF_WRITE_H

#include "common/weights/gguf.h"

struct gguf_bytes {
    char *data;
    size_t n, room;
};

struct gguf_writer {
    struct gguf_bytes values, tensors; /* of the head */
    size_t n_values, n_tensors;
    size_t data;  /* bytes of data so far */
    size_t begin; /* where data begins, once the file is begun */
    int fd;       /* -1: not begun */
    char path[4096], part[4096];
};

/* A zeroed writer for the file of that path. 73: the path is too long. */
int gguf_writer_init(struct gguf_writer *w, const char *path, struct err *e);

void gguf_put_text(struct gguf_writer *w, const char *key, const char *s, size_t n);
void gguf_put_u32(struct gguf_writer *w, const char *key, size_t x);
void gguf_put_f32(struct gguf_writer *w, const char *key, double x);
void gguf_put_bool(struct gguf_writer *w, const char *key, bool x);
/* An array of n elements, i32 or strings, to be followed by n calls of the function for one. */
void gguf_put_array(struct gguf_writer *w, const char *key, enum gguf_type type, size_t n);
void gguf_put_i32_element(struct gguf_writer *w, int32_t x);
void gguf_put_text_element(struct gguf_writer *w, const char *s, size_t n);

/* Returns where its data goes, for gguf_write_data(). shape outermost first. */
size_t gguf_put_tensor(struct gguf_writer *w, const char *name, const struct tensor *t);

/* Writes the head. 73: cannot create, or no room. */
int gguf_write_begin(struct gguf_writer *w, struct err *e);
/* n bytes of data at a place from gguf_put_tensor() or behind it. 74 */
int gguf_write_data(const struct gguf_writer *w, size_t place, const void *data, size_t n,
                    struct err *e);
/* On the disk, and named. 74 */
int gguf_write_end(struct gguf_writer *w, struct err *e);
/* Frees; a file that was not ended is removed. */
void gguf_writer_free(struct gguf_writer *w);

#endif
