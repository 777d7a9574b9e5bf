/* ops: the catalogue. One function an op, one file an op (common/ops/<op>.c); ops.def lists them.
 *
 * Conventions. Activations are f32, row-major, outermost dimension first: [T, D] is T rows of D.
 * Weights are f32 or bf16 as stored and are widened exactly; accumulation is f32 (or wider). The
 * matrices of products (linear, linear_add, norm_linears, norm_gated, moe, moe_add) and tables of
 * embeddings may also be quantised (common/weights/quant.h) with rows of whole blocks; on the CPU,
 * unless the run is precise, few rows of x are then rounded to int8, each 32 numbers with their own
 * scale. On the CPU they may also be f16, which is widened exactly. On a GPU quantised matrices lie
 * as shaders/quant.h says; rows of them are no tensors. dst
 * is written whole unless the name says _add. dst may be the same memory as x only where it says
 * "in place". Shapes are the caller's duty and are asserted: they come from the model, whose loader
 * has checked them. `const struct tensor *b` that may be absent is NULL. Results do not depend on
 * the number of threads, and row t of a result does not depend on the other rows' values. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "common/ops/run.h"

enum op_act { OP_NONE, OP_GELU, OP_SILU }; /* GELU: 0.5 x (1 + erf(x / sqrt 2)), exact form */

/* ---- rows ---- */

/* dst[t] = src[t]: [T, D], each f32 or bf16; or src quantised, dst bf16. No overlap. */
void op_copy(struct run *run, const struct tensor *dst, const struct tensor *src);
/* dst[t] += x[t]. */
void op_add(struct run *run, const struct tensor *dst, const struct tensor *x);
/* dst[t, d] += scale[d] * x[t, d]: layer scale and ConvNeXt's gamma. scale f32|bf16 [D]. */
void op_add_scaled(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *scale);
/* dst[t, d] += sigmoid(gate[t]) * x[t, d]: the talker's shared expert. gate f32 [T, 1]. */
void op_add_gated(struct run *run, const struct tensor *dst, const struct tensor *x,
                  const struct tensor *gate);
/* dst[t, d] = silu(gate[t, d]) * up[t, d]; in place with gate. */
void op_silu_mul(struct run *run, const struct tensor *dst, const struct tensor *gate,
                 const struct tensor *up);
/* dst = min(max(x, lo), hi); in place. */
void op_clamp(struct run *run, const struct tensor *dst, const struct tensor *x, float lo,
              float hi);

/* ---- embeddings ---- */

/* dst[t] = table[ids[t]] for table f32|bf16 [V, D], ids i32 [T]; a negative id gives a zero row. */
void op_embed(struct run *run, const struct tensor *dst, const struct tensor *table,
              const struct tensor *ids);
/* dst[t] += table[ids[t]]; a negative id adds nothing. */
void op_embed_add(struct run *run, const struct tensor *dst, const struct tensor *table,
                  const struct tensor *ids);
/* dst[t] = scale * sum over g = 0 .. G-1, in this order, of tables[g][codes[t, g]].
 * tables: G tensors f32|bf16 [C_g, D]; codes i32 [T, G]. */
void op_embed_sum(struct run *run, const struct tensor *dst, const struct tensor *tables,
                  const struct tensor *codes, float scale);

/* ---- norms ---- */

/* dst[r] = w * x[r] / sqrt(mean(x[r]^2) + eps), rows of D = w's length (so per-head norms are [T *
 * H, hd]). In place. */
void op_rms_norm(struct run *run, const struct tensor *dst, const struct tensor *x,
                 const struct tensor *w, float eps);
/* dst[r] = w * (x[r] - mean) / sqrt(var + eps) + b, population variance. In place. */
void op_layer_norm(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *w, const struct tensor *b, float eps);

/* ---- products ---- */

/* What `rows` rows of activations should be made as if products with w follow: bf16 where the
 * device's matrix units want them as that, else f32. Only then may x be bf16, and so may dst of a
 * product (but not what is added to), of a norm, of op_im2col and of op_snakebeta. */
enum tensor_dtype op_matrix_dtype(const struct run *run, size_t rows, const struct tensor *w);
/* The width that a matrix should be given for products of many rows: that one, or a larger one,
 * with zeros behind, where matrix units cannot take it as it is. */
size_t op_matrix_width(const struct run *run, size_t width);
/* What rows between two products should be: dst with weights w, x with weights next. */
enum tensor_dtype op_between_dtype(const struct run *run, size_t rows, const struct tensor *w,
                                   const struct tensor *next);

/* dst[t, n] = act(b[n] + sum_k x[t, k] w[n, k]): x [T, K], w f32|bf16 [N, K], b f32|bf16 [N] or
 * NULL. */
void op_linear(struct run *run, const struct tensor *dst, const struct tensor *x,
               const struct tensor *w, const struct tensor *b, enum op_act act);
/* dst[t, n] += scale[n] * (b[n] + sum_k x[t, k] w[n, k]); scale f32|bf16 [N] or NULL: 1. */
void op_linear_add(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *w, const struct tensor *b, const struct tensor *scale);
/* The projections behind a norm: dst[t] = w y for each of n, y = rms_norm(x[t]; norm, eps). */
struct op_projection {
    const struct tensor *dst, *w; /* f32 [T, N]; f32|bf16 [N, D] */
};
enum { OP_PROJECTIONS = 4 };
void op_norm_linears(struct run *run, const struct op_projection *p, size_t n,
                     const struct tensor *x, const struct tensor *norm, float eps);
/* The first half of an MLP: dst[t] = silu(gate y) * (up y), y as before. dst [T, I], x [T, D],
 * gate, up f32|bf16 [I, D]. */
void op_norm_gated(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *norm, float eps, const struct tensor *gate,
                   const struct tensor *up);
/* Causal convolution over time, stride 1, as a product of k taps:
 *   dst[t, n] = b[n] + sum_{i<k} sum_c w[n, i, c] x[t + i * dilation, c]
 * x [T + (k-1) * dilation, C]: the first (k-1) * dilation rows are history (zeros at the start).
 * w f32|bf16 [N, k, C]: torch's [out, in, k] with the last two swapped at load.
 * A transposed convolution of stride s and kernel 2s, trimmed s on both sides, is the same op with
 * k = 2 and N = s * Cout (see nn/conv.h). */
void op_conv(struct run *run, const struct tensor *dst, const struct tensor *x,
             const struct tensor *w, const struct tensor *b, size_t dilation);
/* The same, or with `add` dst += it, then a snake of dst, see op_snakebeta(). */
struct op_snake {
    const struct tensor *dst;          /* as many numbers as the op's dst */
    const struct tensor *alpha, *beta; /* f32|bf16 [C] */
};
void op_conv_snake(struct run *run, const struct tensor *dst, const struct tensor *x,
                   const struct tensor *w, const struct tensor *b, size_t dilation, bool add,
                   const struct op_snake *snake);
/* Depthwise causal convolution: dst[t, c] = b[c] + sum_{i<k} w[c, i] x[t + i, c].
 * x [T + k-1, C], w f32|bf16 [C, k], b [C]. */
void op_dwconv(struct run *run, const struct tensor *dst, const struct tensor *x,
               const struct tensor *w, const struct tensor *b);
/* Patches of a 3x3, stride 2, zero pad 1 convolution over images with channels last:
 *   dst[(n, y, x), (dy, dx, c)] = src[n, 2y + dy - 1, 2x + dx - 1, c], zero outside
 * src [N * H * W, C] seen as [N, H, W, C]; dst [N * ceil(H/2) * ceil(W/2), 9 * C], or with longer
 * rows, which end in zeros. */
void op_im2col(struct run *run, const struct tensor *dst, const struct tensor *src, size_t height,
               size_t width);

/* ---- activations ---- */

/* dst = x + sin(x * exp(alpha[c]))^2 / (exp(beta[c]) + 1e-9), x [T, C]; in place.
 * BigVGAN's SnakeBeta; alpha and beta f32|bf16 [C] hold logarithms. */
void op_snakebeta(struct run *run, const struct tensor *dst, const struct tensor *x,
                  const struct tensor *alpha, const struct tensor *beta);

/* ---- attention ---- */

/* positions[t] = (p, p, p) with p = at[0] + t: f32 [T, 3] (time, height, width), at i32 [1]. */
void op_positions(struct run *run, const struct tensor *positions, const struct tensor *at);
/* at[0] += n: the next rows come after those that there are. at i32 [1]. */
void op_advance(struct run *run, const struct tensor *at, size_t n);
/* table[t] = (cos angle_0.., sin angle_0..), f32 [T, hd], angle_i = p_i * frequency[i], i < hd/2.
 * frequency f32 [hd/2], see rope_table.h. p_i is the height position for i = 1, 4, .. < 3
 * section[1], the width position for i = 2, 5, .. < 3 section[2], else time: interleaved M-RoPE
 * (Qwen3OmniMoeThinkerTextRotaryEmbedding). section {_, 0, 0} is plain RoPE. */
void op_rope_table(struct run *run, const struct tensor *table, const struct tensor *positions,
                   const struct tensor *frequency, const size_t section[3]);
/* Rotates x [T, H, hd] in place, pairing d with d + hd/2 (rotate_half). */
void op_rope(struct run *run, const struct tensor *x, const struct tensor *table);
/* cache[at[0] + t] = x[t]: cache f32|bf16 [S, KV, hd], x f32 [T, KV, hd]. at[0] + T <= S. */
void op_kv_write(struct run *run, const struct tensor *cache, const struct tensor *x,
                 const struct tensor *at);
/* Causal attention over a cache: query row t is at key index at[0] + t and sees keys
 * max(0, at + t - window + 1) .. at + t (window 0: from 0). Head h reads kv head h / (H / KV).
 * dst, q f32 [T, H, hd]; k, v f32|bf16 [S, KV, hd]; scores are scaled by hd^-0.5. */
void op_attention(struct run *run, const struct tensor *dst, const struct tensor *q,
                  const struct tensor *k, const struct tensor *v, const struct tensor *at,
                  size_t window);
/* All that lies between the projections of an attention layer and its output:
 *   q = rope(rms(q; q_norm));  k_cache[at[0] + t] = rope(rms(k[t]; k_norm));  v_cache likewise = v
 *   dst = op_attention(q, k_cache, v_cache, at, window)
 * per head; without rms where the norms are NULL. q and k are used up.
 *   with out:  sum[t] += out_scale * out dst[t], as op_linear_add(); then dst is scratch */
struct op_self_attention {
    const struct tensor *dst, *q;                /* f32 [T, H, hd] */
    const struct tensor *k, *v;                  /* f32 [T, KV, hd] */
    const struct tensor *q_norm, *k_norm;        /* f32|bf16 [hd], both or none */
    float eps;                                   /* of the norms */
    const struct tensor *rope;                   /* f32 [T, hd], of op_rope_table() */
    const struct tensor *k_cache, *v_cache, *at; /* as op_kv_write() has them */
    size_t window;
    const struct tensor *sum, *out, *out_scale; /* f32 [T, D]; f32|bf16 [D, H * hd]; or NULL */
    const struct tensor *next; /* weights that will be read next, or NULL: a GPU may fetch them */
};
void op_self_attention(struct run *run, const struct op_self_attention *s);
/* Full attention inside consecutive groups of `group` rows, none across (audio encoder).
 * dst, q, k, v f32 [T, H, hd], or all bf16 if that is what op_attention_blocks_dtype() says. */
enum tensor_dtype op_attention_blocks_dtype(const struct run *run, size_t head_dim);
void op_attention_blocks(struct run *run, const struct tensor *dst, const struct tensor *q,
                         const struct tensor *k, const struct tensor *v, size_t group);

/* ---- mixture of experts ---- */

/* softmax over all E logits, the k largest (lowest index first on ties), divided by their sum if
 * normalise. experts i32 [T, k] in ascending index, weights f32 [T, k], logits f32 [T, E]. */
void op_route(struct run *run, const struct tensor *experts, const struct tensor *weights,
              const struct tensor *logits, bool normalise);

/* Weights of E experts: each an array of E tensors. gate, up [I, D]; down [D, I]; f32|bf16, all
 * alike. On a GPU each kind's tensors lie at the same distance from one expert to the next. */
struct op_experts {
    size_t n;
    const struct tensor *gate, *up, *down;
};
/* On a GPU there are no more experts, a row chooses no more and none has more bytes of matrices
 * than its kernels have room for. */
enum { OP_GPU_EXPERTS = 512, OP_GPU_CHOSEN = 64 };
#define OP_GPU_EXPERT_BYTES UINT32_MAX
/* dst[t] += sum over chosen e, ascending, of weights[t, e] * down_e(silu(gate_e x[t]) * up_e x[t]).
 */
void op_moe_add(struct run *run, const struct tensor *dst, const struct tensor *x,
                const struct tensor *experts, const struct tensor *weights,
                const struct op_experts *w);

/* A whole mixture-of-experts MLP behind its norm:
 *   y = rms_norm(x[t]; norm, eps);  experts, weights = op_route(router y)
 *   x[t] += sum over chosen e of weights[t, e] * expert_e(y) [+ sigmoid(shared_gate y) * shared(y)]
 * experts i32 [T, k] and weights f32 [T, k] are results too. */
struct op_moe {
    const struct tensor *norm; /* f32|bf16 [D] */
    float eps;
    const struct tensor *router; /* f32|bf16 [E, D] */
    bool normalise;
    const struct op_experts *experts;
    /* The shared expert, or NULL: f32|bf16 [1, D]; [Is, D] twice; [D, Is]. */
    const struct tensor *shared_gate, *gate, *up, *down;
};
void op_moe(struct run *run, const struct tensor *x, const struct tensor *experts,
            const struct tensor *weights, const struct op_moe *m);

/* ---- sampling ---- */

/* One sampler, in device-readable memory (32-bit fields only); its tensor is i32
 * [sizeof / 4]. The draw's random number is Philox4x32-10 with key (seed_lo, seed_hi) and counter
 * (stage, turn, step, codebook). */
struct op_sampler {
    float temp;    /* 0: greedy (argmax, lowest index on ties) */
    int32_t top_k; /* 0: off */
    float top_p;   /* 1: off */
    float rep;     /* repetition penalty over `seen`; 1: off */
    uint32_t seed_lo, seed_hi;
    uint32_t stage, turn;
    int32_t step;          /* the op adds 1 after the draw of the step's last codebook: */
    int32_t last_codebook; /* 0 for thinker and talker, G - 1 for the code predictor */
    int32_t suppress_from; /* ids from here on are never drawn, */
    int32_t suppress_keep; /* except this one (-1: none) */
};
enum op_stage { OP_STAGE_THINKER, OP_STAGE_TALKER, OP_STAGE_CODEPRED };

/* token[0] = a draw from logits f32 [1, V] (left as they are), in the reference's order: penalty
 * (l > 0 ? l / rep : l * rep for seen ids), suppression, temperature, top-k (keeping ties with the
 * k-th), top-p (smallest set whose probability reaches top_p, at least one), softmax, draw.
 * seen i32 [V] or NULL: 1 for ids drawn so far; the op marks the token. token i32 [1]. */
void op_sample(struct run *run, const struct tensor *token, const struct tensor *logits,
               const struct tensor *sampler, const struct tensor *seen, uint32_t codebook);

/* op_sample(), then dst = table[token[0]]: dst f32 [1, D], table f32|bf16 [V, D]. */
void op_sample_embed(struct run *run, const struct tensor *token, const struct tensor *logits,
                     const struct tensor *sampler, const struct tensor *seen, uint32_t codebook,
                     const struct tensor *dst, const struct tensor *table);

#endif
