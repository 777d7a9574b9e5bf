/* conv: causal convolutions over time that go on where the last call ended.
 *
 * Columns are rows here: x is [T, C], time-major. A convolution with kernel k and dilation d needs
 * the (k - 1) * d columns before x; it keeps them ("past") from call to call, so that pushing
 * columns one by one or all at once is the same convolution.
 *
 * A transposed convolution with stride s and kernel 2s, cut by s at both ends
 * (Qwen3OmniMoeCausalTransConvNet), is the product of two neighbouring columns with 2 matrices:
 *   y[q * s + r] = b + sum_c x[q, c] w[c, :, r + s] + x[q + 1, c] w[c, :, r],   0 <= r < s
 * so its weights are laid out as [s * Cout, 2, Cin] at load and the rows of its result, [T, s *
 * Cout], read as [T * s, Cout]. It looks one column ahead: its past starts empty, and the first
 * call gives s columns less than T * s. With kernel s (upsamplers) one column is enough and nothing
 * is kept. */
#ifndef NN_CONV_H
#define NN_CONV_H

#include "common/ops/ops.h"
#include "common/weights/weights.h"

struct nn_conv {
    struct tensor w; /* [stride * Cout, taps, Cin], or depthwise [C, taps] */
    struct tensor b; /* [stride * Cout] */
    bool transposed;
    size_t stride;      /* columns out for one in; 1 unless transposed */
    size_t dilation;    /* columns from one tap to the next */
    struct tensor past; /* f32 [(taps - 1) * dilation, Cin]; rank 0 if that is none */
    size_t n_past;      /* rows of past in use */
};

/* All read prefix + "weight" and prefix + "bias" and begin with nn_conv_reset. Re-laid weights live
 * in run's model arena, the past in its session arena; w must outlive c. */

/* torch's [out, in, taps]. */
int nn_conv_load(struct nn_conv *c, struct run *run, struct weights *w, const char *prefix,
                 size_t in, size_t out, size_t taps, size_t dilation, struct err *e);
/* torch's transposed [in, out, taps * stride], taps 1 or 2. */
int nn_conv_load_transposed(struct nn_conv *c, struct run *run, struct weights *w,
                            const char *prefix, size_t in, size_t out, size_t taps, size_t stride,
                            struct err *e);
/* torch's depthwise [width, 1, taps]. */
int nn_conv_load_depthwise(struct nn_conv *c, struct run *run, struct weights *w,
                           const char *prefix, size_t width, size_t taps, struct err *e);

/* Back to silence: zeros before the first column (nothing, if transposed). */
void nn_conv_reset(struct nn_conv *c, struct run *run);

/* A step tensor that begins with the past; *fresh is its part for the n new columns, [n, Cin],
 * which the caller fills. */
struct tensor nn_conv_input(struct nn_conv *c, struct run *run, size_t n, struct tensor *fresh);
/* Convolves what nn_conv_input gave and keeps its end. The result is a step tensor [T, Cout] with T
 * = nn_conv_columns(), which may be 0 in the first call of a transposed convolution. A convolution
 * without a past takes any x. */
struct tensor nn_conv_run(struct nn_conv *c, struct run *run, const struct tensor *input);
size_t nn_conv_columns(const struct nn_conv *c, const struct tensor *input);
/* The same with the result in y, f32 [T, Cout], and a snake of it, or NULL. */
void nn_conv_into(struct nn_conv *c, struct run *run, const struct tensor *input,
                  const struct tensor *y, const struct op_snake *snake);

#endif
