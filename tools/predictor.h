/* predictor: the code predictor as the talker has it, in its own process or as a co-process. */
#ifndef TOOLS_PREDICTOR_H
#define TOOLS_PREDICTOR_H

#include "tools/codepred.h"
#include "tools/coprocess.h"
#include "tools/speech_options.h"
#include "tools/stage.h"
#include "tools/talker.h"

struct predictor {
    struct stage *stage;
    struct run *run;
    struct codepred inside;
    struct coprocess outside;
    bool is_outside;
};

/* command NULL: inside, with the weights w. The others must outlive p. */
int predictor_open(struct predictor *p, struct stage *s, struct run *run, const struct config *c,
                   struct weights *w, const char *command, struct err *e);
int predictor_close(struct predictor *p, struct err *e);

/* All of these: 76 if the co-process is gone, which is fatal; another code if it lost the turn. */
int predictor_turn(struct predictor *p, const struct frame *turn, const struct speech_options *o,
                   struct err *e);
/* Completes t->codes and writes t->codec_sum. Inside, it is a fixed sequence of ops. */
int predictor_frame(struct predictor *p, struct talker *t, struct err *e);
int predictor_done(struct predictor *p, struct err *e);
/* The turn is lost, for the reason `what`. */
int predictor_lose(struct predictor *p, int64_t turn, const struct err *what, struct err *e);

#endif
