/* fresh: one row of projections on its way to attention, for attention_split.comp. */
#ifndef SHADERS_FRESH
#define SHADERS_FRESH

/* The thread's pairs of numbers of a head at `x`, normed and turned. KEYS threads share a head; all
 * threads of the workgroup call it. Pair i is numbers (p, p + PAIRS), p = thread % KEYS + KEYS i. */
void fresh_head(out vec2 y[2], uint64_t x, uint64_t norm) {
    uint thread = gl_LocalInvocationIndex, lane = thread % KEYS;
    float squares = 0;
    for (uint i = 0, p = lane; p < PAIRS; i++, p += KEYS) {
        y[i] = vec2(floats(x).at[p], floats(x).at[p + PAIRS]);
        squares += dot(y[i], y[i]);
    }
    barrier();
    part_score[thread] = squares;
    barrier();
    squares = 0;
    for (uint i = 0; i < KEYS; i++)
        squares += part_score[thread - lane + i];
    float scale = 1 / sqrt(squares / HEAD_DIM + a.eps);
    for (uint i = 0, p = lane; p < PAIRS; i++, p += KEYS) {
        float cosine = floats(a.rope).at[p], sine = floats(a.rope).at[p + PAIRS];
        if (norm != 0)
            y[i] *= scale * vec2(weight(norm, p, NORM_BF16), weight(norm, p + PAIRS, NORM_BF16));
        y[i] = vec2(y[i].x * cosine - y[i].y * sine, y[i].y * cosine + y[i].x * sine);
    }
}

/* x as the cache holds it, which is given to number d of the row at `to`. */
float fresh_store(uint64_t to, uint d, float x) {
    if (KV_BF16) {
        uint half_bits = narrow(x);
        halves(to).at[d] = uint16_t(half_bits);
        return widen(half_bits);
    }
    floats(to).at[d] = x;
    return x;
}

void put_key(uint64_t to, uint d, float x) {
    fresh_key[d / 4][d % 4] = fresh_store(to, d, x);
}

/* The new key and value of this kv head, for the cache and for this workgroup. */
void make_key(uint64_t k, uint64_t v) {
    uint thread = gl_LocalInvocationIndex;
    uint64_t from = uint64_t(gl_WorkGroupID.y) * HEAD_DIM * 4;
    vec2 y[2];
    fresh_head(y, a.new_k + from, a.k_norm);
    if (thread < 4 * PARTS * PART && thread >= HEAD_DIM)
        fresh_key[thread / 4][thread % 4] = 0;
    for (uint i = 0, p = thread; thread < KEYS && p < PAIRS; i++, p += KEYS) {
        put_key(k, p, y[i].x);
        put_key(k, p + PAIRS, y[i].y);
    }
    if (thread < HEAD_DIM)
        fresh_value[thread / 2][thread % 2] = fresh_store(v, thread, floats(a.new_v + from).at[thread]);
}

/* All of the row that this workgroup needs; `last` is the one that sees the new key. */
void make_fresh(bool last) {
    uint thread = gl_LocalInvocationIndex, number = thread / KEYS;
    bool exists = number < causal_sharing();
    float scale = exists ? 1 / sqrt(float(HEAD_DIM)) : 0;
    uint key = uint(ints(a.at).at[0]);
    vec2 y[2];
    for (uint i = thread; i < QUERIES * PARTS * PART; i += THREADS)
        query[i] = vec4(0);
    fresh_head(y, a.q + causal_row(exists ? number : 0), a.q_norm);
    for (uint i = 0, p = thread % KEYS; p < PAIRS; i++, p += KEYS)
        put_query(number, p, y[i] * scale);
    if (last)
        make_key(address(a.k, key), address(a.v, key));
}

#endif
