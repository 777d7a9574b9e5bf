/* inspect: looking into streams and checkpoints. It reads, it never forwards.
 * All functions return 0 or an exit code and fill e; output goes to descriptor 1. */
#ifndef TOOLS_INSPECT_H
#define TOOLS_INSPECT_H

#include "common/wire/frame.h"

/* ---- a stream, held to its protocol ---- */

struct inspect_stream {
    int fd;
    const char *name; /* for messages */
    int64_t frames;   /* read so far */
    int64_t turn;     /* of the last turn frame; -1 before */
    bool ended;       /* an `end` or a fatal `error` was read */
};

/* Opens path ("-": stdin). 66 missing, 64 a terminal. */
int inspect_open(struct inspect_stream *s, const char *path, struct err *e);
void inspect_close(struct inspect_stream *s);
/* Next frame, the caller frees it; *f is NULL after the last. 76 when the stream breaks off, does
 * not begin with `begin`, counts wrongly or goes on after its end; 65 and 74 as frame_read. */
int inspect_next(struct inspect_stream *s, struct frame **f, struct err *e);

/* ---- what omni-inspect does ---- */

/* One JSON line a frame, each as soon as it has been read. */
int inspect_list(const char *path, struct err *e);

/* The rows of tensor `name` of a stream, joined, as .npy; turn -1: of all turns. What a broken
 * stream still held is written before its error is returned. */
int inspect_extract(const char *path, const char *name, int64_t turn, struct err *e);
/* Tensor `name` of a model directory as .npy. */
int inspect_extract_weights(const char *dir, const char *name, struct err *e);

struct inspect_compare {
    double tolerance; /* of ||a - b|| / ||b||; 0: the same bits */
    bool subset;      /* what only the examined stream has is fine */
    bool verbose;     /* also say on stderr how far apart what agrees is */
};

/* One line for every way in which the stream differs from the expected one; *same tells if none. */
int inspect_compare(const char *path, const char *expected, const struct inspect_compare *how,
                    bool *same, struct err *e);

/* Components of a checkpoint, one JSON line each, and one a tensor that is missing, misshapen,
 * of an unusable dtype (65) or unexpected (fine). */
int inspect_model(const char *dir, struct err *e);

/* ---- parts ---- */

/* Writes text and a newline to stdout. */
int inspect_say(const char *text, struct err *e);

/* An array in numpy's format, version 1. bf16 becomes f32. */
int inspect_write_npy(const struct tensor *t, struct err *e);

/* What an element is worth, whatever its dtype. data need not be aligned. */
double inspect_value(enum tensor_dtype dtype, const void *data, size_t i);

#endif
