/* quantize: a checkpoint as GGUF files of chosen types.
 *
 * Three files: thinker.gguf and mmproj.gguf (the audio encoder) in llama.cpp's layout, speech.gguf
 * (talker, code predictor, code2wav). Each is planned whole (the head of a file says where all is),
 * then written tensor by tensor by all threads; only the pieces in work are in memory. */
#ifndef TOOLS_QUANTIZE_H
#define TOOLS_QUANTIZE_H

#include "common/text/tokenizer.h"
#include "common/weights/config.h"
#include "common/weights/expect.h"
#include "common/weights/gguf_names.h"
#include "common/weights/weights.h"

#include <signal.h>

/* How the matrices of a component are kept. What has one dimension, routers and convolutions are
 * f32 always; rows that are no whole blocks of the type fall back to q8_0, or to bf16. */
struct quantize_type {
    enum tensor_dtype dtype;
    bool mixed; /* q4_k_m: q4_K with some of the more delicate matrices in q6_K */
};

/* "q8_0", "q4_k_m", "bf16", ...; false if name is none. */
bool quantize_type_parse(const char *name, struct quantize_type *type);

/* A tensor of the file to be. */
struct quantize_tensor {
    char name[GGUF_NAME_MAX];       /* there */
    char checkpoint[GGUF_NAME_MAX]; /* here; '*' is the number of the slice */
    enum tensor_dtype dtype;
    size_t n_slices;                         /* 0: not stacked */
    size_t rank, shape[EXPECT_MAX_RANK + 1]; /* of one slice */
    size_t place;                            /* in the file's data */
    bool sinusoids; /* not in the checkpoint: the audio encoder's positions */
};

struct quantize_source {
    struct config config;
    struct weights *weights;
    struct text_tokenizer *tokenizer;                    /* NULL: the checkpoint has none */
    char *config_json, *generation_json, *chat_template; /* NULL: not there */
};

/* 66, 65, 78 as the parts of a checkpoint; IN must be a directory with config.json. */
int quantize_source_open(struct quantize_source *s, const char *dir, struct err *e);
void quantize_source_close(struct quantize_source *s);

/* All files together. */
struct quantize_work {
    size_t done, all; /* bytes of their data */
    bool shows;       /* a line on stderr, a terminal, tells how far it is */
    double started, shown;
    volatile sig_atomic_t stop; /* not 0: the file being written shall not be */
};

struct quantize_file {
    const struct quantize_source *source;
    struct quantize_work *work;
    struct gguf_writer writer;
    struct quantize_tensor *tensors;
    size_t n, room;
    size_t bytes; /* of data */
};

int quantize_file_init(struct quantize_file *f, const struct quantize_source *s,
                       struct quantize_work *work, const char *dir, const char *name,
                       struct err *e);
/* Adds a component's tensors, if the checkpoint has it; false if it has not. */
bool quantize_add(struct quantize_file *f, enum expect_component which, struct quantize_type type);
/* The values of the file's head. */
void quantize_put_thinker(struct quantize_file *f, struct quantize_type type);
void quantize_put_audio(struct quantize_file *f, struct quantize_type type);
void quantize_put_speech(struct quantize_file *f);
/* All is added: each tensor gets its place. */
void quantize_place(struct quantize_file *f);
/* Writes the file. 65: a tensor is missing or misshapen; 73, 74; 130: stopped. */
int quantize_write(struct quantize_file *f, struct err *e);
void quantize_file_free(struct quantize_file *f);

/* From here on SIGINT, SIGTERM and SIGHUP, unless ignored, stop the work; a second one ends the
 * program at once. Once it is stopped, the program ends as if the signal had not been caught. */
void quantize_catch(struct quantize_work *work);
void quantize_stopped(const struct quantize_work *work);

/* The line: as the work goes on, and to be gone. */
void quantize_progress(struct quantize_work *work, const char *file);
void quantize_progress_end(const struct quantize_work *work);

#endif
