/* fresh: one row of projections on its way to attention, for attention_split.comp. */
#ifndef SHADERS_FRESH
#define SHADERS_FRESH

/* A head in the registers of KEYS threads: pair i of a thread is numbers (p, p + PAIRS) with
 * p = thread % KEYS + KEYS i. */
const uint OWN_PAIRS = (PAIRS + KEYS - 1) / KEYS, MOST_PAIRS = 4;
struct fresh_head {
    vec2 y[MOST_PAIRS], norm[MOST_PAIRS];
    float squares; /* of this thread's numbers */
};

/* All that is known of the row before its place is. */
struct fresh_row {
    fresh_head q, k;
    vec2 turn[MOST_PAIRS]; /* cosine and sine */
    float value;
};

shared vec4 fresh_squares[FRESH ? 2 * THREADS / 4 : 1]; /* of q's threads, of k's */

fresh_head fresh_load_head(uint64_t x, uint64_t norm) {
    fresh_head h;
    h.squares = 0;
    [[unroll]] for (uint i = 0; i < OWN_PAIRS; i++) {
        uint p = gl_LocalInvocationIndex % KEYS + KEYS * i;
        if (p >= PAIRS)
            continue;
        h.y[i] = vec2(floats(x).at[p], floats(x).at[p + PAIRS]);
        h.norm[i] = vec2(1);
        if (norm != 0)
            h.norm[i] = vec2(weight(norm, p, NORM_BF16), weight(norm, p + PAIRS, NORM_BF16));
        h.squares += dot(h.y[i], h.y[i]);
    }
    return h;
}

bool fresh_exists() {
    uint number = gl_LocalInvocationIndex / KEYS;
    return number < QUERIES && first_query() + number < causal_sharing();
}

fresh_row fresh_load() {
    fresh_row r;
    uint thread = gl_LocalInvocationIndex;
    uint64_t kv = uint64_t(gl_WorkGroupID.y) * HEAD_DIM * 4;
    r.q = fresh_load_head(a.q + causal_row(fresh_exists() ? first_query() + thread / KEYS : 0),
                          a.q_norm);
    r.k = fresh_load_head(a.new_k + kv, a.k_norm);
    [[unroll]] for (uint i = 0; i < OWN_PAIRS; i++) {
        uint p = min(thread % KEYS + KEYS * i, PAIRS - 1);
        r.turn[i] = vec2(floats(a.rope).at[p], floats(a.rope).at[p + PAIRS]);
    }
    r.value = thread < HEAD_DIM ? floats(a.new_v + kv).at[thread] : 0;
    return r;
}

/* Norm and rope; the sums of squares are in fresh_squares from `sums` on. */
void fresh_turn(inout fresh_head h, vec2 turn[MOST_PAIRS], uint64_t norm, uint sums) {
    uint first = (sums + gl_LocalInvocationIndex / KEYS * KEYS) / 4;
    vec4 squares = vec4(0);
    [[unroll]] for (uint i = 0; i < KEYS / 4; i++)
        squares += fresh_squares[first + i];
    float sum = squares.x + squares.y + (squares.z + squares.w);
    float scale = norm != 0 ? 1 / sqrt(sum / HEAD_DIM + a.eps) : 1;
    [[unroll]] for (uint i = 0; i < OWN_PAIRS; i++) {
        vec2 y = h.y[i] * (scale * h.norm[i]), t = turn[i];
        h.y[i] = vec2(y.x * t.x - y.y * t.y, y.y * t.x + y.x * t.y);
    }
}

/* x as the cache holds it, which is given to number d of the row at `to`. */
float fresh_store(uint64_t to, uint d, float x, bool stores) {
    if (KV_BF16) {
        uint half_bits = narrow(x);
        if (stores)
            halves(to).at[d] = uint16_t(half_bits);
        return widen(half_bits);
    }
    if (stores)
        floats(to).at[d] = x;
    return x;
}

/* The new key and value of this kv head, for the cache and for this workgroup. */
void fresh_keep(fresh_row r) {
    uint thread = gl_LocalInvocationIndex, key = uint(ints(a.at).at[0]);
    uint64_t k_row = address(a.k, key), v_row = address(a.v, key);
    bool stores = gl_WorkGroupID.x == 0;
    if (thread < KEYS)
        [[unroll]] for (uint i = 0; i < OWN_PAIRS; i++) {
            uint p = thread + KEYS * i, q = p + PAIRS;
            if (p >= PAIRS)
                continue;
            fresh_key[p / 4][p % 4] = fresh_store(k_row, p, r.k.y[i].x, stores);
            fresh_key[q / 4][q % 4] = fresh_store(k_row, q, r.k.y[i].y, stores);
        }
    for (uint d = thread; d < HEAD_DIM; d += THREADS) {
        float value = d < THREADS ? r.value :
                      floats(a.new_v + uint64_t(gl_WorkGroupID.y) * HEAD_DIM * 4).at[d];
        fresh_value[d / 2][d % 2] = fresh_store(v_row, d, value, stores);
    }
}

/* All of the row that this workgroup needs; only those that see the new key keep it. */
void make_fresh(fresh_row r, bool keeps_key) {
    uint thread = gl_LocalInvocationIndex, number = thread / KEYS, k_sums = THREADS + thread;
    fresh_squares[thread / 4][thread % 4] = r.q.squares;
    fresh_squares[k_sums / 4][k_sums % 4] = r.k.squares;
    for (uint i = thread; i < QUERIES * PARTS * PART; i += THREADS)
        query[i] = vec4(0);
    if (thread < PARTS * PART)
        fresh_key[thread] = vec4(0);
    barrier();
    fresh_turn(r.q, r.turn, a.q_norm, 0);
    [[unroll]] for (uint i = 0; i < OWN_PAIRS; i++)
        if (fresh_exists() && thread % KEYS + KEYS * i < PAIRS)
            put_query(number, thread % KEYS + KEYS * i, r.q.y[i] / sqrt(float(HEAD_DIM)));
    if (keeps_key) {
        fresh_turn(r.k, r.turn, a.k_norm, THREADS);
        fresh_keep(r);
    }
}

#endif
