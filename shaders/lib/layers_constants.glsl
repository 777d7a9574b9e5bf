/* layers_constants: what kernels that stay (layers.comp) have in common from the start: their headers,
 * threads, most constants, and arguments. */
#ifndef SHADERS_LAYERS_CONSTANTS
#define SHADERS_LAYERS_CONSTANTS

#define MEMORY coherent
#include "shaders/layers.h"
#include "shaders/lib/activate.glsl"
#include "shaders/lib/memory.glsl"

const uint THREADS = 256; /* twice as many would have half the registers each, which are too few */
layout(local_size_x = THREADS) in;
layout(constant_id = 1) const uint HIDDEN = 512;
layout(constant_id = 2) const uint HEADS = 4;
layout(constant_id = 3) const uint KV_HEADS = 1;
layout(constant_id = 4) const uint HEAD_DIM = 128;
layout(constant_id = 7) const uint INNER = 256;
layout(constant_id = 8) const uint NORM = 1;
layout(constant_id = 9) const bool KV_BF16 = true;
layout(constant_id = 10) const bool HEADS_NORM_BF16 = false;
layout(push_constant, scalar) uniform push {
    layers_args r;
};

const uint NORM_F32 = 1, NORM_BF16 = 2;

#endif
