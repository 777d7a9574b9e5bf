/* attend_tensors: softmax(q k^T / sqrt(HEAD_DIM)) v for up to BM rows of one head, BN keys at a time,
 * by matrices as large as these tiles. The sums so far are rescaled when a larger score comes
 * (online softmax; Dao et al., "FlashAttention", 2022). k and v are bf16; weights of keys are
 * rounded to bf16, sums are f32.
 *
 * Who includes it declares HEAD_DIM, Q_BF16, DST_BF16 and the functions
 *   bool seen(uint i, uint key)   row i of the tile sees the key
 *   bool all_seen(uint key)       all rows see keys key .. key + BN - 1 */
#ifndef SHADERS_ATTEND_TENSORS
#define SHADERS_ATTEND_TENSORS

#include "shaders/lib/tensor_tile.glsl"

bool seen(uint i, uint key);
bool all_seen(uint key);

/* Rows [first, end) of q and dst, stride numbers apart; the keys that they see together, [from, to),
 * kv_stride numbers apart. Addresses: of the head's number 0. */
struct attend_job {
    uint64_t q, k, v, dst;
    uint first, end, stride;
    uint from, to, kv_stride;
};

#define matrix_y    coopmat<float, gl_ScopeWorkgroup, BM, HEAD_DIM, gl_MatrixUseAccumulator>
#define matrix_q    coopmat<bfloat16_t, gl_ScopeWorkgroup, BM, HEAD_DIM, gl_MatrixUseA>
#define matrix_k    coopmat<bfloat16_t, gl_ScopeWorkgroup, HEAD_DIM, BN, gl_MatrixUseB>
#define matrix_v    coopmat<bfloat16_t, gl_ScopeWorkgroup, BN, HEAD_DIM, gl_MatrixUseB>
#define matrix_s    coopmat<float, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseAccumulator>
#define matrix_s_bf coopmat<bfloat16_t, gl_ScopeWorkgroup, BM, BN, gl_MatrixUseA>

const float NOTHING = -1e30; /* the score of a key that is not seen */

float hide(const in uint32_t i, const in uint32_t j, const in float x, const in uint32_t key) {
    return seen(i, key + j) ? x : NOTHING;
}

float largest(const in uint32_t i, const in uint32_t j, const in float x, const in float y) {
    return max(x, y);
}

float weight_of(const in uint32_t i, const in uint32_t j, const in float x) {
    return round_bf16(exp2(x));
}

float power(const in uint32_t i, const in uint32_t j, const in float x) {
    return exp2(x);
}

float rounded(const in uint32_t i, const in uint32_t j, const in float x) {
    return round_bf16(x);
}

float larger(const in float x, const in float y) {
    return max(x, y);
}

float plus(const in float x, const in float y) {
    return x + y;
}

float either(const in float x, const in float y) {
    return x;
}

/* q as the scores want it: they are powers of two. */
matrix_q load_q(const attend_job j) {
    clamped_layout rows = clamped_rows(j.end, HEAD_DIM, j.stride);
    rows = sliceTensorLayoutNV(rows, j.first, BM, 0, HEAD_DIM);
    matrix_y q;
    if (Q_BF16) {
        matrix_q stored;
        coopMatLoadTensorNV(stored, bf16s(j.q).at, 0, rows);
        return stored;
    }
    coopMatLoadTensorNV(q, aligned_floats(j.q).at, 0, rows);
    coopMatPerElementNV(q, q, rounded);
    return matrix_q(q);
}

void store_y(const attend_job j, matrix_y y) {
    clamped_layout rows = clamped_rows(j.end, HEAD_DIM, j.stride);
    rows = sliceTensorLayoutNV(rows, j.first, BM, 0, HEAD_DIM);
    if (DST_BF16) {
        coopMatPerElementNV(y, y, rounded);
        coopMatStoreTensorNV(matrix_q(y), bf16s(j.dst).at, 0, rows);
    } else {
        coopMatStoreTensorNV(y, aligned_floats(j.dst).at, 0, rows);
    }
}

void attend(const attend_job j) {
    const float scale = 1.44269504 / sqrt(float(HEAD_DIM)); /* exp(x) = exp2(x / ln 2) */
    clamped_layout keys = clamped_rows(j.to, HEAD_DIM, j.kv_stride);
    tensorViewNV<2, false, 1, 0> turned = createTensorViewNV(2, false, 1, 0);
    matrix_q q = load_q(j);
    matrix_y y = matrix_y(0.0), spread;
    matrix_s most = matrix_s(NOTHING), total = matrix_s(0.0), score, before, part;
    matrix_k k;
    matrix_v v;
    for (uint key = j.from; key < j.to; key += BN) {
        coopMatLoadTensorNV(k, bf16s(j.k).at, 0, sliceTensorLayoutNV(keys, key, BN, 0, HEAD_DIM),
                            turned);
        score = coopMatMulAdd(q, k, matrix_s(0.0)) * scale;
        if (!all_seen(key))
            coopMatPerElementNV(score, score, hide, key);
        before = most;
        coopMatReduceNV(part, score, gl_CooperativeMatrixReduceRowNV, larger);
        coopMatPerElementNV(most, part, largest, before);
        coopMatPerElementNV(score, score - most, weight_of);
        coopMatPerElementNV(before, before - most, power); /* what sums so far are worth now */
        coopMatReduceNV(part, score, gl_CooperativeMatrixReduceRowNV, plus);
        total = before * total + part;
        coopMatReduceNV(spread, before, gl_CooperativeMatrixReduceRowNV, either);
        coopMatLoadTensorNV(v, bf16s(j.v).at, 0, sliceTensorLayoutNV(keys, key, BN, 0, HEAD_DIM));
        y = coopMatMulAdd(matrix_s_bf(score), v, spread * y);
    }
    coopMatReduceNV(spread, total, gl_CooperativeMatrixReduceRowNV, either);
    store_y(j, y / spread);
}

#endif
