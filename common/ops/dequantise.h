/* dequantise: quantised matrices as bf16, on a GPU. Private to this room.
 *
 * Matrices as large as a workgroup's tile are loaded by the device itself, which knows no quantised
 * types. So for many rows the weights are made bf16 first, in step memory: that is two bytes a
 * weight written and two read, which the faster kernels are worth from some number of rows on. With
 * fewer, kernels that take weights as they are do the product. */
#ifndef OPS_DEQUANTISE_H
#define OPS_DEQUANTISE_H

#include "common/ops/ops.h"

enum {
    DEQUANTISE_ROWS = 128, /* of x, of one product */
    DEQUANTISE_EACH = 64,  /* of an expert */
};

/* Weights that can be made bf16, or are. */
bool dequantise_can(const struct tensor *w);

/* dst, bf16 [matrices, outs * width], from matrices that lie `apart` bytes from one another, the
 * first of them w [outs, width]. Of experts: those of whose pairs `plan` (moe.h) has some, wanted
 * being the address of the first one's number; NULL, 0: all. */
void dequantise(struct run *run, const struct tensor *dst, const struct tensor *w, uint64_t apart,
                const struct tensor *plan, uint64_t wanted);

#endif
