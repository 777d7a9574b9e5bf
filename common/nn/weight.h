/* weight: weights as tensors of a run. */
#ifndef NN_WEIGHT_H
#define NN_WEIGHT_H

#include "common/ops/run.h"
#include "common/weights/weights.h"

/* weights_get() for weights that ops read as they are stored; matrices may be quantised, those of
 * a GPU run are bf16 then. On a GPU *t is the device's copy. What is laid out anew at load comes
 * from weights_get(), and goes to the device by run_write(). */
int nn_weight(struct run *run, struct weights *w, struct tensor *t, struct err *e, const char *name,
              const size_t shape[4]);

/* The two steps of it: the numbers as they lie in host memory, and the type that they have in a
 * run. */
int nn_weight_stored(struct weights *w, struct tensor *t, struct err *e, const char *name,
                     const size_t shape[4]);
enum tensor_dtype nn_weight_dtype(const struct run *run, enum tensor_dtype stored);

/* dst, a tensor of a GPU run and of that type, gets what stored is: read from its file meanwhile,
 * see gpu_load(), or widened first. */
void nn_weight_move(struct run *run, struct weights *w, const struct tensor *dst,
                    const struct tensor *stored);

#endif
