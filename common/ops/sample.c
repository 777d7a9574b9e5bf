#include "common/ops/row.h"
#include "common/ops/sample_gpu.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC
 * 2011. Returns the first of the four words. */
static uint32_t philox(const uint32_t counter[4], uint32_t key0, uint32_t key1) {
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p = (uint64_t)0xD2511F53 * a, q = (uint64_t)0xCD9E8D57 * c;
        a = (uint32_t)(q >> 32) ^ b ^ key0;
        b = (uint32_t)q;
        c = (uint32_t)(p >> 32) ^ d ^ key1;
        d = (uint32_t)p;
        key0 += 0x9E3779B9;
        key1 += 0xBB67AE85;
    }
    return a;
}

/* score = logits after penalty and suppression; never NaN. */
static void penalise(float *score, const float *logit, const int32_t *seen, size_t n,
                     const struct op_sampler *s) {
    for (size_t i = 0; i < n; i++) {
        float l = isnan(logit[i]) ? -INFINITY : logit[i];
        if (seen && seen[i])
            l = l > 0 ? l / s->rep : l * s->rep;
        score[i] = l;
    }
    for (size_t i = (size_t)s->suppress_from; i < n; i++)
        if (i != (size_t)s->suppress_keep)
            score[i] = -INFINITY;
}

/* Index of the largest, the lowest one on ties. */
static size_t argmax(const float *score, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (score[i] > score[best])
            best = i;
    return best;
}

/* Maps f32 (no NaN) to uint32 so that a < b is order(a) < order(b); of_order is its inverse. */
static uint32_t order(float f) {
    uint32_t u;
    f += 0.0F; /* -0 becomes +0 */
    memcpy(&u, &f, sizeof u);
    return u & 0x80000000 ? ~u : u | 0x80000000;
}

static float of_order(uint32_t u) {
    float f;
    u = u & 0x80000000 ? u & 0x7fffffff : ~u;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* The score at which the summed mass of scores, from the largest down, reaches target; *above is
 * the mass of all larger scores. mass NULL counts 1 for each. Sorting would cost more than all
 * else here, so the bits of the result are found eight at a time from histograms. */
static float find_cut(const float *score, const float *mass, size_t n, double target,
                      double *above) {
    uint32_t cut = 0;
    *above = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        double bin[256] = {0};
        for (size_t i = 0; i < n; i++) {
            uint32_t key = order(score[i]);
            if (shift == 24 || (key ^ cut) >> (shift + 8) == 0)
                bin[key >> shift & 255] += mass ? (double)mass[i] : 1;
        }
        int digit = 255;
        for (; digit > 0 && *above + bin[digit] < target; digit--)
            *above += bin[digit];
        cut |= (uint32_t)digit << shift;
    }
    return of_order(cut);
}

/* What is left to draw from: ascending ids with their scores, then their masses. */
struct candidates {
    size_t n;
    int32_t *id;
    float *score, *mass;
};

/* Moves the scores from cut up to the front. */
static void keep_from(struct candidates *c, float cut) {
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->score[i] >= cut) {
            c->score[kept] = c->score[i];
            c->id[kept++] = (int32_t)i;
        }
    }
    c->n = kept;
}

/* Zeroes the mass of everything outside the smallest set that holds top_p of it all. Of equal
 * scores at the cut the first ones are kept. The largest has mass 1 and always stays. */
static void keep_top_p(struct candidates *c, double top_p) {
    double total = 0, held;
    for (size_t i = 0; i < c->n; i++)
        total += (double)c->mass[i];
    double target = fmax(top_p * total, 1);
    float cut = find_cut(c->score, c->mass, c->n, target, &held);
    for (size_t i = 0; i < c->n; i++) {
        if (c->score[i] == cut && held < target)
            held += (double)c->mass[i];
        else if (c->score[i] <= cut)
            c->mass[i] = 0;
    }
}

/* The first index whose running sum of mass passes u of the total; u in [0, 1). */
static size_t draw(const float *mass, size_t n, double u) {
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        total += (double)mass[i];
    size_t i = 0;
    for (; i < n - 1; i++) {
        sum += (double)mass[i];
        if (sum > u * total)
            break;
    }
    return i;
}

/* Top-k to draw; all scores are candidates, their largest is finite. */
static int32_t pick(struct candidates *c, float largest, const struct op_sampler *s,
                    uint32_t codebook) {
    float cut = -FLT_MAX; /* everything but the suppressed */
    double above;
    if (s->top_k > 0 && (size_t)s->top_k < c->n) /* before temperature: the order is the same */
        cut = fmaxf(cut, find_cut(c->score, NULL, c->n, s->top_k, &above));
    keep_from(c, cut);
    for (size_t i = 0; i < c->n; i++) /* the shift leaves softmax as it is and cannot overflow */
        c->mass[i] = expf((c->score[i] - largest) / s->temp);
    if (s->top_p < 1)
        keep_top_p(c, (double)s->top_p);

    uint32_t counter[4] = {s->stage, s->turn, (uint32_t)s->step, codebook};
    return c->id[draw(c->mass, c->n, philox(counter, s->seed_lo, s->seed_hi) * 0x1p-32)];
}

static int32_t sample(struct run *run, const float *logit, size_t n, const int32_t *seen,
                      const struct op_sampler *s, uint32_t codebook) {
    struct arena *scratch = &run->memory[RUN_STEP];
    struct arena_mark mark = arena_mark(scratch);
    struct candidates c = {.n = n,
                           .id = arena_alloc(scratch, n * sizeof(int32_t)),
                           .score = arena_alloc(scratch, n * sizeof(float)),
                           .mass = arena_alloc(scratch, n * sizeof(float))};
    penalise(c.score, logit, seen, n, s);
    size_t best = argmax(c.score, n);
    int32_t id = (int32_t)best;
    /* Infinite logits have no softmax; the largest is the only answer left. */
    if (s->temp > 0 && isfinite(c.score[best]))
        id = pick(&c, c.score[best], s, codebook);
    arena_release(scratch, mark);
    return id;
}

void op_sample(struct run *run, const struct tensor *token, const struct tensor *logits,
               const struct tensor *sampler, const struct tensor *seen, uint32_t codebook) {
    size_t n = tensor_count(logits);
    assert(logits->dtype == TENSOR_F32 && n > 0 && token->dtype == TENSOR_I32);
    assert(tensor_bytes(sampler) == sizeof(struct op_sampler));
    assert(!seen || (seen->dtype == TENSOR_I32 && tensor_count(seen) == n));
    if (run->gpu) {
        struct sample_job j = {.token = token,
                               .logits = logits,
                               .sampler = sampler,
                               .seen = seen,
                               .codebook = codebook};
        sample_gpu(run, &j);
        return;
    }
    struct op_sampler *s = sampler->data;
    assert(s->suppress_from > 0);
    int32_t *marks = seen ? tensor_i32(seen) : NULL;
    int32_t id = sample(run, tensor_f32(logits), n, marks, s, codebook);
    tensor_i32(token)[0] = id;
    if (seen)
        marks[id] = 1;
    if (codebook == (uint32_t)s->last_codebook)
        s->step++;
}
