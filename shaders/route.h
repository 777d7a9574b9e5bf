/* route: the k experts of the largest logits, ascending, and their softmax; a workgroup a row. */
#ifndef SHADERS_ROUTE_H
#define SHADERS_ROUTE_H

#include "shaders/lib/types.h"

#define ROUTE_EXPERTS 1024 /* at most */

struct route_args {
    uint64_t experts; /* i32 [rows, k] */
    uint64_t weights; /* f32 [rows, k] */
    uint64_t logits;  /* f32 [rows, n_experts] */
    uint32_t rows, n_experts, k;
    uint32_t normalise;
};

#endif
