/* What the machine can do at most with these vectors, for `make bench`: the kernels' speeds stand
 * beside it. Included by isa.c after a vec_<isa>.h. */
#ifndef OPS_CPU_CEILING_H
#define OPS_CPU_CEILING_H

/* Enough independent chains for two pipes of latency 4 to 5, few enough for 16 registers. */
enum { CEILING_CHAINS = 12 };

/* n times CEILING_CHAINS vector multiply-adds, each 2 VEC floating-point operations. Returns the
 * number of those operations; *sink keeps the compiler from dropping them. */
static double ceiling_fma(size_t n, float *sink) {
    /* Numbers settle at 1000: if they ended near 0, as denormals, some CPUs would crawl. */
    vec a[CEILING_CHAINS], x = vec_set(0.999F), y = vec_set(*sink + 1);
    for (int c = 0; c < CEILING_CHAINS; c++)
        a[c] = vec_set((float)c);
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < CEILING_CHAINS; c++)
            a[c] = vec_fma(a[c], x, y);
    for (int c = 0; c < CEILING_CHAINS; c++)
        *sink += vec_sum(a[c]);
    return 2.0 * VEC * CEILING_CHAINS * (double)n;
}

/* Reads n floats, a multiple of 8 VEC, with nothing to do but an add for each vector. */
static void ceiling_read(const float *p, size_t n, float *sink) {
    vec sum[8];
    for (int c = 0; c < 8; c++)
        sum[c] = vec_set(0);
    for (size_t i = 0; i < n; i += 8 * VEC)
        for (int c = 0; c < 8; c++)
            sum[c] = vec_add(sum[c], vec_load(p + i + (size_t)c * VEC));
    for (int c = 0; c < 8; c++)
        *sink += vec_sum(sum[c]);
}

#endif
