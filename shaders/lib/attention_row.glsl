/* attention_row: what attention_row.comp does, for its workgroup GROUP of GROUPS_ALL. Before it is
 * included: the arguments `row_a` and the constants HEAD_DIM, KV_BF16, NORM_BF16, KEYS, THREADS, SHARING and
 * QUERIES (of a workgroup), see attention_row.h. */
#ifndef SHADERS_ATTENTION_ROW
#define SHADERS_ATTENTION_ROW

#extension GL_EXT_control_flow_attributes : require

#include "shaders/lib/eight.glsl"
#include "shaders/lib/last.glsl"
#include "shaders/lib/math.glsl"

/* A team of LANES threads has a key at a time, each of them eight of its numbers. */
const uint LANES = HEAD_DIM / 8, ROW_TEAMS = THREADS / LANES, EACH = KEYS / ROW_TEAMS;
const uint FOURS = HEAD_DIM / 4, HALF = LANES; /* rope turns a four with the one HALF further on */
const uint WORDS = KV_BF16 ? HEAD_DIM / 2 : HEAD_DIM; /* of a row in the cache */
const uint PART = LANES / 4 + 1; /* vec4 of a row of partial sums; one more spreads the banks */
/* Outputs: fours of numbers for who merges, pairs for who makes them, each by one thread. */
const uint OUTS = QUERIES * FOURS, PAIRS = 2 * OUTS;
const uint FOUND = QUERIES * (HEAD_DIM + 2);
const uint SPLITS = ATTENTION_SPLIT_MAX;
const float LEAST = -1e30; /* below all scores */

layout(buffer_reference, scalar, buffer_reference_align = 8) MEMORY buffer pairs {
    vec2 at[];
};
layout(buffer_reference, scalar, buffer_reference_align = 8) coherent buffer pair_findings {
    vec2 at[];
};
layout(buffer_reference, scalar, buffer_reference_align = 16) coherent buffer four_findings {
    vec4 at[];
};

shared vec4 query[QUERIES * FOURS];     /* [query, half of an eight, eight], scaled */
shared uvec4 fresh[2 * WORDS / 4];      /* the new key and value, as in the cache */
shared vec4 squares[(QUERIES + 1) * LANES / 4];
/* Partial sums of scores [key, query, PART]; then the values as in the cache, [key, WORDS]. For who
 * merges: [query, split], and sums of each thread. */
const uint PARTS = KEYS * QUERIES * PART, VALUES = KEYS * WORDS / 4;
const uint POOL = PARTS > VALUES ? PARTS : VALUES;
shared vec4 pool[POOL];
const uint MOST = KEYS > SPLITS ? KEYS : SPLITS;
shared vec4 score[MOST * QUERIES / 4]; /* [query, key] */
shared vec4 share[MOST * QUERIES / 4]; /* the same: exp(score - largest) */
shared vec4 largest[QUERIES / 4];      /* the queries' largest scores so far */

uint thread() {
    return gl_LocalInvocationIndex;
}

uint row_lane() {
    return thread() % LANES;
}

uint row_team() {
    return thread() / LANES;
}

/* Query number q of this workgroup, of those beyond the last, the last. */
uint64_t query_row(uint64_t rows, uint q) {
    uint head = min(GROUP.x * QUERIES + q, SHARING - 1);
    return rows + (GROUP.y * SHARING + head) * HEAD_DIM * 4;
}

uint64_t key_row(uint64_t tensor, uint key) {
    uint64_t row = uint64_t(key) * row_a.kv_heads + GROUP.y;
    return tensor + row * HEAD_DIM * (KV_BF16 ? 2 : 4);
}

/* ---- keys and values ---- */

raw_eight key_raw[EACH], value_raw[EACH];

uint key_at(uint base, uint e) {
    return base + e * ROW_TEAMS + row_team();
}

/* The tile's at `base`; keys up to `last` may be looked at. */
void load(out raw_eight raw[EACH], uint64_t tensor, uint base, uint last) {
    [[unroll]] for (uint e = 0; e < EACH; e++)
        raw[e] = load_eight(key_row(tensor, min(key_at(base, e), last)), row_lane(), KV_BF16);
}

/* ---- the new row ---- */

/* Row `team` of the queries, the key and the value: fours `lane` and HALF further on. The norm's
 * weights are as loaded: to look at them is to wait for them. */
struct new_row {
    vec4 low, high, cosines, sines;
    uvec4 low_norm, high_norm;
};

uvec4 load_norm(uint64_t norm, uint i) {
    return NORM_BF16 ? uvec4(duos(norm).at[i], 0, 0) : quads(norm).at[i];
}

vec4 widen_norm(uvec4 raw) {
    return NORM_BF16 ? vec4(widen2(raw.x), widen2(raw.y)) : uintBitsToFloat(raw);
}

bool has_row() {
    return row_team() < QUERIES + 2;
}

new_row load_new() {
    new_row r;
    bool is_query = row_team() < QUERIES, is_key = row_team() == QUERIES;
    uint64_t skip = uint64_t(GROUP.y) * HEAD_DIM * 4;
    uint64_t row = is_query ? query_row(row_a.q, row_team()) : (is_key ? row_a.new_k : row_a.new_v) + skip;
    uint64_t norm = is_query ? row_a.q_norm : row_a.k_norm;
    r.low = vectors(row).at[row_lane()];
    r.high = vectors(row).at[row_lane() + HALF];
    r.low_norm = r.high_norm = uvec4(NORM_BF16 ? 0x3f803f80 : 0x3f800000); /* ones */
    if (norm != 0) {
        r.low_norm = load_norm(norm, row_lane());
        r.high_norm = load_norm(norm, row_lane() + HALF);
    }
    r.cosines = vectors(row_a.rope).at[row_lane()];
    r.sines = vectors(row_a.rope).at[row_lane() + HALF];
    return r;
}

/* Of the team's row; the value has none. */
float row_scale() {
    vec4 sum = vec4(0);
    [[unroll]] for (uint i = 0; i < LANES / 4; i++)
        sum += squares[min(row_team(), QUERIES) * (LANES / 4) + i];
    float mean = (sum.x + sum.y + (sum.z + sum.w)) / HEAD_DIM;
    return row_a.q_norm == 0 ? 1 : 1 / sqrt(mean + row_a.eps);
}

/* Four i of the new key or value. */
void put_fresh(bool is_value, uint i, vec4 x) {
    uint row = is_value ? WORDS / 4 : 0;
    if (KV_BF16) {
        fresh[row + i / 2][i % 2 * 2] = narrow2(x.xy);
        fresh[row + i / 2][i % 2 * 2 + 1] = narrow2(x.zw);
    } else {
        fresh[row + i] = floatBitsToUint(x);
    }
}

raw_eight get_fresh(bool is_value) {
    uint row = is_value ? WORDS / 4 : 0;
    if (KV_BF16)
        return raw_eight(fresh[row + row_lane()], uvec4(0));
    return raw_eight(fresh[row + 2 * row_lane()], fresh[row + 2 * row_lane() + 1]);
}

/* Where four i of a row is: a lane's two fours are apart, neighbours' together. */
uint place(uint i) {
    return i % 2 * HALF + i / 2;
}

void make_squares(new_row r) {
    if (row_team() <= QUERIES) {
        uint i = row_team() * LANES + row_lane();
        squares[i / 4][i % 4] = fma4(r.low, r.low, dot(r.high, r.high));
    }
    barrier();
}

/* Norm and rope; to shared memory. */
void make_new(new_row r) {
    if (has_row()) {
        bool is_value = row_team() == QUERIES + 1;
        float scale = row_scale();
        vec4 x = r.low * (scale * widen_norm(r.low_norm));
        vec4 y = r.high * (scale * widen_norm(r.high_norm));
        vec4 low = is_value ? r.low : x * r.cosines - y * r.sines;
        vec4 high = is_value ? r.high : y * r.cosines + x * r.sines;
        if (row_team() < QUERIES) {
            float scaled = 1 / sqrt(float(HEAD_DIM));
            query[row_team() * FOURS + place(row_lane())] = low * scaled;
            query[row_team() * FOURS + place(row_lane() + HALF)] = high * scaled;
        } else {
            [[dont_unroll]] for (uint i = 0; i < 2; i++)
                put_fresh(is_value, row_lane() + i * HALF, i == 0 ? low : high);
        }
    }
    barrier();
}

/* The new key and value go to the cache, as row number `key`. */
void store_new(uint key) {
    bool is_value = row_team() != 0;
    uint64_t to = key_row(is_value ? row_a.v : row_a.k, key);
    if (row_team() > 1)
        return;
    raw_eight x = get_fresh(is_value);
    if (KV_BF16) {
        quads(to).at[row_lane()] = x.a;
    } else {
        quads(to).at[2 * row_lane()] = x.a;
        quads(to).at[2 * row_lane() + 1] = x.b;
    }
}

/* ---- a tile ---- */

/* Each lane's part of the scores of its team's keys. */
void part_scores(uint base, uint end) {
    eight x[EACH];
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        if (key_at(base, e) == end - 1)
            key_raw[e] = get_fresh(false);
        x[e] = widen_eight(key_raw[e], KV_BF16);
    }
    [[dont_unroll]] for (uint i = 0; i < QUERIES; i++) {
        eight q = eight(query[i * FOURS + row_lane()], query[i * FOURS + HALF + row_lane()]);
        [[unroll]] for (uint e = 0; e < EACH; e++) {
            uint row = (e * ROW_TEAMS + row_team()) * QUERIES + i;
            pool[row * PART + row_lane() / 4][row_lane() % 4] = fma8(q, x[e], 0);
        }
    }
}

/* To pool. What was loaded of keys that there are not is not known to be numbers. */
void stage_values(uint base, uint end) {
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        uint key = key_at(base, e), to = (e * ROW_TEAMS + row_team()) * LANES + row_lane();
        raw_eight x = value_raw[e];
        if (key >= end)
            x = raw_eight(uvec4(0), uvec4(0));
        if (key == end - 1)
            x = get_fresh(true);
        if (KV_BF16) {
            pool[to] = uintBitsToFloat(x.a);
        } else {
            pool[2 * to] = uintBitsToFloat(x.a);
            pool[2 * to + 1] = uintBitsToFloat(x.b);
        }
    }
}

/* A thread has one key and one query, if there are so many. */
float sum_parts() {
    vec4 part = vec4(0);
    [[unroll]] for (uint i = 0; i < LANES / 4; i++)
        part += pool[thread() * PART + i];
    return part.x + part.y + (part.z + part.w);
}

/* Scores, and what they are worth, from their parts. Meanwhile values are put in the parts' place,
 * and the tile at `next` is asked for, if there is one. */
void soften(uint base, uint end, uint next) {
    const uint AT_ONCE = 4;
    uint key = thread() / QUERIES, q = thread() % QUERIES, at = q * KEYS + key;
    bool sees = base + key < end;
    float s = LEAST;
    vec4 most = vec4(largest[q / 4][q % 4]);
    if (key < KEYS) {
        s = sees ? sum_parts() : LEAST;
        score[at / 4][at % 4] = s;
    }
    barrier();
    stage_values(base, end);
    if (next < end) {
        load(key_raw, row_a.k, next, end - 1);
        load(value_raw, row_a.v, next, end - 1);
    }
    if (key < KEYS) {
        [[dont_unroll]] for (uint first = 0; first < KEYS / 4; first += AT_ONCE)
            [[unroll]] for (uint i = 0; i < AT_ONCE; i++)
                most = max(most, score[q * (KEYS / 4) + first + i]);
        float now = max(max(most.x, most.y), max(most.z, most.w));
        share[at / 4][at % 4] = sees ? expf(s - now) : 0;
        if (key == 0)
            largest[q / 4][q % 4] = now;
    }
    barrier();
}

/* Of this thread's pair of outputs: */
vec2 sum;          /* of exp(score - sum_largest) * value, */
float mass;        /* of exp(score - sum_largest) */
float sum_largest; /* and the largest score so far */

uint pair() {
    return thread() % (HEAD_DIM / 2);
}

uint pair_query() {
    return min(thread() / (HEAD_DIM / 2), QUERIES - 1);
}

vec2 value_pair(uint key) {
    uint i = pair() * (KV_BF16 ? 1 : 2), at = key * (WORDS / 4) + i / 4;
    if (KV_BF16)
        return widen2(floatBitsToUint(pool[at][i % 4]));
    return vec2(pool[at][i % 4], pool[at][i % 4 + 1]);
}

void add_values(bool is_first) {
    const uint AT_ONCE = 2;
    uint first = pair_query() * (KEYS / 4);
    float now = largest[pair_query() / 4][pair_query() % 4];
    if (!is_first) {
        float worth = expf(sum_largest - now);
        sum *= worth;
        mass *= worth;
    }
    sum_largest = now;
    [[dont_unroll]] for (uint n = 0; n < KEYS / 4; n += AT_ONCE)
        [[unroll]] for (uint i = 0; i < AT_ONCE; i++) {
            vec4 p = share[first + n + i];
            mass += p.x + p.y + (p.z + p.w);
            [[unroll]] for (uint c = 0; c < 4; c++)
                sum += p[c] * value_pair(4 * (n + i) + c);
        }
}

/* Every `step`-th tile from key `first` to end - 1; the first is loaded. */
void attend(uint first, uint end, uint step) {
    [[dont_unroll]] for (uint base = first; base < end; base += step) {
        uint next = base + step;
        if (base + KEYS >= end && GROUP.x == 0)
            store_new(end - 1);
        part_scores(base, end);
        barrier();
        soften(base, end, next);
        add_values(base == first);
        if (next < end)
            barrier();
    }
}

/* ---- what all have found ---- */

/* The pair y of outputs. */
void store_pair(vec2 y) {
    if (GROUP.x * QUERIES + pair_query() < SHARING)
        pairs(query_row(row_a.dst, pair_query())).at[pair()] = y;
}

/* Four i of all outputs. */
void store_four(uint i, vec4 y) {
    uint q = i / FOURS;
    if (GROUP.x * QUERIES + q < SHARING)
        vectors(query_row(row_a.dst, q)).at[i % FOURS] = y;
}

uint tile() {
    return GROUP.y * GROUPS_ALL.x + GROUP.x;
}

uint64_t found(uint split) {
    return row_a.found + uint64_t(tile() * GROUPS_ALL.z + split) * FOUND * 4;
}

/* Leaves what this workgroup has for the last one, and says whether this is it. */
bool hand_in(uint splits) {
    uint64_t to = found(GROUP.z);
    if (thread() < PAIRS) {
        pair_findings(to).at[thread()] = sum;
        if (pair() == 0)
            pair_findings(to).at[PAIRS + pair_query()] = vec2(sum_largest, mass);
    }
    return is_last(row_a.done + tile() * 4, splits);
}

/* So many fours of splits are looked at together; those past the last are there. */
const uint SPLIT_FOURS = 4;

/* What split j's findings for query q are worth, exp(largest - most), to share; times their mass to
 * pool. */
void weigh(uint splits) {
    uint q = min(thread() / SPLITS, QUERIES - 1), j = min(thread() % SPLITS, splits - 1);
    uint at = thread() % (QUERIES * SPLITS);
    vec2 mine = pair_findings(found(j)).at[PAIRS + q];
    vec4 all = vec4(LEAST);
    if (thread() == at)
        score[at / 4][at % 4] = mine.x;
    barrier();
    [[dont_unroll]] for (uint i = 0; 4 * i < splits; i += SPLIT_FOURS)
        [[unroll]] for (uint n = 0; n < SPLIT_FOURS; n++)
            all = max(all, score[q * (SPLITS / 4) + i + n]);
    float most = max(max(all.x, all.y), max(all.z, all.w));
    float w = thread() % SPLITS < splits ? expf(mine.x - most) : 0;
    if (thread() == at) {
        share[at / 4][at % 4] = w;
        pool[at / 4][at % 4] = w * mine.y;
    }
    barrier();
}

/* Of each four of outputs, by all threads that there are for it. The first findings are asked for
 * before it is known what they are worth. */
void merge(uint splits) {
    const uint SIDES = THREADS / OUTS, AT_ONCE = 8, STEP = SIDES * AT_ONCE;
    const uint SUMS = QUERIES * SPLITS / 4; /* in pool */
    uint i = thread() % OUTS, side = thread() / OUTS, q = i / FOURS;
    uint turns = (splits + STEP - 1) / STEP;
    vec4 x[AT_ONCE], whole = vec4(0), masses = vec4(0);
    [[dont_unroll]] for (uint turn = 0; turn <= turns; turn++) {
        uint first = turn * STEP + side * AT_ONCE, at = (q * SPLITS + first - STEP) / 4;
        if (turn > 0)
            [[unroll]] for (uint n = 0; n < AT_ONCE; n++)
                whole += share[at + n / 4][n % 4] * x[n];
        if (turn < turns)
            [[unroll]] for (uint n = 0; n < AT_ONCE; n++)
                x[n] = four_findings(found(0)).at[min(first + n, splits - 1) * (FOUND / 4) + i];
        if (turn == 0)
            weigh(splits);
    }
    [[dont_unroll]] for (uint j = 0; 4 * j < splits; j += SPLIT_FOURS)
        [[unroll]] for (uint n = 0; n < SPLIT_FOURS; n++)
            masses += pool[q * (SPLITS / 4) + j + n];
    pool[SUMS + thread()] = whole;
    barrier();
    if (side != 0)
        return;
    [[unroll]] for (uint n = 1; n < SIDES; n++)
        whole += pool[SUMS + n * OUTS + i];
    store_four(i, whole * (1 / (masses.x + masses.y + (masses.z + masses.w))));
}

/* So many tiles are one workgroup's: a tile takes less than handing in. */
const uint ALONE = 2;

uint row_base() {
    return GROUP.z * KEYS;
}

/* Asks for the first tile, whatever there is of it. */
void attention_ask() {
    load(key_raw, row_a.k, row_base(), row_a.capacity - 1);
    load(value_raw, row_a.v, row_base(), row_a.capacity - 1);
}

/* With the new row as load_new() has it, which is key number end - 1, after attention_ask(). */
void attention_row(new_row row, uint end) {
    uint tiles = (end + KEYS - 1) / KEYS, splits = tiles <= ALONE ? 1 : min(GROUPS_ALL.z, tiles);
    if (GROUP.z >= splits) /* there is nothing to do for it */
        return;
    if (thread() < QUERIES)
        largest[thread() / 4][thread() % 4] = LEAST;
    sum = vec2(0);
    mass = 0;
    make_squares(row);
    make_new(row);
    attend(row_base(), end, splits * KEYS);
    if (splits > 1) {
        if (hand_in(splits))
            merge(splits);
    } else if (thread() < PAIRS) {
        store_pair(sum * (1 / mass));
    }
}

#endif
