/* attend: softmax(q k^T / sqrt(HEAD_DIM)) v for up to 64 queries of one kv head, in tiles of 64
 * keys; a workgroup of 256 threads. The sums so far are rescaled when a larger score comes (online
 * softmax; Dao et al., "FlashAttention", 2022).
 *
 * Before it is included: HEAD_DIM (even, at most 128), KV_BF16, and
 *     uint64_t row_of(uint i)      byte offset of query i's row in q and in dst
 *     uint64_t key_row(uint key)   number of the key's row of HEAD_DIM numbers in k and in v
 *     uvec2 visible(uint i)        query i sees keys x .. y - 1; none if there is no query i */
#ifndef SHADERS_ATTEND
#define SHADERS_ATTEND

#include "shaders/lib/eight.glsl"
#include "shaders/lib/math.glsl"

layout(local_size_x = 256) in;

const uint QUERIES = 64, KEYS = 64; /* a tile */
const uint SLICE = 16;              /* dimensions, or keys, that are in shared memory at once */
const uint STRIDE = 17;             /* vec4 in a row of 64 numbers: one more spreads the banks */
const uint QUADS = (HEAD_DIM + 3) / 4, CHUNKS = (QUADS + 15) / 16;

shared vec4 slice[2 * SLICE * STRIDE]; /* of q and k: [dim, 64]; or of v: [key, HEAD_DIM] */
shared vec4 score[KEYS * STRIDE];      /* [key, query] */
shared float row_part[4 * QUERIES], row_keep[QUERIES];

/* Numbers d .. d + 3 of query i or of a key, zeros where there are none. */
vec4 load_query(uint i, uint d) {
    uvec2 sees = visible(i);
    if (sees.x >= sees.y)
        return vec4(0);
    return weight4(a.q + row_of(i), d, HEAD_DIM, false, HEAD_DIM % 4 == 0);
}

vec4 load_key(uint64_t tensor, uint key, uint end, uint d) {
    if (key >= end)
        return vec4(0);
    uint64_t row = tensor + key_row(key) * HEAD_DIM * (KV_BF16 ? 2 : 4);
    return weight4(row, d, HEAD_DIM, KV_BF16, HEAD_DIM % 4 == 0);
}

/* Numbers d .. d + 3 of queries or keys `row` of a tile to slice[dim, row]. */
void put(uint from, uint row, uint d, vec4 x) {
    for (uint i = 0; i < 4; i++)
        slice[from + (d + i) * STRIDE + row / 4][row % 4] = x[i];
}

/* score[key, query] = q k for the tile's keys, from `base` on. Thread (x, y) of 16 x 16 has keys
 * 4 x .. 4 x + 3 and queries 4 y .. 4 y + 3. */
void make_scores(uint base, uint end) {
    uint thread = gl_LocalInvocationIndex, x = thread % 16, y = thread / 16;
    uint row = thread / 4, d = thread % 4 * 4;
    vec4 s[4] = {vec4(0), vec4(0), vec4(0), vec4(0)};
    for (uint first = 0; first < HEAD_DIM; first += SLICE) {
        vec4 query = load_query(row, first + d);
        vec4 key = load_key(a.k, base + row, end, first + d);
        barrier();
        put(0, row, d, query);
        put(SLICE * STRIDE, row, d, key);
        barrier();
        for (uint i = 0; i < SLICE; i++) {
            vec4 q = slice[i * STRIDE + y], k = slice[(SLICE + i) * STRIDE + x];
            for (uint j = 0; j < 4; j++)
                s[j] += q[j] * k;
        }
    }
    for (uint i = 0; i < 4; i++)
        score[(4 * x + i) * STRIDE + y] = vec4(s[0][i], s[1][i], s[2][i], s[3][i]);
    barrier();
}

/* One row of scores, shared by four threads of which each has every fourth key. */
struct online {
    float largest; /* so far */
    float sum;     /* of this thread's exp(score - largest) */
};

/* Scores become exp(score - largest); row_keep: what the sums so far are worth now. */
void soften(inout online o, uint base) {
    uint row = gl_LocalInvocationIndex % QUERIES, part = gl_LocalInvocationIndex / QUERIES;
    uvec2 sees = visible(row);
    float scale = 1 / sqrt(float(HEAD_DIM)), largest = o.largest;
    for (uint key = part; key < KEYS; key += 4)
        if (base + key >= sees.x && base + key < sees.y)
            largest = max(largest, score[key * STRIDE + row / 4][row % 4] * scale);
    row_part[part * QUERIES + row] = largest;
    barrier();
    for (uint i = 0; i < 4; i++)
        largest = max(largest, row_part[i * QUERIES + row]);
    float keep = expf(o.largest - largest);
    o.largest = largest;
    o.sum *= keep;
    for (uint key = part; key < KEYS; key += 4) {
        bool seen = base + key >= sees.x && base + key < sees.y;
        float s = score[key * STRIDE + row / 4][row % 4] * scale;
        float e = seen ? expf(s - largest) : 0;
        score[key * STRIDE + row / 4][row % 4] = e;
        o.sum += e;
    }
    if (part == 0)
        row_keep[row] = keep;
    barrier();
}

/* y += score v. Thread (x, y) has queries 4 y .. 4 y + 3 and numbers 4 (x + 16 c) .. + 3. */
void add_values(inout vec4 sum[4][2], uint base, uint end) {
    uint thread = gl_LocalInvocationIndex, x = thread % 16, y = thread / 16;
    for (uint j = 0; j < 4; j++)
        for (uint c = 0; c < CHUNKS; c++)
            sum[j][c] *= row_keep[4 * y + j];
    for (uint first = 0; first < KEYS; first += SLICE) {
        for (uint i = thread; i < SLICE * QUADS; i += 256)
            slice[i] = load_key(a.v, base + first + i / QUADS, end, i % QUADS * 4);
        barrier();
        for (uint key = 0; key < SLICE; key++) {
            vec4 weights = score[(first + key) * STRIDE + y];
            for (uint c = 0; c < CHUNKS; c++) {
                vec4 value = slice[min(key * QUADS + x + 16 * c, SLICE * QUADS - 1)];
                for (uint j = 0; j < 4; j++)
                    sum[j][c] += weights[j] * value;
            }
        }
        barrier();
    }
}

/* dst = y / sum of the row's four threads. */
void store(online o, vec4 sum[4][2]) {
    uint thread = gl_LocalInvocationIndex, x = thread % 16, y = thread / 16;
    row_part[thread] = o.sum;
    barrier();
    for (uint j = 0; j < 4; j++) {
        uint row = 4 * y + j;
        uvec2 sees = visible(row);
        float total = row_part[row] + row_part[QUERIES + row] + row_part[2 * QUERIES + row] +
                      row_part[3 * QUERIES + row];
        for (uint c = 0; c < CHUNKS; c++)
            for (uint i = 0; i < 4; i++)
                if (sees.x < sees.y && 4 * (x + 16 * c) + i < HEAD_DIM)
                    floats(a.dst + row_of(row)).at[4 * (x + 16 * c) + i] = sum[j][c][i] / total;
    }
}

/* All queries of the workgroup; they see nothing outside keys first .. end - 1. */
void attend(uint first, uint end) {
    vec4 sum[4][2];
    online o = {-1e30, 0};
    for (uint j = 0; j < 4; j++)
        sum[j][0] = sum[j][1] = vec4(0);
    for (uint base = first; base < end; base += KEYS) {
        make_scores(base, end);
        soften(o, base);
        add_values(sum, base, end);
    }
    store(o, sum);
}

#endif
