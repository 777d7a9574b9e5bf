/* attention_lanes: attention of one new row to the few keys of kv head GROUP.y, by teams of LANES that
 * have a key at a time, all of its numbers and those of the head's QUERIES in registers. Sums go
 * from lane to lane; the workgroup GROUP meets once, at the end. Before it is included: the
 * arguments `a` and the constants as in attention_out_lanes.h. The new row goes to the cache by
 * workgroups with GROUP.x == 0. */
#ifndef SHADERS_ATTENTION_LANES_GLSL
#define SHADERS_ATTENTION_LANES_GLSL

#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require

#include "shaders/lib/eight.glsl"
#include "shaders/lib/math.glsl"

/* A lane has PART fours of a row: number lane + LANES i for each i. Rope turns a four with the one
 * HALF further on, which is the same lane's. */
const uint FOURS = HEAD_DIM / 4, PART = FOURS / LANES, HALF = PART / 2;
const uint KEY_TEAMS = THREADS / LANES, EACH = KEYS / KEY_TEAMS, SUBGROUPS = THREADS / SUBGROUP;
const uint SCORES = EACH * QUERIES; /* of a team */
const float LEAST = -1e30; /* below all scores */

shared vec4 part_sum[SUBGROUPS * QUERIES * FOURS]; /* [subgroup, query, four] */
shared float part_largest[SUBGROUPS * QUERIES], part_mass[SUBGROUPS * QUERIES];

vec4 query[QUERIES * PART], sum[QUERIES * PART]; /* scaled; of the values */
float largest[QUERIES], mass[QUERIES];           /* the largest score; sum of exp(score - it) */
vec4 new_key[PART], new_value[PART]; /* as the cache has them */
vec4 turn[PART], q_norm[PART], k_norm[PART]; /* cosines, then sines */
uvec4 key_raw[EACH * PART], value_raw[EACH * PART];

uint lane() {
    return gl_SubgroupInvocationID % LANES;
}

uint team() {
    return gl_SubgroupID * (SUBGROUP / LANES) + gl_SubgroupInvocationID / LANES;
}

/* Over the team. */
float team_sum(float x) {
    [[unroll]] for (uint i = 1; i < LANES; i *= 2)
        x += subgroupShuffleXor(x, i);
    return x;
}

uint64_t query_row(uint q) {
    return a.q + (GROUP.y * QUERIES + q) * HEAD_DIM * 4;
}

uint64_t key_row(uint64_t tensor, uint key) {
    uint64_t row = uint64_t(key) * a.kv_heads + GROUP.y;
    return tensor + row * HEAD_DIM * (KV_BF16 ? 2 : 4);
}

/* ---- keys and values ---- */

/* The team's keys are KEY_TEAMS apart. */
uint team_key(uint e) {
    return e * KEY_TEAMS + team();
}

uvec4 load_raw(uint64_t row, uint i) {
    return KV_BF16 ? uvec4(duos(row).at[i], 0, 0) : quads(row).at[i];
}

vec4 widen_raw(uvec4 raw) {
    return KV_BF16 ? vec4(widen2(raw.x), widen2(raw.y)) : uintBitsToFloat(raw);
}

/* Asks for all rows that there is room for. */
void load_cache() {
    [[unroll]] for (uint e = 0; e < EACH; e++)
        [[unroll]] for (uint i = 0; i < PART; i++) {
            uint key = min(team_key(e), CAPACITY - 1);
            key_raw[e * PART + i] = load_raw(key_row(a.k, key), lane() + LANES * i);
            value_raw[e * PART + i] = load_raw(key_row(a.v, key), lane() + LANES * i);
        }
}

/* ---- the new row ---- */

void load_row(out vec4 x[PART], uint64_t row) {
    [[unroll]] for (uint i = 0; i < PART; i++)
        x[i] = vectors(row).at[lane() + LANES * i];
}

void load_norm(out vec4 x[PART], uint64_t norm) {
    [[unroll]] for (uint i = 0; i < PART; i++)
        x[i] = vec4(1);
    if (norm != 0)
        [[unroll]] for (uint i = 0; i < PART; i++)
            x[i] = load_four(norm, lane() + LANES * i, NORM_BF16);
}

/* Asks for everything that does not depend on how many keys there are. */
void load_new() {
    uint64_t skip = uint64_t(GROUP.y) * HEAD_DIM * 4;
    [[unroll]] for (uint q = 0; q < QUERIES; q++)
        [[unroll]] for (uint i = 0; i < PART; i++)
            query[q * PART + i] = vectors(query_row(q)).at[lane() + LANES * i];
    load_row(new_key, a.new_k + skip);
    load_row(new_value, a.new_v + skip);
    load_row(turn, a.rope);
    load_norm(q_norm, a.q_norm);
    load_norm(k_norm, a.k_norm);
}

/* 1 / the root of the mean square, from the lane's own squares; 1 without a norm. */
float make_scale(float squares, uint64_t norm) {
    return norm == 0 ? 1 : 1 / sqrt(team_sum(squares) / HEAD_DIM + a.eps);
}

/* What rope makes of four i of a normed row, and of four i + HALF. */
vec4 turned(vec4 low, vec4 high, uint i, bool is_high) {
    return is_high ? high * turn[i] + low * turn[i + HALF] : low * turn[i] - high * turn[i + HALF];
}

void make_queries() {
    [[unroll]] for (uint q = 0; q < QUERIES; q++) {
        float squares = 0;
        [[unroll]] for (uint i = 0; i < PART; i++)
            squares = fma4(query[q * PART + i], query[q * PART + i], squares);
        float scale = make_scale(squares, a.q_norm) / sqrt(float(HEAD_DIM));
        [[unroll]] for (uint i = 0; i < HALF; i++) {
            uint at = q * PART + i;
            vec4 low = query[at] * q_norm[i] * scale;
            vec4 high = query[at + HALF] * q_norm[i + HALF] * scale;
            query[at] = turned(low, high, i, false);
            query[at + HALF] = turned(low, high, i, true);
        }
    }
}

vec4 as_cached(vec4 x) {
    return KV_BF16 ? vec4(widen2(narrow2(x.xy)), widen2(narrow2(x.zw))) : x;
}

void make_key() {
    float squares = 0;
    [[unroll]] for (uint i = 0; i < PART; i++)
        squares = fma4(new_key[i], new_key[i], squares);
    float scale = make_scale(squares, a.k_norm);
    [[unroll]] for (uint i = 0; i < HALF; i++) {
        vec4 low = new_key[i] * k_norm[i] * scale;
        vec4 high = new_key[i + HALF] * k_norm[i + HALF] * scale;
        new_key[i] = as_cached(turned(low, high, i, false));
        new_key[i + HALF] = as_cached(turned(low, high, i, true));
    }
    [[unroll]] for (uint i = 0; i < PART; i++)
        new_value[i] = as_cached(new_value[i]);
}

void store_four(uint64_t row, uint i, vec4 x) {
    if (KV_BF16)
        duos(row).at[i] = uvec2(narrow2(x.xy), narrow2(x.zw));
    else
        vectors(row).at[i] = x;
}

/* The new row goes to the cache. */
void store_new(uint key) {
    [[unroll]] for (uint i = 0; i < PART; i++) {
        store_four(key_row(a.k, key), lane() + LANES * i, new_key[i]);
        store_four(key_row(a.v, key), lane() + LANES * i, new_value[i]);
    }
}

/* ---- keys and values, of which there are `end` ---- */

void make_scores(out float score[SCORES], uint end) {
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        uint key = team_key(e);
        float part[QUERIES];
        [[unroll]] for (uint q = 0; q < QUERIES; q++)
            part[q] = 0;
        [[unroll]] for (uint i = 0; i < PART; i++) {
            vec4 x = key == end - 1 ? new_key[i] : widen_raw(key_raw[e * PART + i]);
            [[unroll]] for (uint q = 0; q < QUERIES; q++)
                part[q] = fma4(query[q * PART + i], x, part[q]);
        }
        [[unroll]] for (uint q = 0; q < QUERIES; q++) {
            float whole = team_sum(part[q]);
            score[e * QUERIES + q] = key < end ? whole : LEAST;
        }
    }
}

/* score becomes exp(score - largest), of keys that there are not 0. */
void soften(inout float score[SCORES], uint end) {
    [[unroll]] for (uint q = 0; q < QUERIES; q++) {
        largest[q] = LEAST;
        mass[q] = 0;
        [[unroll]] for (uint e = 0; e < EACH; e++)
            largest[q] = max(largest[q], score[e * QUERIES + q]);
        [[unroll]] for (uint e = 0; e < EACH; e++) {
            float y = expf(score[e * QUERIES + q] - largest[q]);
            y = team_key(e) < end ? y : 0;
            score[e * QUERIES + q] = y;
            mass[q] += y;
        }
    }
}

/* What was loaded of keys that there are not is not known to be numbers. */
void add_values(float share[SCORES], uint end) {
    [[unroll]] for (uint i = 0; i < QUERIES * PART; i++)
        sum[i] = vec4(0);
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        uint key = team_key(e);
        [[unroll]] for (uint i = 0; i < PART; i++) {
            vec4 x = key == end - 1 ? new_value[i] : widen_raw(value_raw[e * PART + i]);
            x = key < end ? x : vec4(0);
            [[unroll]] for (uint q = 0; q < QUERIES; q++)
                sum[q * PART + i] += share[e * QUERIES + q] * x;
        }
        if (key == end - 1 && GROUP.x == 0)
            store_new(key);
    }
}

/* ---- what all have found ---- */

/* Teams of a subgroup that are `far` lanes apart take each other's in. */
void join_teams(uint far) {
    [[unroll]] for (uint q = 0; q < QUERIES; q++) {
        float other = subgroupShuffleXor(largest[q], far), most = max(largest[q], other);
        float worth = expf(largest[q] - most);
        largest[q] = most;
        mass[q] *= worth;
        mass[q] += subgroupShuffleXor(mass[q], far);
        [[unroll]] for (uint i = 0; i < PART; i++) {
            vec4 x = sum[q * PART + i] * worth;
            sum[q * PART + i] = x + subgroupShuffleXor(x, far);
        }
    }
}

void meet() {
    uint first = gl_SubgroupID * QUERIES;
    [[unroll]] for (uint far = LANES; far < SUBGROUP; far *= 2)
        join_teams(far);
    if (gl_SubgroupInvocationID < LANES)
        [[unroll]] for (uint q = 0; q < QUERIES; q++) {
            [[unroll]] for (uint i = 0; i < PART; i++)
                part_sum[(first + q) * FOURS + lane() + LANES * i] = sum[q * PART + i];
            part_largest[first + q] = largest[q];
            part_mass[first + q] = mass[q];
        }
    barrier();
}

/* Four numbers of a query, and what belongs to them. */
struct finding {
    vec4 sum;
    float largest, mass;
};

/* Of the subgroups together. */
finding join_subgroups(uint q, uint four) {
    finding f = finding(vec4(0), LEAST, 0);
    [[unroll]] for (uint s = 0; s < SUBGROUPS; s++)
        f.largest = max(f.largest, part_largest[s * QUERIES + q]);
    [[unroll]] for (uint s = 0; s < SUBGROUPS; s++) {
        float worth = expf(part_largest[s * QUERIES + q] - f.largest);
        f.sum += worth * part_sum[(s * QUERIES + q) * FOURS + four];
        f.mass += worth * part_mass[s * QUERIES + q];
    }
    return f;
}

/* What can be asked for before it is known how many keys there are; then attend(). */
void attend_begin() {
    load_cache();
    load_new();
}

/* Leaves what there is for join_subgroups(). */
void attend(uint end) {
    float score[SCORES];
    make_queries();
    make_key();
    make_scores(score, end);
    soften(score, end);
    add_values(score, end);
    meet();
}

#endif
