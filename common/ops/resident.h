/* resident: which kernels can be steps of one that stays on the GPU (shaders/resident.comp), and
 * what that one is specialised to. Private to this room. */
#ifndef OPS_RESIDENT_H
#define OPS_RESIDENT_H

#include "common/ops/run.h"

struct stream_args;

/* Fills step, step_groups and, for a product, *s of k's dispatch, if it can be such a step: its
 * constants must fit to those of the steps before. */
void resident_step(struct run *run, const struct run_kernel *k, struct gpu_dispatch *d,
                   struct stream_args *s);
/* The kernel for all steps since run_record(). */
struct gpu_resident resident_kernel(const struct run *run);

#endif
