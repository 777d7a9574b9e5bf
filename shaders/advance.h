/* advance: at[0] += n. */
#ifndef SHADERS_ADVANCE_H
#define SHADERS_ADVANCE_H

#include "shaders/lib/types.h"

struct advance_args {
    uint64_t at; /* i32 [1] */
    int32_t n;
};

#endif
