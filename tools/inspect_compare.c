/* inspect_compare: how one stream differs from another. Floats by the relative distance
 * ||a - b||_2 / ||b||_2 in double precision, all else exactly. */
#include "tools/inspect_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct comparison {
    const struct inspect_compare *how;
    bool same;
    struct err *err;
};

static int label(char *text, size_t size, const struct inspect_item *i) {
    return i->turn < 0 ? snprintf(text, size, "%s: ", i->name)
                       : snprintf(text, size, "turn %" PRId64 " %s: ", i->turn, i->name);
}

/* One difference: "turn 0 codes: " and what it is, always one line. */
__attribute__((format(printf, 3, 4))) static void
differs(struct comparison *c, const struct inspect_item *i, const char *fmt, ...) {
    char line[640];
    int n = label(line, sizeof line, i);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
    va_end(ap);
    for (char *s = line; *s; s++)
        *s = (unsigned char)*s < 0x20 ? '?' : *s;
    c->same = false;
    inspect_say(line, c->err);
}

static bool is_float(enum tensor_dtype dtype) {
    return dtype == TENSOR_F32 || dtype == TENSOR_BF16 || dtype == TENSOR_F16;
}

static void format_shape(char text[200], const struct tensor *t) {
    int n = sprintf(text, "[");
    for (size_t i = 0; i < t->rank; i++)
        n += sprintf(text + n, "%s%zu", i ? ", " : "", t->shape[i]);
    sprintf(text + n, "]");
}

/* Index and values where a and b are furthest apart (a NaN on one side only is as far as can be).
 */
static size_t worst(const struct tensor *a, const struct tensor *b) {
    double most = -1;
    size_t at = 0;
    for (size_t i = 0; i < tensor_count(a); i++) {
        double x = inspect_value(a->dtype, a->data, i), y = inspect_value(b->dtype, b->data, i);
        double d = isnan(x) && isnan(y) ? 0 : isnan(x - y) ? INFINITY : fabs(x - y);
        if (d > most) {
            most = d;
            at = i;
        }
    }
    return at;
}

static double distance(const struct tensor *a, const struct tensor *b) {
    double apart = 0, size = 0;
    for (size_t i = 0; i < tensor_count(a); i++) {
        double x = inspect_value(a->dtype, a->data, i), y = inspect_value(b->dtype, b->data, i);
        apart += (x - y) * (x - y);
        size += y * y;
    }
    return apart == 0 ? 0 : sqrt(apart) / sqrt(size);
}

static void compare_floats(struct comparison *c, const struct inspect_item *i,
                           const struct tensor *a, const struct tensor *b) {
    bool same_bits = a->dtype == b->dtype && memcmp(a->data, b->data, tensor_bytes(a)) == 0;
    double d = same_bits ? 0 : distance(a, b);
    if (c->how->verbose) {
        char name[FRAME_MAX_NAME + 32];
        label(name, sizeof name, i);
        fprintf(stderr, "%s%.3g\n", name, d);
    }
    /* Written so that a NaN fails. */
    if (same_bits || (c->how->tolerance > 0 && d <= c->how->tolerance))
        return;
    size_t at = worst(a, b), row = tensor_row(a) ? tensor_row(a) : 1;
    differs(c, i, "relative difference %.3g, most in row %zu, column %zu: %.9g, expected %.9g", d,
            at / row, at % row, inspect_value(a->dtype, a->data, at),
            inspect_value(b->dtype, b->data, at));
}

static void compare_ints(struct comparison *c, const struct inspect_item *i, const struct tensor *a,
                         const struct tensor *b) {
    size_t n = tensor_count(a), row = tensor_row(a), first = n, others = 0;
    for (size_t k = 0; k < n; k++) {
        if (inspect_value(a->dtype, a->data, k) == inspect_value(b->dtype, b->data, k))
            continue;
        others += first < n;
        first = first < n ? first : k;
    }
    if (first < n)
        differs(c, i, "row %zu, column %zu: %.0f, expected %.0f, and %zu more", first / row,
                first % row, inspect_value(a->dtype, a->data, first),
                inspect_value(b->dtype, b->data, first), others);
}

static void compare_tensors(struct comparison *c, const struct inspect_item *i,
                            const struct tensor *a, const struct tensor *b) {
    char is[200], expected[200];
    format_shape(is, a);
    format_shape(expected, b);
    if (is_float(a->dtype) != is_float(b->dtype) ||
        (c->how->tolerance == 0 && a->dtype != b->dtype))
        differs(c, i, "dtype %s, expected %s", tensor_dtype_name(a->dtype),
                tensor_dtype_name(b->dtype));
    else if (a->rank != b->rank || memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) != 0)
        differs(c, i, "shape %s, expected %s", is, expected);
    else if (is_float(a->dtype))
        compare_floats(c, i, a, b);
    else
        compare_ints(c, i, a, b);
}

static void compare_bytes(struct comparison *c, const struct inspect_item *a,
                          const struct inspect_item *b) {
    size_t at = 0;
    while (at < a->n_bytes && at < b->n_bytes && a->bytes[at] == b->bytes[at])
        at++;
    if (at < a->n_bytes || at < b->n_bytes)
        differs(c, a, "'%.160s', expected '%.160s' (from byte %zu on)", a->bytes, b->bytes, at);
}

static void compare_item(struct comparison *c, const struct inspect_item *a,
                         const struct inspect_item *b) {
    if (!a)
        differs(c, b, "missing");
    else if (a->what == INSPECT_TENSOR)
        compare_tensors(c, b, &a->rows, &b->rows);
    else
        compare_bytes(c, a, b);
}

static void compare_all(struct comparison *c, const struct inspect_rows *a,
                        const struct inspect_rows *b) {
    for (size_t k = 0; k < b->n_items && !c->err->code; k++) {
        const struct inspect_item *i = b->items[k];
        compare_item(c, inspect_rows_find(a, i->what, i->turn, i->name), i);
    }
    for (size_t k = 0; k < a->n_items && !c->how->subset && !c->err->code; k++) {
        const struct inspect_item *i = a->items[k];
        if (!inspect_rows_find(b, i->what, i->turn, i->name))
            differs(c, i, "not expected");
    }
}

int inspect_compare(const char *path, const char *expected, const struct inspect_compare *how,
                    bool *same, struct err *e) {
    struct inspect_rows a, b = {.n_items = 0};
    struct comparison c = {.how = how, .same = true, .err = e};
    if (!inspect_rows_read(&a, path, NULL, -1, false, e) &&
        !inspect_rows_read(&b, expected, NULL, -1, false, e))
        compare_all(&c, &a, &b);
    *same = c.same;
    inspect_rows_free(&a);
    inspect_rows_free(&b);
    return e->code;
}
