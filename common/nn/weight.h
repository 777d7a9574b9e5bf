/* weight: weights as tensors of a run. */
#ifndef NN_WEIGHT_H
#define NN_WEIGHT_H

#include "common/ops/run.h"
#include "common/weights/weights.h"

/* weights_get() for weights that ops read as they are stored: on a GPU *t is the device's copy.
 * What is laid out anew at load comes from weights_get(), and goes to the device by run_write(). */
int nn_weight(struct run *run, struct weights *w, struct tensor *t, struct err *e, const char *name,
              const size_t shape[4]);

/* dst, a tensor of a GPU run, gets what stored is, as weights_get() gave it: read from its file
 * meanwhile, see gpu_load(). */
void nn_weight_move(struct run *run, struct weights *w, const struct tensor *dst,
                    const struct tensor *stored);

#endif
