/* fresh: one row of projections on its way to attention, for attention_split.comp. */
#ifndef SHADERS_FRESH
#define SHADERS_FRESH

/* A head in the registers of KEYS threads: pair i of a thread is numbers (p, p + PAIRS) with
 * p = thread % KEYS + KEYS i. */
struct fresh_head {
    vec2 y[2];
    float squares; /* of this thread's numbers */
};

fresh_head fresh_load(uint64_t x) {
    fresh_head h;
    h.squares = 0;
    for (uint i = 0, p = gl_LocalInvocationIndex % KEYS; p < PAIRS; i++, p += KEYS) {
        h.y[i] = vec2(floats(x).at[p], floats(x).at[p + PAIRS]);
        h.squares += dot(h.y[i], h.y[i]);
    }
    return h;
}

/* Norm and rope; the sums of squares are in part_score from `sums` on. */
void fresh_turn(inout fresh_head h, uint64_t norm, uint sums) {
    uint thread = gl_LocalInvocationIndex, lane = thread % KEYS;
    float squares = 0;
    for (uint i = 0; i < KEYS; i++)
        squares += part_score[sums + thread - lane + i];
    float scale = 1 / sqrt(squares / HEAD_DIM + a.eps);
    for (uint i = 0, p = lane; p < PAIRS; i++, p += KEYS) {
        float cosine = floats(a.rope).at[p], sine = floats(a.rope).at[p + PAIRS];
        if (norm != 0)
            h.y[i] *= scale * vec2(weight(norm, p, NORM_BF16), weight(norm, p + PAIRS, NORM_BF16));
        h.y[i] = vec2(h.y[i].x * cosine - h.y[i].y * sine, h.y[i].y * cosine + h.y[i].x * sine);
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

/* The new key and value of this kv head, for the cache and for this workgroup. */
void fresh_keep(fresh_head k, float value) {
    uint thread = gl_LocalInvocationIndex, key = uint(ints(a.at).at[0]);
    uint64_t k_row = address(a.k, key), v_row = address(a.v, key);
    for (uint i = 0, p = thread; thread < KEYS && p < PAIRS; i++, p += KEYS) {
        fresh_key[p / 4][p % 4] = fresh_store(k_row, p, k.y[i].x);
        fresh_key[(p + PAIRS) / 4][(p + PAIRS) % 4] = fresh_store(k_row, p + PAIRS, k.y[i].y);
    }
    if (thread < HEAD_DIM)
        fresh_value[thread / 2][thread % 2] = fresh_store(v_row, thread, value);
}

/* All of the row that this workgroup needs; only the one that sees the new key keeps it. */
void make_fresh(bool keeps_key) {
    uint thread = gl_LocalInvocationIndex, number = thread / KEYS;
    bool exists = number < causal_sharing();
    float scale = exists ? 1 / sqrt(float(HEAD_DIM)) : 0;
    uint64_t kv = uint64_t(gl_WorkGroupID.y) * HEAD_DIM * 4;
    fresh_head q = fresh_load(a.q + causal_row(exists ? number : 0)), k = fresh_load(a.new_k + kv);
    float value = thread < HEAD_DIM ? floats(a.new_v + kv).at[thread] : 0;
    part_score[thread] = q.squares;
    part_score[THREADS + thread] = k.squares;
    for (uint i = thread; i < QUERIES * PARTS * PART; i += THREADS)
        query[i] = vec4(0);
    if (thread < PARTS * PART)
        fresh_key[thread] = vec4(0);
    barrier();
    fresh_turn(q, a.q_norm, 0);
    for (uint i = 0, p = thread % KEYS; p < PAIRS; i++, p += KEYS)
        put_query(number, p, q.y[i] * scale);
    if (keeps_key) {
        fresh_turn(k, a.k_norm, THREADS);
        fresh_keep(k, value);
    }
}

#endif
