#include "common/ops/ops.h"
#include "common/ops/row.h"

#include <math.h>

enum axis { TIME, HEIGHT, WIDTH };

/* Which of the three positions turns frequency i. */
static enum axis axis_of(size_t i, const size_t section[3]) {
    if (i % 3 == HEIGHT && i < 3 * section[HEIGHT])
        return HEIGHT;
    if (i % 3 == WIDTH && i < 3 * section[WIDTH])
        return WIDTH;
    return TIME;
}

/* Every step is rounded to f32 as in the reference: at position 5000 one unit in the last place of
 * a frequency turns the angle by up to 3e-4, which would be the largest error of the whole model.
 */
void op_rope_table(struct run *run, const struct tensor *table, const struct tensor *positions,
                   double theta, const size_t section[3]) {
    (void)run;
    size_t n_rows = table->shape[0], width = tensor_row(table), half = width / 2;
    assert(table->dtype == TENSOR_F32 && positions->dtype == TENSOR_F32);
    assert(width % 2 == 0 && tensor_count(positions) == 3 * n_rows);
    for (size_t i = 0; i < half; i++) {
        float exponent = (float)(2 * i) / (float)width;
        float frequency = 1 / powf((float)theta, exponent);
        enum axis axis = axis_of(i, section);
        for (size_t t = 0; t < n_rows; t++) {
            float angle = tensor_f32(positions)[3 * t + axis] * frequency;
            tensor_f32(table)[t * width + i] = cosf(angle);
            tensor_f32(table)[t * width + half + i] = sinf(angle);
        }
    }
}
