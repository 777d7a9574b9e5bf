#include "shaders/im2col.h"
#include "common/ops/ops.h"
#include "common/ops/row.h"
#include "shaders/programs.h"

#include <string.h>

/* The nine pixels around (y, x) of one image [height, width, channels], zeros outside. */
static void patch(float *dst, const float *image, size_t height, size_t width, size_t channels,
                  size_t y, size_t x) {
    for (size_t dy = 0; dy < 3; dy++) {
        for (size_t dx = 0; dx < 3; dx++, dst += channels) {
            /* row and column are one too large, so that they cannot be negative */
            size_t row = 2 * y + dy, column = 2 * x + dx;
            if (row < 1 || row > height || column < 1 || column > width)
                memset(dst, 0, channels * sizeof *dst);
            else
                memcpy(dst, image + ((row - 1) * width + column - 1) * channels,
                       channels * sizeof *dst);
        }
    }
}

static void dispatch(struct run *run, const struct tensor *dst, const struct tensor *src,
                     size_t height, size_t width) {
    size_t n = tensor_count(dst);
    struct im2col_args a = {.dst = run_address(dst),
                            .src = run_address(src),
                            .images = (uint32_t)(src->shape[0] / (height * width)),
                            .height = (uint32_t)height,
                            .width = (uint32_t)width,
                            .channels = (uint32_t)tensor_row(src),
                            .row = (uint32_t)tensor_row(dst),
                            .out_height = (uint32_t)(height + 1) / 2,
                            .out_width = (uint32_t)(width + 1) / 2};
    uint32_t each = a.channels % 4 == 0 && a.row % 4 == 0 && (a.dst | a.src) % 16 == 0 ? 4 : 1;
    assert(n <= UINT32_MAX);
    run_dispatch(run, &(struct run_kernel){
                          .program = &shader_im2col,
                          .constants = {each, src->dtype == TENSOR_BF16, dst->dtype == TENSOR_BF16},
                          .args = &a,
                          .args_size = sizeof a,
                          .groups = {run_groups(n / each, 256)},
                          .reads = {src},
                          .writes = {dst}});
}

void op_im2col(struct run *run, const struct tensor *dst, const struct tensor *src, size_t height,
               size_t width) {
    size_t channels = tensor_row(src), row = tensor_row(dst),
           images = src->shape[0] / (height * width);
    size_t out_height = (height + 1) / 2, out_width = (width + 1) / 2;
    size_t n = images * out_height * out_width;
    assert(src->shape[0] == images * height * width && dst->shape[0] == n && row >= 9 * channels);
    if (run->gpu) {
        dispatch(run, dst, src, height, width);
        return;
    }
    assert(src->dtype == TENSOR_F32 && dst->dtype == TENSOR_F32);
#pragma omp parallel for if (row_pays(run, n * 9 * channels * ROW_SHORT))
    for (size_t r = 0; r < n; r++) {
        size_t image = r / (out_height * out_width), y = r / out_width % out_height;
        float *to = tensor_f32(dst) + r * row;
        patch(to, tensor_f32(src) + image * height * width * channels, height, width, channels, y,
              r % out_width);
        memset(to + 9 * channels, 0, (row - 9 * channels) * sizeof *to);
    }
}
