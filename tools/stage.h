/* stage: what every program of the pipe does alike. It reads its input on a thread of its own (so
 * that a slow consumer does not hold up what comes before), writes begin and end, forwards what is
 * not its own, turns errors into frames and signals into flags.
 *
 *     struct stage s;
 *     stage_prepare();
 *     opt_parse(&opt, ...);
 *     stage_open(&s, &opt, 0, 1);
 *     stage_begin(&s, &config);
 *     while ((f = stage_next(&s))) {
 *         switch (f->kind) ... stage_forward(&s, f) ...;
 *         frame_free(f);
 *     }
 *     return stage_close(&s);
 */
#ifndef TOOLS_STAGE_H
#define TOOLS_STAGE_H

#include "common/base/opt.h"
#include "common/ops/run.h"
#include "common/weights/config.h"
#include "common/wire/stream.h"

struct stage_queue;

struct stage {
    struct stream_out out;
    struct stage_queue *in;      /* NULL: the tool has no input stream */
    struct stream_out *peer;     /* a co-process, to be told of a fatal error; NULL: none */
    const struct config *config; /* what the upstream's begin is compared with; may be NULL */
    bool begun;                  /* the upstream has said begin */
    bool verbose;
    int64_t frames_in; /* read so far */
    int64_t turn;      /* of the last turn frame; -1 before */
    bool lost;         /* an error took it; its frames are dropped */
    int64_t lost_next; /* an error took this one before it began; the same. -1: none */
    int exit_code;     /* of the first lost turn */
    double started;
    void (*at_exit)(void *ctx); /* see stage_at_exit */
    void *at_exit_ctx;
};

/* For a program that will write a stream to standard output, before its options are looked at: if
 * one is wrong, those downstream are told as they are of later errors. */
void stage_prepare(void);

/* in: file descriptor of the input stream, -1 for none; out: -1 for none (what is written is
 * dropped then). Refuses a terminal as either (64). Installs the SIGINT handler unless SIGINT is
 * ignored. From here on die() writes a fatal error frame first. */
void stage_open(struct stage *s, const struct opt *o, int in, int out);
/* For tools that learn later whether they have an input stream: what stage_open does with in. */
void stage_input(struct stage *s, int in);

/* Called once before the process leaves because of a fatal error, ours or the upstream's. */
void stage_at_exit(struct stage *s, void (*hook)(void *ctx), void *ctx);

/* Writes this stage's `begin`: producer, version and, if c is not NULL, model, hash, sizes and
 * rates. c must live as long as s: when the upstream's begin arrives, other sizes (D, Dt, G,
 * codebook) than c's die 65, another hash is one warning. */
void stage_begin(struct stage *s, const struct config *c);

/* Next frame for the stage, blocking; NULL when the stream has ended. Handled inside: begin, end,
 * fatal errors (forwarded; exit with their code), frames of lost turns, protocol errors (die).
 * The stream has to begin with a `begin` frame of version 1 (76). Turn frames set s->turn and clear
 * the interrupt; turn errors are forwarded and marked as lost here, and returned so that the stage
 * can reset, see stage_turn_lost(). The caller frees the frame. */
struct frame *stage_next(struct stage *s);
/* True if f is an error that takes the turn at hand, s->turn. One of another turn, which is over or
 * has not begun, leaves this one as it is. */
bool stage_turn_lost(const struct stage *s, const struct frame *f);
/* For tools whose input is no stream: the next turn begins, s->turn is its number. */
void stage_start_turn(struct stage *s);
/* True if stage_next would not block. */
bool stage_ready(struct stage *s);

/* Writers; they die on failure (141 quietly). */
void stage_forward(struct stage *s, const struct frame *f);
void stage_send(struct stage *s, struct frame_head *h, const void *payload, size_t n);
void stage_tensor(struct stage *s, const char *name, const struct tensor *t); /* in s->turn */
void stage_text(struct stage *s, const char *text, size_t n);
/* A `done` head for s->turn: add counts, then stage_send. upstream (its done) may be NULL. */
void stage_done_head(struct stage *s, struct frame_head *h, const char *reason,
                     const struct frame *upstream);

/* True if a turn comes straight from omni-thinker or omni-tokenize, as its done tells. */
bool stage_lacks_talker(const struct frame *done);

/* This turn is lost: error frame, one line on stderr, its later frames are dropped. */
void stage_lose_turn(struct stage *s, const struct err *e);

/* True once SIGINT came in this turn. A second SIGINT exits 130 by itself. */
bool stage_interrupted(void);

/* The file that a second SIGINT removes before the process exits; it stays the caller's. NULL: none
 * any more. */
void stage_unfinished(const char *path);

/* Lets run_trace() send its tensors as frames of the current turn; with -v given twice the times of
 * the GPU's kernels are kept from here on, for stage_say_memory(). */
void stage_trace(struct stage *s, struct run *run, const struct opt *o);

/* For -v: the device, the most memory that was in use, and the times if they are kept, on stderr.
 */
void stage_say_memory(struct run *run);

/* Writes `end`, returns the exit code of the process. */
int stage_close(struct stage *s);

#endif
