/* random-model [--hollow] OUTDIR CONFIG.JSON COMPONENT...: a checkpoint of the config's sizes with
 * random bf16 weights, for benchmarks at the true sizes. Components as omni-inspect names them.
 * With --hollow matrices are holes in the file, which take no room; tests/preload/hollow.c fills
 * them when a GPU's weights are read.
 * Matrices are uniform with the variance of N(0, 0.5 / sqrt(fan_in)), norms are 1, so activations
 * stay of the order of 1; biases are small beside them. The numbers mean nothing else. */
#include "common/base/bf16.h"
#include "common/base/die.h"
#include "common/weights/expect.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct maker {
    FILE *out;
    json_t *header;
    size_t offset;
    bool hollow;
    uint64_t tensors; /* so far */
};

enum { BLOCK = 1 << 16, PIECE = 256 * BLOCK, SMALL = 64 << 10 /* numbers: no holes below */ };

static size_t count(const size_t *shape) {
    size_t n = 1;
    for (; *shape; shape++)
        n *= *shape;
    return n;
}

static void add_header(void *ctx, const char *name, const size_t *shape) {
    struct maker *m = ctx;
    json_t *sizes = json_array();
    for (const size_t *s = shape; *s; s++)
        json_array_append_new(sizes, json_integer((json_int_t)*s));
    size_t end = m->offset + 2 * count(shape);
    json_object_set_new(m->header, name,
                        json_pack("{s:s, s:o, s:[I,I]}", "dtype", "BF16", "shape", sizes,
                                  "data_offsets", (json_int_t)m->offset, (json_int_t)end));
    m->offset = end;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* n <= PIECE numbers within -width .. width, or ones (width 0), each block from a seed of its own.
 */
static void fill(uint16_t *values, size_t n, float width, uint64_t seed) {
#pragma omp parallel for
    for (size_t block = 0; block < n; block += BLOCK) {
        uint64_t random = seed + block * 0x632be59bd9b4e019u;
        for (size_t i = block; i < n && i < block + BLOCK; i++) {
            float u = (float)(next_random(&random) >> 40) * 0x1p-23F - 1;
            values[i] = bf16_from_f32(width > 0 ? u * width : 1.0F);
        }
    }
}

static void write_values(void *ctx, const char *name, const size_t *shape) {
    static uint16_t values[PIECE];
    struct maker *m = ctx;
    size_t n = count(shape), fan_in = n / shape[0];
    bool norm = strstr(name, "norm") && strstr(name, ".weight");
    float width = fan_in > 1 ? sqrtf(3.0F) * 0.5F / sqrtf((float)fan_in) : 0.02F; /* biases */
    uint64_t seed = ++m->tensors << 32;
    for (size_t at = 0, some; at < n; at += some) {
        some = n - at < PIECE ? n - at : PIECE;
        if (m->hollow && n > SMALL) {
            if (fseeko(m->out, (off_t)(2 * some), SEEK_CUR))
                die(ERR_IO, "cannot skip: %s", name);
            continue;
        }
        fill(values, some, norm ? 0 : width, seed + at);
        if (fwrite(values, 2, some, m->out) != some)
            die(ERR_IO, "write failed: %s", name);
    }
}

static enum expect_component component(const char *name) {
    for (int i = 0; i < EXPECT_COMPONENTS; i++)
        if (strcmp(name, expect_name((enum expect_component)i)) == 0)
            return (enum expect_component)i;
    die(ERR_USAGE, "no component '%s'", name);
}

static void copy_file(const char *from, const char *to) {
    json_t *j = json_load_file(from, 0, NULL);
    if (!j || json_dump_file(j, to, JSON_INDENT(1)))
        die(ERR_IO, "cannot copy %s to %s", from, to);
    json_decref(j);
}

int main(int argc, char **argv) {
    die_init("random-model");
    bool hollow = argc > 1 && strcmp(argv[1], "--hollow") == 0;
    argv += hollow;
    argc -= hollow;
    if (argc < 4)
        die(ERR_USAGE, "usage: random-model [--hollow] OUTDIR CONFIG.JSON COMPONENT...");
    char path[4096];
    mkdir(argv[1], 0777);
    snprintf(path, sizeof path, "%s/config.json", argv[1]);
    copy_file(argv[2], path);
    struct config config;
    struct err e = {.code = 0};
    if (config_load(&config, argv[1], &e))
        die_err(&e);
    snprintf(path, sizeof path, "%s/model.safetensors", argv[1]);
    struct maker m = {.out = fopen(path, "wb"), .header = json_object(), .hollow = hollow};
    if (!m.out)
        die(ERR_CANTCREAT, "%s: cannot create it", path);
    for (int i = 3; i < argc; i++)
        expect_tensors(&config, component(argv[i]), add_header, &m);
    char *header = json_dumps(m.header, JSON_COMPACT);
    uint64_t length = strlen(header), padded = (length + 7) / 8 * 8; /* keeps the tensors aligned */
    if (fwrite(&padded, 8, 1, m.out) != 1 || fwrite(header, 1, length, m.out) != length ||
        fprintf(m.out, "%*s", (int)(padded - length), "") < 0)
        die(ERR_IO, "%s: write failed", path);
    for (int i = 3; i < argc; i++)
        expect_tensors(&config, component(argv[i]), write_values, &m);
    /* A hole at the end is there too. */
    if (fflush(m.out) || ftruncate(fileno(m.out), ftello(m.out)) || fclose(m.out))
        die(ERR_IO, "%s: write failed", path);
    free(header);
    json_decref(m.header);
    config_free(&config);
    return 0;
}
