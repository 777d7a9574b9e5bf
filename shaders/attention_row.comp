#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "shaders/attention_row.h"
#include "shaders/lib/eight.glsl"
#include "shaders/lib/last.glsl"
#include "shaders/lib/math.glsl"

layout(local_size_x_id = 7) in;
layout(constant_id = 0) const uint HEAD_DIM = 128;
layout(constant_id = 1) const bool KV_BF16 = false;
layout(constant_id = 3) const bool NORM_BF16 = false;
layout(constant_id = 5) const uint KEYS = 64;
layout(constant_id = 7) const uint THREADS = 256;
layout(push_constant, scalar) uniform push {
    attention_split_args a;
};

const uint QUERIES = ATTENTION_ROW_QUERIES;
/* A team of LANES threads has a key at a time, each of them eight of its numbers. */
const uint LANES = HEAD_DIM / 8, TEAMS = THREADS / LANES, EACH = KEYS / TEAMS;
const uint FOURS = HEAD_DIM / 4, HALF = LANES; /* rope turns a four with the one HALF further on */
const uint PART = LANES / 4 + 1; /* vec4 of a row of partial sums; one more spreads the banks */
const uint OUTS = QUERIES * FOURS, FOUND = QUERIES * (HEAD_DIM + 2);
const uint SPLITS = ATTENTION_SPLIT_MAX;
const float LEAST = -1e30; /* below all scores */

layout(buffer_reference, scalar, buffer_reference_align = 4) coherent buffer findings {
    float at[];
};
layout(buffer_reference, scalar, buffer_reference_align = 16) coherent buffer four_findings {
    vec4 at[];
};

/* [query, half of an eight, eight], scaled; the new key and value, as the cache has them */
shared vec4 query[QUERIES * FOURS];
shared vec4 fresh[2 * FOURS];
shared vec4 squares[(QUERIES + 1) * LANES / 4];
/* Partial sums of scores [key, query, PART], at most 640; later of values [team, query, four], of so
 * many teams at a time; later what splits are worth, [query, split]. */
const uint POOL = 1024, AT_A_TIME = POOL / OUTS;
shared vec4 pool[POOL];
const uint MOST = KEYS > SPLITS ? KEYS : SPLITS;
shared vec4 score[MOST * QUERIES / 4]; /* [query, key] */
shared vec4 share[MOST];               /* [key]: exp(score - largest) of its queries */
shared vec4 worth, largest;            /* of the sums so far; the queries' largest scores */
shared vec4 mass[TEAMS];

uint thread() {
    return gl_LocalInvocationIndex;
}

uint lane() {
    return thread() % LANES;
}

uint team() {
    return thread() / LANES;
}

uint sharing() {
    return a.heads / a.kv_heads;
}

/* Query number q of this workgroup, of those beyond the last, the last. */
uint64_t query_row(uint64_t rows, uint q) {
    uint head = min(gl_WorkGroupID.x * QUERIES + q, sharing() - 1);
    return rows + (gl_WorkGroupID.y * sharing() + head) * HEAD_DIM * 4;
}

uint64_t key_row(uint64_t tensor, uint key) {
    uint64_t row = uint64_t(key) * a.kv_heads + gl_WorkGroupID.y;
    return tensor + row * HEAD_DIM * (KV_BF16 ? 2 : 4);
}

/* ---- keys and values ---- */

raw_eight key_raw[EACH], value_raw[EACH];

uint key_at(uint base, uint e) {
    return base + e * TEAMS + team();
}

/* The tile's at `base`; keys up to `last` may be looked at. */
void load(out raw_eight raw[EACH], uint64_t tensor, uint base, uint last) {
    [[unroll]] for (uint e = 0; e < EACH; e++)
        raw[e] = load_eight(key_row(tensor, min(key_at(base, e), last)), lane(), KV_BF16);
}

/* ---- the new row ---- */

/* Row `team` of the queries, the key and the value: fours `lane` and HALF further on. */
struct new_row {
    vec4 low, high, low_norm, high_norm, cosines, sines;
};

bool has_row() {
    return team() < QUERIES + 2;
}

new_row load_new() {
    new_row r;
    bool is_query = team() < QUERIES, is_key = team() == QUERIES;
    uint64_t skip = uint64_t(gl_WorkGroupID.y) * HEAD_DIM * 4;
    uint64_t row = is_query ? query_row(a.q, team()) : (is_key ? a.new_k : a.new_v) + skip;
    uint64_t norm = is_query ? a.q_norm : a.k_norm;
    r.low = vectors(row).at[lane()];
    r.high = vectors(row).at[lane() + HALF];
    r.low_norm = r.high_norm = vec4(1);
    if (norm != 0) {
        r.low_norm = load_four(norm, lane(), NORM_BF16);
        r.high_norm = load_four(norm, lane() + HALF, NORM_BF16);
    }
    r.cosines = vectors(a.rope).at[lane()];
    r.sines = vectors(a.rope).at[lane() + HALF];
    return r;
}

/* Of the team's row; the value has none. */
float row_scale() {
    vec4 sum = vec4(0);
    [[unroll]] for (uint i = 0; i < LANES / 4; i++)
        sum += squares[min(team(), QUERIES) * (LANES / 4) + i];
    float mean = (sum.x + sum.y + (sum.z + sum.w)) / HEAD_DIM;
    return a.q_norm == 0 ? 1 : 1 / sqrt(mean + a.eps);
}

vec4 as_cached(vec4 x) {
    return KV_BF16 ? vec4(widen2(narrow2(x.xy)), widen2(narrow2(x.zw))) : x;
}

/* Where four i of a row is: a lane's two fours are apart, neighbours' together. */
uint place(uint i) {
    return i % 2 * HALF + i / 2;
}

/* Norm and rope; to shared memory. */
void make_new(new_row r) {
    if (team() <= QUERIES) {
        uint i = team() * LANES + lane();
        squares[i / 4][i % 4] = fma4(r.low, r.low, dot(r.high, r.high));
    }
    barrier();
    if (has_row()) {
        bool is_value = team() == QUERIES + 1;
        float scale = row_scale();
        vec4 x = r.low * (scale * r.low_norm), y = r.high * (scale * r.high_norm);
        vec4 low = is_value ? r.low : x * r.cosines - y * r.sines;
        vec4 high = is_value ? r.high : y * r.cosines + x * r.sines;
        if (team() < QUERIES) {
            float scaled = 1 / sqrt(float(HEAD_DIM));
            query[team() * FOURS + place(lane())] = low * scaled;
            query[team() * FOURS + place(lane() + HALF)] = high * scaled;
        } else {
            uint first = (team() - QUERIES) * FOURS;
            fresh[first + place(lane())] = as_cached(low);
            fresh[first + place(lane() + HALF)] = as_cached(high);
        }
    }
    barrier();
}

eight fresh_eight(uint row) {
    return eight(fresh[row * FOURS + lane()], fresh[row * FOURS + HALF + lane()]);
}

/* The new key and value go to the cache, as row number `key`. */
void store_new(uint key) {
    bool is_value = team() != 0;
    uint64_t to = key_row(is_value ? a.v : a.k, key);
    eight x = fresh_eight(uint(is_value));
    if (team() > 1)
        return;
    if (KV_BF16) {
        quads(to).at[lane()] = narrow_eight(x);
    } else {
        vectors(to).at[2 * lane()] = x.a;
        vectors(to).at[2 * lane() + 1] = x.b;
    }
}

/* ---- a tile ---- */

/* Each lane's part of the scores of its team's keys. */
void part_scores(uint base, uint end) {
    eight q[QUERIES];
    [[unroll]] for (uint i = 0; i < QUERIES; i++)
        q[i] = eight(query[i * FOURS + lane()], query[i * FOURS + HALF + lane()]);
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        eight x = widen_eight(key_raw[e], KV_BF16);
        if (key_at(base, e) == end - 1)
            x = fresh_eight(0);
        uint row = (e * TEAMS + team()) * QUERIES;
        [[unroll]] for (uint i = 0; i < QUERIES; i++)
            pool[(row + i) * PART + lane() / 4][lane() % 4] = fma8(q[i], x, 0);
    }
}

/* A thread has one key and one query, if there are so many. */
void soften(uint base, uint end) {
    uint key = thread() / QUERIES, q = thread() % QUERIES, at = q * KEYS + key;
    bool sees = key < KEYS && base + key < end;
    float s = LEAST, before = largest[q];
    if (key < KEYS) {
        vec4 part = vec4(0);
        [[unroll]] for (uint i = 0; i < LANES / 4; i++)
            part += pool[thread() * PART + i];
        s = sees ? part.x + part.y + (part.z + part.w) : LEAST;
        score[at / 4][at % 4] = s;
    }
    barrier();
    if (key < KEYS) {
        vec4 most = vec4(before);
        [[unroll]] for (uint i = 0; i < KEYS / 4; i++)
            most = max(most, score[q * (KEYS / 4) + i]);
        float now = max(max(most.x, most.y), max(most.z, most.w));
        share[key][q] = sees ? expf(s - now) : 0;
        if (key == 0) {
            worth[q] = expf(before - now);
            largest[q] = now;
        }
    }
    barrier();
}

eight sum[QUERIES];
vec4 own_mass; /* of the team's keys */

/* What was loaded of keys that there are not is not known to be numbers. */
void add_values(uint base, uint end) {
    vec4 w = worth;
    own_mass *= w;
    [[unroll]] for (uint i = 0; i < QUERIES; i++)
        sum[i] = eight(sum[i].a * w[i], sum[i].b * w[i]);
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        uint key = key_at(base, e);
        eight x = widen_eight(value_raw[e], KV_BF16);
        if (key >= end - 1)
            x = key == end - 1 ? fresh_eight(1) : eight(vec4(0), vec4(0));
        vec4 p = share[e * TEAMS + team()];
        own_mass += p;
        [[unroll]] for (uint i = 0; i < QUERIES; i++) {
            sum[i].a += p[i] * x.a;
            sum[i].b += p[i] * x.b;
        }
    }
}

/* Every `step`-th tile from key `first` to end - 1; the first is loaded. */
void attend(uint first, uint end, uint step) {
    [[dont_unroll]] for (uint base = first; base < end; base += step) {
        uint next = min(base + step, end - 1);
        part_scores(base, end);
        barrier();
        if (base + step < end)
            load(key_raw, a.k, next, end - 1);
        soften(base, end);
        add_values(base, end);
        if (base + step < end)
            load(value_raw, a.v, next, end - 1);
    }
}

/* ---- what all have found ---- */

/* The team's sums to pool, or to those that are there. */
void give_sums(bool adds) {
    uint first = team() % AT_A_TIME * OUTS + lane();
    [[unroll]] for (uint i = 0; i < QUERIES; i++, first += FOURS) {
        pool[first] = sum[i].a + (adds ? pool[first] : vec4(0));
        pool[first + HALF] = sum[i].b + (adds ? pool[first + HALF] : vec4(0));
    }
}

/* Output `thread` of OUTS: the sum over the teams. */
vec4 join_teams() {
    vec4 whole = vec4(0);
    if (lane() == 0)
        mass[team()] = own_mass;
    [[dont_unroll]] for (uint first = 0; first < TEAMS; first += AT_A_TIME) {
        if (team() / AT_A_TIME == first / AT_A_TIME)
            give_sums(first > 0);
        barrier();
    }
    if (thread() < OUTS)
        [[unroll]] for (uint t = 0; t < AT_A_TIME; t++)
            whole += pool[t * OUTS + thread()];
    return whole;
}

/* Of query q, over the teams. */
float whole_mass(uint q) {
    float whole = 0;
    [[unroll]] for (uint t = 0; t < TEAMS; t++)
        whole += mass[t][q];
    return whole;
}

/* Output i is number place(four) of its query. */
void store(uint i, vec4 y) {
    uint q = i / FOURS, at = i % FOURS;
    if (gl_WorkGroupID.x * QUERIES + q < sharing())
        vectors(query_row(a.dst, q)).at[at % HALF * 2 + at / HALF] = y;
}

uint tile() {
    return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
}

uint64_t found(uint split) {
    return a.found + uint64_t(tile() * gl_NumWorkGroups.z + split) * FOUND * 4;
}

/* Leaves what this workgroup has for the last one, and says whether this is it. */
bool hand_in(vec4 whole, uint splits) {
    uint64_t to = found(gl_WorkGroupID.z);
    if (thread() < OUTS)
        four_findings(to).at[thread()] = whole;
    if (thread() < QUERIES) {
        findings(to).at[QUERIES * HEAD_DIM + thread()] = largest[thread()];
        findings(to).at[QUERIES * (HEAD_DIM + 1) + thread()] = whole_mass(thread());
    }
    return is_last(a.done + tile() * 4, splits);
}

/* What split j's findings for query q are worth: exp(largest - most), to pool. */
void weigh(uint splits) {
    uint q = min(thread() / SPLITS, QUERIES - 1), j = min(thread() % SPLITS, splits - 1);
    uint at = thread() % (QUERIES * SPLITS);
    float most = LEAST, l = findings(found(j)).at[QUERIES * HEAD_DIM + q];
    float m = findings(found(j)).at[QUERIES * (HEAD_DIM + 1) + q];
    if (thread() == at)
        score[at / 4][at % 4] = l;
    barrier();
    [[dont_unroll]] for (uint i = 0; 4 * i < splits; i++) {
        vec4 x = score[q * (SPLITS / 4) + i];
        most = max(most, max(max(x.x, x.y), max(x.z, x.w)));
    }
    float w = thread() % SPLITS < splits ? expf(l - most) : 0;
    if (thread() == at) {
        share[at / 4][at % 4] = w;
        pool[at / 4][at % 4] = w * m;
    }
    barrier();
}

/* Of each output, by all threads that there are for it. */
void merge(uint splits) {
    const uint SIDES = THREADS / OUTS, AT_ONCE = 8;
    uint i = thread() % OUTS, side = thread() / OUTS, q = i / FOURS;
    vec4 x[AT_ONCE], whole = vec4(0), masses = vec4(0);
    weigh(splits);
    [[dont_unroll]] for (uint j = side; j < splits; j += SIDES * AT_ONCE) {
        [[unroll]] for (uint n = 0; n < AT_ONCE; n++)
            x[n] = four_findings(found(min(j + n * SIDES, splits - 1))).at[i];
        [[unroll]] for (uint n = 0; n < AT_ONCE; n++) {
            uint at = q * SPLITS + j + n * SIDES;
            whole += share[at / 4][at % 4] * x[n];
        }
    }
    [[dont_unroll]] for (uint n = 0; 4 * n < splits; n++)
        masses += pool[q * (SPLITS / 4) + n];
    barrier();
    pool[thread()] = whole;
    barrier();
    if (side != 0)
        return;
    [[unroll]] for (uint n = 1; n < SIDES; n++)
        whole += pool[n * OUTS + i];
    store(i, whole / (masses.x + masses.y + (masses.z + masses.w)));
}

/* So many tiles are one workgroup's: a tile takes less than handing in. */
const uint ALONE = 2;

void main() {
    uint split = gl_WorkGroupID.z, splits = gl_NumWorkGroups.z, base = split * KEYS;
    new_row row;
    if (has_row())
        row = load_new();
    uint end = uint(ints(a.at).at[0]) + 1;
    load(key_raw, a.k, base, a.capacity - 1);
    load(value_raw, a.v, base, a.capacity - 1);
    uint tiles = (end + KEYS - 1) / KEYS;
    splits = tiles <= ALONE ? 1 : min(splits, tiles);
    if (split >= splits) /* there is nothing to do for it */
        return;
    if (thread() < QUERIES)
        largest[thread()] = LEAST;
    own_mass = vec4(0);
    [[unroll]] for (uint i = 0; i < QUERIES; i++)
        sum[i] = eight(vec4(0), vec4(0));
    make_new(row);
    if (gl_WorkGroupID.x == 0 && (end - 1) / KEYS % splits == split)
        store_new(end - 1);
    attend(base, end, splits * KEYS);
    vec4 whole = join_teams();
    if (splits > 1) {
        if (hand_in(whole, splits))
            merge(splits);
    } else if (thread() < OUTS) {
        store(thread(), whole / whole_mass(thread() / FOURS));
    }
}
