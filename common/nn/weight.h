/* weight: weights as tensors of a run. */
#ifndef NN_WEIGHT_H
#define NN_WEIGHT_H

#include "common/ops/run.h"
#include "common/weights/weights.h"

/* weights_get() for weights that ops read as they are stored; matrices may be quantised. On a GPU
 * *t is the device's copy. What is laid out anew at load comes from weights_get(), and goes to the
 * device by run_write(). */
int nn_weight(struct run *run, struct weights *w, struct tensor *t, struct err *e, const char *name,
              const size_t shape[4]);

/* The same in n tensors of as many rows each. On a GPU a quantised matrix is one: its rows are
 * nothing that tensor_rows() could give, see shaders/quant.h. */
int nn_weight_parts(struct run *run, struct weights *w, struct tensor *parts, size_t n,
                    struct err *e, const char *name, const size_t shape[4]);

/* The two steps of it: the numbers as they lie in host memory, ... */
int nn_weight_stored(struct weights *w, struct tensor *t, struct err *e, const char *name,
                     const size_t shape[4]);

/* ... and dst, a tensor of a GPU run, gets them: read from their file meanwhile, see gpu_load(), or
 * from memory; as bf16, if it is that and they are not. */
void nn_weight_move(struct run *run, struct weights *w, const struct tensor *dst,
                    const struct tensor *stored);

#endif
