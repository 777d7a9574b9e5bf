/* passes_draw: the end of a pass, its head and its draw, for passes_lanes.comp; as norm_linears and sample
 * do it. Before it is included: layers_lanes.glsl. */
#ifndef SHADERS_PASSES_DRAW
#define SHADERS_PASSES_DRAW

#include "shaders/lib/sampler.glsl"
#define SELECT_THREADS 256
#include "shaders/sample.h"
#define SELECT_BITS    8 /* shared memory is short */
#define SELECT_AT_ONCE 4 /* and the code is near, after the first pass */

sample_args draw_a;
const bool LISTS = false;

/* Logits are looked at again and again, so they are brought near: in the place of a row of x. */
void stage_logits() {
    const uint TURNS = (VOCAB / 4 + THREADS - 1) / THREADS;
    [[unroll]] for (uint n = 0; n < TURNS; n++) {
        uint i = n * THREADS + gl_LocalInvocationIndex;
        if (i < VOCAB / 4)
            row_x[i] = vectors(scratch(AT_QKV)).at[i];
    }
    barrier();
}

float logit(uint i) {
    return row_x[i / 4][i % 4];
}

bool seen(uint i) {
    return false;
}

vec4 embed_weights(uint id, uint d) {
    return load_four(draw_a.table + uint64_t(id) * HIDDEN * 2, d / 4, true);
}

void stage() {
}

uint key_at(uint item);

uint first_key(uint item, uint turn) {
    return key_at(min(item, VOCAB - 1));
}

uint quick_key(uint item) {
    return key_at(min(item, VOCAB - 1));
}

#define a       draw_a
#define EMBED   (a.dst != 0)
#define THREADS SELECT_ALL
#define GROUPS  SELECT_GROUPS
#define ALL     SAMPLE_ALL
#define keep    sample_keep
#include "shaders/lib/sample.glsl"
#undef a
#undef EMBED
#undef THREADS
#undef GROUPS
#undef ALL
#undef keep

/* qkv = logits of y, f32 [vocab] */
bool head(uint turn) {
    load_layer(turn + 1);
    return project(turn, scratch(AT_Y), VOCAB, true);
}

/* The first workgroup draws a code from them, and leaves its embedding as the next pass's x. It alone
 * waits for logits, and arrives for all: the others would be counted while some still make theirs. */
bool draw_code(uint turn) {
    uint slot = turn % 2;
    if (my_group != 0) {
        meetings++;
        return true;
    }
    uint64_t embed = table[slot][PASS_EMBED];
    uint codebook = uint(table[slot][PASS_CODEBOOK]);
    draw_a =
        sample_args(r.codes + codebook * 4, scratch(AT_QKV), r.draws, 0, 0, 0, 0,
                    embed == 0 ? 0 : scratch(AT_X), embed, VOCAB, codebook, 0, HIDDEN, VOCAB);
    sample_begin();
    if (!wait())
        return false;
    stage_logits();
    sample_draw();
    arrive_as(all_groups, THREADS);
    return true;
}

#endif
