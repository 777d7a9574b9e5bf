/* kv_write: cache[at[0] + t] = x[t]. */
#ifndef SHADERS_KV_WRITE_H
#define SHADERS_KV_WRITE_H

#include "shaders/lib/types.h"

/* Constants: 0: cache is bf16. */
struct kv_write_args {
    uint64_t cache; /* f32|bf16 [capacity, width] */
    uint64_t x;     /* f32 [n / width, width] */
    uint64_t at;    /* i32 [1] */
    uint32_t n, width, capacity;
};

#endif
