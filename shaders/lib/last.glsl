/* last: which of several workgroups that share a result is the last to hand in its part. */
#ifndef SHADERS_LAST
#define SHADERS_LAST

#include "shaders/lib/memory.glsl"

shared bool last_found;

/* True if this workgroup is the last of n that call this with the same count, u32 [1]: zero, and
 * zero again for the next ones. It then finds what all have written before, through coherent
 * references. All threads must call it. */
bool is_last(uint64_t count, uint n) {
    memoryBarrierBuffer();
    barrier();
    if (gl_LocalInvocationIndex == 0) {
        last_found = atomicAdd(uints(count).at[0], 1) == n - 1;
        if (last_found)
            uints(count).at[0] = 0;
    }
    barrier();
    memoryBarrierBuffer();
    return last_found;
}

#endif
