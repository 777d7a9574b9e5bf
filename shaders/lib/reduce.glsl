/* reduce: sums over a workgroup, whatever its subgroups are. Needs `const uint THREADS` (a power of
 * two, the workgroup's size) before it is included. The order of additions is fixed, so results
 * repeat. */
#ifndef SHADERS_REDUCE
#define SHADERS_REDUCE

shared float reduce_part[THREADS];

/* The sum of x over the workgroup, in every thread. All threads must call it. */
float reduce_sum(float x) {
    uint i = gl_LocalInvocationIndex;
    barrier(); /* the last call's result has been read */
    reduce_part[i] = x;
    for (uint half_way = THREADS / 2; half_way > 0; half_way /= 2) {
        barrier();
        if (i < half_way)
            reduce_part[i] += reduce_part[i + half_way];
    }
    barrier();
    return reduce_part[0];
}

#endif
