/* attention_lanes: attention of one new row to the few keys of kv head GROUP.y. LANES threads, a team,
 * share a key. What they find goes by way of shared memory, not from lane to lane: in a kernel whose
 * workgroups wait for each other compilers do not know which lanes are together, and then a shuffle is
 * a hundred instructions. Before it is included: the arguments `a` and the constants as in
 * attention_out_lanes.h. */
#ifndef SHADERS_ATTENTION_LANES_GLSL
#define SHADERS_ATTENTION_LANES_GLSL

#extension GL_EXT_control_flow_attributes : require

#include "shaders/lib/eight.glsl"
#include "shaders/lib/math.glsl"

/* A lane has PART fours of a row: number lane + LANES i for each i. Rope turns a four with the one
 * FOURS / 2 further on. */
const uint FOURS = HEAD_DIM / 4, PART = FOURS / LANES, HALF = FOURS / 2;
const uint KEY_TEAMS = THREADS / LANES, EACH = KEYS / KEY_TEAMS;
const uint NEW_KEY = QUERIES, NEW_VALUE = QUERIES + 1, NEW_ROWS = QUERIES + 2;
const float LEAST = -1e30; /* below all scores */

/* Four i of those rows that are new, in shared memory: the queries, the key, the value. */
vec4 row_four(uint row, uint i);
void put_row_four(uint row, uint i, vec4 x);
uint64_t cache_row(bool values, uint key); /* where the head's row of a cache is */
bool keeps_new();                          /* whether this workgroup stores the new row */

shared vec4 lane_squares[NEW_ROWS * LANES / 4];        /* [row, lane] */
shared vec4 score_part[KEYS * QUERIES * LANES / 4];    /* [key, query, lane] */
shared vec4 score[QUERIES * KEYS / 4], mass[QUERIES * KEYS / 4]; /* [query, key] */
shared uvec2 near_value[KEYS * FOURS * (KV_BF16 ? 1 : 2)]; /* [key, four], as the cache has them */

uvec4 key_raw[EACH * PART], value_raw[EACH * PART];

uint lane() {
    return gl_LocalInvocationIndex % LANES;
}

/* The team's keys are KEY_TEAMS apart. */
uint team_key(uint e) {
    return e * KEY_TEAMS + gl_LocalInvocationIndex / LANES;
}

uvec4 load_raw(uint64_t row, uint i) {
    return KV_BF16 ? uvec4(duos(row).at[i], 0, 0) : quads(row).at[i];
}

vec4 widen_raw(uvec4 raw) {
    return KV_BF16 ? vec4(widen2(raw.x), widen2(raw.y)) : uintBitsToFloat(raw);
}

uvec4 as_raw(vec4 x) {
    return KV_BF16 ? uvec4(narrow2(x.xy), narrow2(x.zw), 0, 0) : floatBitsToUint(x);
}

void store_raw(uint64_t row, uint i, uvec4 raw) {
    if (KV_BF16)
        duos(row).at[i] = raw.xy;
    else
        vectors(row).at[i] = uintBitsToFloat(raw);
}

/* Asks for all rows of the caches that there is room for. */
void load_cache() {
    [[unroll]] for (uint e = 0; e < EACH; e++)
        [[unroll]] for (uint i = 0; i < PART; i++) {
            uint key = min(team_key(e), CAPACITY - 1);
            key_raw[e * PART + i] = load_raw(cache_row(false, key), lane() + LANES * i);
            value_raw[e * PART + i] = load_raw(cache_row(true, key), lane() + LANES * i);
        }
}

/* ---- the new rows: norm, rope ---- */

/* Pairs of fours i, i + HALF of each row are the threads' in turn. */
const uint TURNS_ALL = NEW_ROWS * HALF, TURNS = (TURNS_ALL + THREADS - 1) / THREADS;
vec4 turn_rope[2 * TURNS], turn_norm[2 * TURNS]; /* cosine and sine; weights of the norm */

uint64_t norm_of(uint row) {
    return row < NEW_KEY ? a.q_norm : a.k_norm;
}

/* Asks for what the new rows are made with. */
void load_turns() {
    [[unroll]] for (uint n = 0; n < TURNS; n++) {
        uint at = min(n * THREADS + gl_LocalInvocationIndex, TURNS_ALL - 1), i = at % HALF;
        uint64_t norm = norm_of(at / HALF);
        turn_rope[2 * n] = vectors(a.rope).at[i];
        turn_rope[2 * n + 1] = vectors(a.rope).at[i + HALF];
        turn_norm[2 * n] = turn_norm[2 * n + 1] = vec4(1);
        if (norm != 0) {
            turn_norm[2 * n] = load_four(norm, i, NORM_BF16);
            turn_norm[2 * n + 1] = load_four(norm, i + HALF, NORM_BF16);
        }
    }
}

void make_squares() {
    [[dont_unroll]] for (uint n = gl_LocalInvocationIndex; n < NEW_VALUE * LANES; n += THREADS) {
        float sum = 0;
        [[unroll]] for (uint i = 0; i < PART; i++) {
            vec4 x = row_four(n / LANES, n % LANES + LANES * i);
            sum = fma4(x, x, sum);
        }
        lane_squares[n / 4][n % 4] = sum;
    }
}

float squares_of(uint row) {
    vec4 s = vec4(0);
    [[unroll]] for (uint n = 0; n < LANES / 4; n++)
        s += lane_squares[row * (LANES / 4) + n];
    return (s.x + s.y) + (s.z + s.w);
}

/* 1 / the root of the mean square; 1 without a norm. */
float row_scale(uint row) {
    return norm_of(row) == 0 ? 1 : 1 / sqrt(squares_of(row) / HEAD_DIM + a.eps);
}

/* Four i of the new key or value as the cache has it; it goes there, as that of key number `key`. */
vec4 cached_four(uint row, uint i, vec4 x, uint key) {
    uvec4 raw = as_raw(x);
    if (keeps_new())
        store_raw(cache_row(row == NEW_VALUE, key), i, raw);
    return widen_raw(raw);
}

/* Fours i and i + HALF of row `row` become what attention wants, or what the cache has. */
void turn_pair(uint n, uint row, uint i, uint key) {
    vec4 low = row_four(row, i), high = row_four(row, i + HALF);
    if (row < NEW_VALUE) {
        float scale = row_scale(row) / (row < NEW_KEY ? sqrt(float(HEAD_DIM)) : 1);
        vec4 x = low * turn_norm[2 * n] * scale, y = high * turn_norm[2 * n + 1] * scale;
        low = x * turn_rope[2 * n] - y * turn_rope[2 * n + 1];
        high = y * turn_rope[2 * n] + x * turn_rope[2 * n + 1];
    }
    if (row >= NEW_KEY) {
        low = cached_four(row, i, low, key);
        high = cached_four(row, i + HALF, high, key);
    }
    put_row_four(row, i, low);
    put_row_four(row, i + HALF, high);
}

void turn_rows(uint end) {
    [[unroll]] for (uint n = 0; n < TURNS; n++) {
        uint at = n * THREADS + gl_LocalInvocationIndex;
        if (at < TURNS_ALL)
            turn_pair(n, at / HALF, at % HALF, end - 1);
    }
}

/* ---- keys and values, of which there are `end` ---- */

void put_value(uint at, uvec4 raw) {
    if (KV_BF16) {
        near_value[at] = raw.xy;
    } else {
        near_value[2 * at] = raw.xy;
        near_value[2 * at + 1] = raw.zw;
    }
}

vec4 value_four(uint at) {
    return KV_BF16 ? widen_raw(uvec4(near_value[at], 0, 0))
                   : widen_raw(uvec4(near_value[2 * at], near_value[2 * at + 1]));
}

/* A lane's share of its keys' scores; and its values are brought near. What was loaded of keys that there
 * are not is not known to be numbers. */
void look_at_keys(uint end) {
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        uint key = team_key(e);
        float part[QUERIES];
        [[unroll]] for (uint q = 0; q < QUERIES; q++)
            part[q] = 0;
        [[unroll]] for (uint i = 0; i < PART; i++) {
            uint four = lane() + LANES * i;
            vec4 x = widen_raw(key_raw[e * PART + i]);
            uvec4 value = value_raw[e * PART + i];
            if (key == end - 1) {
                x = row_four(NEW_KEY, four);
                value = as_raw(row_four(NEW_VALUE, four));
            }
            [[unroll]] for (uint q = 0; q < QUERIES; q++)
                part[q] = fma4(row_four(q, four), x, part[q]);
            put_value(key * FOURS + four, key < end ? value : uvec4(0));
        }
        [[unroll]] for (uint q = 0; q < QUERIES; q++) {
            uint at = (key * QUERIES + q) * LANES + lane();
            score_part[at / 4][at % 4] = part[q];
        }
    }
}

float score_of(uint q, uint key) {
    vec4 s = vec4(0);
    [[unroll]] for (uint n = 0; n < LANES / 4; n++)
        s += score_part[(key * QUERIES + q) * (LANES / 4) + n];
    return (s.x + s.y) + (s.z + s.w);
}

void add_scores(uint end) {
    [[dont_unroll]] for (uint n = gl_LocalInvocationIndex; n < QUERIES * KEYS; n += THREADS)
        score[n / 4][n % 4] = n % KEYS < end ? score_of(n / KEYS, n % KEYS) : LEAST;
}

/* mass = exp(score - the query's largest), of keys that there are not 0. */
void soften(uint end) {
    [[dont_unroll]] for (uint n = gl_LocalInvocationIndex; n < QUERIES * KEYS; n += THREADS) {
        vec4 largest = vec4(LEAST);
        [[unroll]] for (uint i = 0; i < KEYS / 4; i++)
            largest = max(largest, score[n / KEYS * (KEYS / 4) + i]);
        float most = max(max(largest.x, largest.y), max(largest.z, largest.w));
        mass[n / 4][n % 4] = n % KEYS < end ? expf(score[n / 4][n % 4] - most) : 0;
    }
}

/* Four numbers of a query's attention. */
vec4 attended_four(uint q, uint four) {
    vec4 sum = vec4(0);
    float all = 0;
    [[dont_unroll]] for (uint i = 0; i < KEYS; i += 4) {
        vec4 m = mass[(q * KEYS + i) / 4];
        [[unroll]] for (uint c = 0; c < 4; c++) {
            sum += m[c] * value_four((i + c) * FOURS + four);
            all += m[c];
        }
    }
    return sum / all;
}

/* Leaves what there is for attended_four(), after a barrier; the new rows are there. */
void attend(uint end) {
    make_squares();
    barrier();
    turn_rows(end);
    barrier();
    look_at_keys(end);
    barrier();
    add_scores(end);
    barrier();
    soften(end);
}

#endif
