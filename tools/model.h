/* model: the part of a checkpoint that one stage works on. */
#ifndef TOOLS_MODEL_H
#define TOOLS_MODEL_H

#include "common/ops/run.h"
#include "common/weights/config.h"
#include "common/weights/weights.h"

enum model_part { MODEL_THINKER, MODEL_AUDIO, MODEL_TALKER, MODEL_CODEPRED, MODEL_CODE2WAV };

/* Reads the config and opens the weights of the model at dir; dies, with 78 if it is without that
 * part. */
void model_open(struct config *c, struct weights **w, const char *dir, enum model_part part);

/* The weights will be read as the run does it: kernels of the CPU want matrices in half precision
 * as they lie in the file, a GPU's loader reads files itself. */
void model_read_for(struct weights *w, const struct run *run);

#endif
