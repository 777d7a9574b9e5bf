/* attention_split: what attention_split.comp does. Before it is included: the arguments `a` and the
 * constants HEAD_DIM, KV_BF16, FRESH, NORM_BF16, QUERIES, KEYS, AHEAD and THREADS, see
 * attention_split.h. */
/* Arrays in registers are as large as they can get: the compiler sees how much of them is used. */
const uint MOST_QUERIES = 8, MOST_PART = 8, MOST_EACH = 16;

#include "shaders/lib/causal.glsl"
#include "shaders/lib/last.glsl"

/* What workgroups tell each other. */
layout(buffer_reference, scalar, buffer_reference_align = 4) coherent buffer findings {
    float at[];
};
layout(buffer_reference, scalar, buffer_reference_align = 16) coherent buffer quad_findings {
    vec4 at[];
};

/* For scores a thread has one key and one of PARTS parts of the dimensions, in vec4. */
const uint PARTS = THREADS / KEYS, PART = (HEAD_DIM + 4 * PARTS - 1) / (4 * PARTS);
/* For values it has two dimensions and every GROUPS-th key. */
const uint PAIRS = HEAD_DIM / 2, GROUPS = THREADS / PAIRS < KEYS ? THREADS / PAIRS : KEYS;
const uint EACH = (KEYS + GROUPS - 1) / GROUPS;
/* What one workgroup finds: sums of values, largest scores, sums of masses. */
const uint FOUND = QUERIES * (HEAD_DIM + 2);
const uint FOURS = (QUERIES + 3) / 4; /* of masses for a key */
const uint SCORES = PARTS * QUERIES * KEYS, SHARES = 2 * ATTENTION_SPLIT_MAX * QUERIES;
const uint ROOM = SCORES > SHARES / 2 * 3 ? SCORES : SHARES / 2 * 3;

shared vec4 query[QUERIES * PARTS * PART];    /* scaled; zeros beyond HEAD_DIM */
shared float part_score[ROOM > THREADS ? ROOM : THREADS];
shared vec4 score[QUERIES * KEYS / 4];        /* [query, key] */
shared vec4 mass[KEYS * FOURS];               /* [key, query]: exp(score - largest) */
shared float keep[QUERIES];                   /* what the sums so far are worth now */
shared vec2 group_sum[QUERIES * THREADS];
shared float largest[QUERIES], total[QUERIES];
/* FRESH: as the cache has them; zeros beyond HEAD_DIM. */
shared vec4 fresh_key[PARTS * PART];
shared vec2 fresh_value[PAIRS];

/* A query, in each of the KEYS threads of its number; the threads beyond the last have none. */
struct online {
    uvec2 sees;    /* keys x .. y - 1 */
    float largest; /* score so far */
    float sum;     /* of this thread's masses so far */
};

/* ---- scores ---- */

uint first_query() {
    return gl_WorkGroupID.x * QUERIES;
}

/* A pair of numbers of head `number` of q goes to its place. */
void put_query(uint number, uint pair, vec2 x) {
    uint first = number * 4 * PARTS * PART + pair, second = first + PAIRS;
    query[first / 4][first % 4] = x.x;
    query[second / 4][second % 4] = x.y;
}

void load_queries() {
    const uint width = 4 * PARTS * PART;
    float scale = 1 / sqrt(float(HEAD_DIM));
    for (uint i = gl_LocalInvocationIndex; i < QUERIES * width; i += THREADS) {
        uint d = i % width, number = first_query() + i / width;
        bool exists = d < HEAD_DIM && number < a.rows * causal_sharing();
        query[i / 4][i % 4] = exists ? floats(a.q + causal_row(number)).at[d] * scale : 0;
    }
}

uint64_t address(uint64_t tensor, uint key) {
    return tensor + causal_key(key) * HEAD_DIM * (KV_BF16 ? 2 : 4);
}

#include "shaders/lib/fresh.glsl"

/* This thread's part of `key`, zeros beyond HEAD_DIM. */
void load_key(out vec4 x[MOST_PART], uint key) {
    uint from = gl_LocalInvocationIndex / KEYS * PART;
    uint64_t row = address(a.k, key);
    [[unroll]] for (uint i = 0; i < PART; i++)
        x[i] = weight4(row, 4 * (from + i), HEAD_DIM, KV_BF16, HEAD_DIM % 4 == 0);
}

/* The score of the thread's query and key. */
float make_score(vec4 x[MOST_PART]) {
    uint thread = gl_LocalInvocationIndex, key = thread % KEYS, part = thread / KEYS;
    [[unroll]] for (uint i = 0; i < QUERIES; i++) {
        vec4 sum = vec4(0);
        [[unroll]] for (uint d = 0; d < PART; d++)
            sum += query[(i * PARTS + part) * PART + d] * x[d];
        part_score[(part * QUERIES + i) * KEYS + key] = sum.x + sum.y + (sum.z + sum.w);
    }
    barrier();
    float sum = 0;
    if (part < QUERIES)
        [[unroll]] for (uint i = 0; i < PARTS; i++)
            sum += part_score[i * QUERIES * KEYS + thread];
    return sum;
}

/* The masses of the tile that begins at key `base`. */
void soften(inout online o, float own, uint base) {
    uint thread = gl_LocalInvocationIndex, key = thread % KEYS, number = thread / KEYS;
    bool seen = base + key >= o.sees.x && base + key < o.sees.y;
    float before = o.largest;
    if (number < QUERIES)
        score[thread / 4][thread % 4] = seen ? own : before;
    barrier();
    if (number < QUERIES) {
        [[unroll]] for (uint i = 0; i < KEYS / 4; i++) {
            vec4 s = score[number * (KEYS / 4) + i];
            o.largest = max(o.largest, max(max(s.x, s.y), max(s.z, s.w)));
        }
        float worth = expf(before - o.largest), e = seen ? expf(own - o.largest) : 0;
        o.sum = o.sum * worth + e;
        mass[key * FOURS + number / 4][number % 4] = e;
        if (key == 0)
            keep[number] = worth;
    }
    barrier();
}

/* ---- values ---- */

/* The thread's two numbers of its keys; of those past the last, the last one's. */
void load_values(out vec2 v[MOST_EACH], uint base, uint last) {
    uint thread = gl_LocalInvocationIndex, pair = thread % PAIRS;
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        uint key = min(base + thread / PAIRS + i * GROUPS, last);
        if (KV_BF16)
            v[i] = widen2(uints(address(a.v, key)).at[pair]);
        else
            v[i] = uintBitsToFloat(duos(address(a.v, key)).at[pair]);
    }
}

void add_values(inout vec2 sum[MOST_QUERIES], vec2 v[MOST_EACH]) {
    uint first = gl_LocalInvocationIndex / PAIRS;
    [[unroll]] for (uint i = 0; i < QUERIES; i++)
        sum[i] *= keep[i];
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        uint key = first + i * GROUPS;
        if (first < GROUPS && key < KEYS)
            [[unroll]] for (uint j = 0; j < QUERIES; j++)
                sum[j] += mass[key * FOURS + j / 4][j % 4] * v[i];
    }
}

/* A tile of keys and values in registers. */
struct key_tile {
    vec4 key[MOST_PART];
    vec2 value[MOST_EACH];
};

/* Keys up to `last` may be looked at. */
void load_tile(out key_tile t, uint base, uint last) {
    load_key(t.key, min(base + gl_LocalInvocationIndex % KEYS, last));
    load_values(t.value, base, last);
}

/* What was loaded of keys from `end` on is not known to be numbers; and what the cache did not have
 * yet. */
void mend_tile(inout key_tile t, uint base, uint end, bool keeps_key) {
    uint thread = gl_LocalInvocationIndex, newest = FRESH && keeps_key ? end - 1 : end;
    if (FRESH && base + thread % KEYS == newest)
        [[unroll]] for (uint i = 0; i < PART; i++)
            t.key[i] = fresh_key[thread / KEYS * PART + i];
    [[unroll]] for (uint i = 0; i < EACH; i++) {
        uint key = base + thread / PAIRS + i * GROUPS;
        if (key >= end)
            t.value[i] = vec2(0);
        if (FRESH && key == newest)
            t.value[i] = fresh_value[thread % PAIRS];
    }
}

/* What was asked for before it was known which keys there are. */
struct early {
    key_tile tile;
    fresh_row row;
};

/* Every `step`-th tile from key `first` to end - 1. keeps_key: the newest is in the last of them. */
void attend(early e, uint first, uint end, uint step) {
    uint thread = gl_LocalInvocationIndex, number = thread / KEYS;
    bool keeps_key = (end - 1 - first) % step < KEYS;
    online o = {causal_visible(first_query() + number), -1e30, 0};
    vec2 sum[MOST_QUERIES];
    key_tile now = e.tile, next;
    if (!AHEAD)
        load_tile(now, first, end - 1); /* is on its way while the queries are made */
    if (FRESH)
        make_fresh(e.row, keeps_key);
    else
        load_queries();
    barrier();
    [[unroll]] for (uint i = 0; i < QUERIES; i++)
        sum[i] = vec2(0);
    for (uint base = first; base < end; base += step) {
        if (base + step < end)
            load_tile(next, base + step, end - 1);
        mend_tile(now, base, end, keeps_key);
        soften(o, make_score(now.key), base);
        add_values(sum, now.value);
        now = next;
    }
    [[unroll]] for (uint i = 0; i < QUERIES; i++)
        group_sum[i * THREADS + thread] = sum[i];
    part_score[thread] = o.sum;
    barrier();
    if (number < QUERIES && thread % KEYS == 0) {
        float all = 0;
        [[unroll]] for (uint i = 0; i < KEYS; i++)
            all += part_score[thread + i];
        total[number] = all;
        largest[number] = o.largest;
    }
    barrier();
}

/* Two numbers of a query's sum of values. */
vec2 sum_of(uint number, uint pair) {
    vec2 sum = vec2(0);
    for (uint i = 0; i < GROUPS; i++)
        sum += group_sum[number * THREADS + i * PAIRS + pair];
    return sum;
}

/* ---- the result ---- */

void store(uint number, uint d, float y) {
    if (first_query() + number < a.rows * causal_sharing())
        floats(a.dst + causal_row(first_query() + number)).at[d] = y;
}

/* Of a workgroup that has all keys. */
void store_all() {
    for (uint i = gl_LocalInvocationIndex; i < QUERIES * PAIRS; i += THREADS) {
        vec2 y = sum_of(i / PAIRS, i % PAIRS) / total[i / PAIRS];
        store(i / PAIRS, i % PAIRS * 2, y.x);
        store(i / PAIRS, i % PAIRS * 2 + 1, y.y);
    }
}

uint tile() {
    return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
}

findings found(uint split) {
    return findings(a.found + uint64_t(tile() * gl_NumWorkGroups.z + split) * FOUND * 4);
}

/* Leaves what this workgroup has for the last one, and says whether this is it. */
bool hand_in(uint splits) {
    findings to = found(gl_WorkGroupID.z);
    for (uint i = gl_LocalInvocationIndex; i < QUERIES * PAIRS; i += THREADS) {
        vec2 sum = sum_of(i / PAIRS, i % PAIRS);
        to.at[2 * i] = sum.x;
        to.at[2 * i + 1] = sum.y;
    }
    if (gl_LocalInvocationIndex < QUERIES) {
        to.at[QUERIES * HEAD_DIM + gl_LocalInvocationIndex] = largest[gl_LocalInvocationIndex];
        to.at[QUERIES * (HEAD_DIM + 1) + gl_LocalInvocationIndex] = total[gl_LocalInvocationIndex];
    }
    return is_last(a.done + tile() * 4, splits);
}

/* The share of each split in a query's result, into part_score[SHARES + split, query]. */
void make_shares(uint splits) {
    const uint at = QUERIES * HEAD_DIM, sums = ATTENTION_SPLIT_MAX * QUERIES;
    uint n = splits * QUERIES;
    for (uint i = gl_LocalInvocationIndex; i < n; i += THREADS) {
        part_score[i] = found(i / QUERIES).at[at + i % QUERIES];
        part_score[sums + i] = found(i / QUERIES).at[at + QUERIES + i % QUERIES];
    }
    barrier();
    for (uint i = gl_LocalInvocationIndex; i < n; i += THREADS) {
        float most = part_score[i];
        for (uint j = i % QUERIES; j < n; j += QUERIES)
            most = max(most, part_score[j]);
        part_score[SHARES + i] = expf(part_score[i] - most);
        part_score[sums + i] *= part_score[SHARES + i];
    }
    barrier();
    for (uint i = gl_LocalInvocationIndex; i < n; i += THREADS) {
        float sum = 0;
        for (uint j = i % QUERIES; j < n; j += QUERIES)
            sum += part_score[sums + j];
        part_score[SHARES + i] /= sum;
    }
    barrier();
}

/* Four numbers of the result; many splits are asked for theirs before the first is looked at. */
void merge(uint splits) {
    const uint ahead = 16;
    vec4 x[ahead];
    make_shares(splits);
    for (uint i = gl_LocalInvocationIndex; i < QUERIES * HEAD_DIM / 4; i += THREADS) {
        vec4 y = vec4(0);
        for (uint j = 0; j < splits; j += ahead) {
            for (uint n = 0; n < ahead; n++)
                x[n] = quad_findings(found(min(j + n, splits - 1))).at[i];
            for (uint n = 0; n < ahead && j + n < splits; n++)
                for (uint c = 0; c < 4; c++)
                    y[c] += part_score[SHARES + (j + n) * QUERIES + (4 * i + c) / HEAD_DIM] * x[n][c];
        }
        for (uint c = 0; c < 4; c++)
            store((4 * i + c) / HEAD_DIM, (4 * i + c) % HEAD_DIM, y[c]);
    }
}

/* The tiles are dealt out to the splits in turn. */
void attention_split() {
    uint split = gl_WorkGroupID.z, splits = gl_NumWorkGroups.z;
    early e;
    if (AHEAD)
        load_tile(e.tile, split * KEYS, a.capacity - 1);
    if (FRESH)
        e.row = fresh_load();
    uvec2 keys = causal_range(first_query(), QUERIES);
    keys.x = keys.x / KEYS * KEYS;
    splits = min(splits, (keys.y - keys.x + KEYS - 1) / KEYS);
    if (split >= splits) /* there is nothing to do for it */
        return;
    attend(e, keys.x + split * KEYS, keys.y, splits * KEYS);
    if (splits == 1)
        store_all();
    else if (hand_in(splits))
        merge(splits);
}
