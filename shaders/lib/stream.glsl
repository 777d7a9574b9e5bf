/* stream: products of one or two vectors with rows of weights, for a kernel that stays
 * (resident.comp). All products of the kernel are known beforehand as a table of stream_args. A
 * team's rows of weights are read as one long stream that goes on from one product to the next:
 * loads are under way for the next product while this one is still added up and while the kernel
 * waits for the vector. Sums are made in the order of few.glsl.
 *
 * Needs, before it is included, team.glsl, the bool constant W_BF16, the uint constants NORM (as in
 * few.glsl), RING (units that are under way: 1, 2 or 4), uint POOL and `shared uint pool[POOL]`,
 * and stream_part. */
#ifndef SHADERS_STREAM
#define SHADERS_STREAM

#extension GL_EXT_control_flow_attributes : require

#include "shaders/lib/activate.glsl"
#include "shaders/lib/eight.glsl"
#include "shaders/stream.h"

const uint UNIT = 4;  /* loads of a thread that make a unit: 1024 weights of a row */
const uint SLOTS = 8; /* sums of a team between two additions; a multiple of 2 RING */
const uint NORMS = 2; /* eights of the norm that a thread asks for ahead */

layout(buffer_reference, scalar, buffer_reference_align = 4) readonly buffer stream_words {
    uint at[];
};

shared float stream_square[2 * (TEAM + 1)];
shared float stream_total[SLOTS * TEAMS + 2];
shared uint stream_word[3][STREAM_WORDS]; /* this product's arguments and the next two's */

raw_eight stream_raw[RING * UNIT], stream_norm[NORMS];
uint stream_at, stream_group, stream_groups; /* product, workgroup, of so many */
uint64_t stream_table;
uint stream_n; /* products in the table */

/* ---- products ---- */

/* What a thread needs of a product at every turn; the rest is read where it is needed. */
struct product {
    uint which;                /* of stream_word */
    uint eights, parts, part_of; /* of a row: eights, units, 2^16 / units */
    uint rows, units;          /* of x; of this team's weights */
    bool add, pairs, apart, norm;
    uint64_t w, up, stride; /* this team's first row of w[0] and w[1]; from one of its rows to the next */
};

uint word_of(uint which, uint i) {
    return stream_word[which][i];
}

uint64_t address_of(uint which, uint i) {
    return packUint2x32(uvec2(word_of(which, i), word_of(which, i + 1)));
}

/* How many rows of weights team number `team` has of a product. */
uint rows_of(uint which, bool pairs, uint team) {
    uint n = word_of(which, 30) + uint(team < word_of(which, 31));
    return pairs ? 2 * n : n;
}

uint this_team() {
    return stream_group * TEAMS + team_number();
}

/* Product number `at`; without units beyond the last. */
product find_product(uint at) {
    product p;
    p.which = at % 3;
    uint flags = word_of(p.which, 27), bytes = word_of(p.which, 25) * (W_BF16 ? 2 : 4);
    p.add = (flags & STREAM_ADD) != 0;
    p.pairs = (flags & STREAM_PAIRS) != 0;
    p.apart = (flags & STREAM_APART) != 0;
    p.rows = word_of(p.which, 24);
    p.eights = word_of(p.which, 25) / 8;
    p.parts = (p.eights + UNIT * TEAM - 1) / (UNIT * TEAM);
    p.part_of = p.parts == 1 ? 65536 : p.parts == 2 ? 32768 : (65535 + p.parts) / p.parts;
    p.norm = address_of(p.which, 18) != 0;
    p.units = at < stream_n ? rows_of(p.which, p.pairs, this_team()) * p.parts : 0;
    uint64_t skip = uint64_t(this_team()) * bytes;
    p.w = address_of(p.which, 0) + skip;
    p.up = address_of(p.which, 2) + skip;
    p.stride = uint64_t(stream_groups * TEAMS) * bytes;
    return p;
}

/* This thread's word of product `at`. */
uint load_word(uint at) {
    if (gl_LocalInvocationIndex >= STREAM_WORDS || at >= stream_n)
        return 0;
    return stream_words(stream_table).at[at * STREAM_WORDS + gl_LocalInvocationIndex];
}

void put_word(uint at, uint word) {
    if (gl_LocalInvocationIndex < STREAM_WORDS)
        stream_word[at % 3][gl_LocalInvocationIndex] = word;
}

/* The task that a team's row is for. */
uint task_of(product p, uint team, uint row) {
    return team + (p.pairs ? row / 2 : row) * stream_groups * TEAMS;
}

/* Where a task is, if there are several matrices. */
struct row_place {
    uint matrix, n, outs;
};

row_place find_row(product p, uint task) {
    row_place at = row_place(0, task, word_of(p.which, 20));
    while (at.matrix < 3 && at.n >= at.outs) {
        at.n -= at.outs;
        at.outs = word_of(p.which, 20 + ++at.matrix);
    }
    return at;
}

/* ---- loads ---- */

uint64_t row_address(product p, uint row) {
    if (p.apart) {
        row_place at = find_row(p, task_of(p, this_team(), row));
        return address_of(p.which, 2 * at.matrix) + uint64_t(at.n) * p.eights * (W_BF16 ? 16 : 32);
    }
    if (p.pairs)
        return ((row & 1) != 0 ? p.up : p.w) + (row >> 1) * p.stride;
    return p.w + row * p.stride;
}

/* Asks for a unit of this team's rows, to be in the slot of the ring. */
void load_unit(product p, uint slot, uint unit) {
    uint row = unit * p.part_of >> 16, part = unit - row * p.parts;
    uint64_t w = row_address(p, row);
    [[unroll]] for (uint j = 0; j < UNIT; j++) {
        uint i = (part * UNIT + j) * TEAM + team_lane();
        if (i < p.eights)
            stream_raw[slot * UNIT + j] = load_eight(w, i, W_BF16);
    }
}

/* The team whose first thread goes to the meeting: what a thread has asked for must be there before
 * its fence is over. So it looks ahead only after that, with stream_ahead(). */
bool is_last_team() {
    return team_number() == 0;
}

/* A slot's part of the beginning of a product. */
void load_first(product p, uint slot) {
    if (slot < p.units)
        load_unit(p, slot, slot);
}

void load_norm(product p) {
    [[unroll]] for (uint k = 0; k < NORMS; k++) {
        uint i = gl_LocalInvocationIndex + k * THREADS;
        if (p.norm && i < p.eights)
            stream_norm[k] = load_eight(address_of(p.which, 18), i, NORM == 2);
    }
}

/* Once, or for another group: begins the table at product `at`. */
void stream_open(uint64_t table, uint n, uint at, uint group, uint groups) {
    stream_table = table;
    stream_n = n;
    stream_at = at;
    stream_group = group;
    stream_groups = groups;
    barrier();
    put_word(at, load_word(at));
    put_word(at + 1, load_word(at + 1));
    barrier();
    product p = find_product(at);
    [[unroll]] for (uint r = 0; r < RING; r++)
        load_first(p, r);
    load_norm(p);
}

/* ---- vectors ---- */

/* Number c of eight i of row t in the pool: so neighbouring threads read neighbouring words. */
uint x_at(product p, uint t, uint i, uint c) {
    return (8 * t + c) * p.eights + i;
}

vec4 get_four(product p, uint at) {
    return uintBitsToFloat(uvec4(pool[at], pool[at + p.eights], pool[at + 2 * p.eights],
                                 pool[at + 3 * p.eights]));
}

void put_four(product p, uint at, vec4 x) {
    [[unroll]] for (uint c = 0; c < 4; c++)
        pool[at + c * p.eights] = floatBitsToUint(x[c]);
}

eight get_x(product p, uint t, uint i) {
    return eight(get_four(p, x_at(p, t, i, 0)), get_four(p, x_at(p, t, i, 4)));
}

/* Squares of eights are behind the rows. */
uint square_at(product p, uint t, uint i) {
    return 8 * p.rows * p.eights + t * p.eights + i;
}

void put_x(product p, uint t, uint i, raw_eight norm) {
    eight x = load_x(address_of(p.which, 16) + uint64_t(t) * p.eights * 32, i);
    if (p.norm) {
        pool[square_at(p, t, i)] = floatBitsToUint(fma8(x, x, 0));
        eight g = widen_eight(norm, NORM == 2);
        x = eight(x.a * g.a, x.b * g.b);
    }
    put_four(p, x_at(p, t, i, 0), x.a);
    put_four(p, x_at(p, t, i, 4), x.b);
}

/* The rows of x, times norm, into the pool, and the lanes' parts of their squares' sums. */
void stage_x(product p) {
    [[unroll]] for (uint k = 0; k < NORMS; k++) {
        uint i = gl_LocalInvocationIndex + k * THREADS;
        for (uint t = 0; t < p.rows && i < p.eights; t++)
            put_x(p, t, i, stream_norm[k]);
    }
    for (uint i = gl_LocalInvocationIndex + NORMS * THREADS; i < p.eights; i += THREADS)
        for (uint t = 0; t < p.rows; t++) {
            raw_eight norm;
            if (p.norm)
                norm = load_eight(address_of(p.which, 18), i, NORM == 2);
            put_x(p, t, i, norm);
        }
    barrier();
    if (!p.norm || team_number() >= p.rows)
        return;
    float sum = 0;
    for (uint i = team_lane(); i < p.eights; i += TEAM)
        sum += uintBitsToFloat(pool[square_at(p, team_number(), i)]);
    stream_square[team_number() * (TEAM + 1) + team_lane()] = sum;
}

/* ---- results ---- */

/* Result i of a round is that of slot i / TEAMS of team i % TEAMS; a slot is a row of weights and
 * a row of x. */
struct result {
    bool exists;
    uint row, t, team;
};

result result_of(product p, uint i, uint round) {
    result r;
    uint slot = i / TEAMS;
    r.t = p.rows == 2 ? slot % 2 : 0;
    r.row = round + (p.rows == 2 ? slot / 2 : slot);
    r.team = stream_group * TEAMS + i % TEAMS;
    r.exists = slot < SLOTS && r.row < rows_of(p.which, p.pairs, r.team) &&
               !(p.pairs && r.row % 2 == 1);
    return r;
}

uint64_t result_address(product p, result r) {
    uint task = task_of(p, r.team, r.row);
    if (!p.apart)
        return address_of(p.which, 8) + uint64_t(r.t * word_of(p.which, 29) + task) * 4;
    row_place at = find_row(p, task);
    return address_of(p.which, 8 + 2 * at.matrix) + uint64_t(r.t * at.outs + at.n) * 4;
}

/* As team_add() does it. */
float add_lanes(bool squares, uint at) {
    vec4 s = vec4(0);
    for (uint i = at * (TEAM + 1); i < at * (TEAM + 1) + TEAM; i += 4)
        s += squares ? vec4(stream_square[i], stream_square[i + 1], stream_square[i + 2],
                            stream_square[i + 3])
                     : vec4(stream_part[i], stream_part[i + 1], stream_part[i + 2],
                            stream_part[i + 3]);
    return (s.x + s.y) + (s.z + s.w);
}

float normed(product p, uint i, uint t) {
    float sum = stream_total[i];
    if (p.norm)
        sum /= sqrt(stream_total[SLOTS * TEAMS + t] / float(p.eights * 8) +
                    uintBitsToFloat(word_of(p.which, 28)));
    return sum;
}

/* Adds up and stores what the teams have left in their slots; before: what was there in the first
 * round, if it is added to. */
void store_round(product p, uint round, float before) {
    uint i = gl_LocalInvocationIndex;
    barrier();
    if (i < SLOTS * TEAMS)
        stream_total[i] = add_lanes(false, i);
    else if (i - SLOTS * TEAMS < p.rows && p.norm)
        stream_total[i] = add_lanes(true, i - SLOTS * TEAMS);
    barrier();
    result r = result_of(p, i, round);
    if (!r.exists)
        return;
    floats dst = floats(result_address(p, r));
    if (p.pairs)
        dst.at[0] = silu(normed(p, i, r.t)) * normed(p, i + p.rows * TEAMS, r.t);
    else if (p.add)
        dst.at[0] = (round == 0 ? before : dst.at[0]) + normed(p, i, r.t);
    else
        dst.at[0] = activate(word_of(p.which, 26), normed(p, i, r.t));
}

/* ---- work ---- */

/* Adds the products of a unit to the sums. */
void multiply(product p, inout float sum[2], uint slot, uint part) {
    [[unroll]] for (uint j = 0; j < UNIT; j++) {
        uint i = (part * UNIT + j) * TEAM + team_lane();
        if (i >= p.eights)
            continue;
        eight w = widen_eight(stream_raw[slot * UNIT + j], W_BF16);
        sum[0] = fma8(get_x(p, 0, i), w, sum[0]);
        if (p.rows == 2)
            sum[1] = fma8(get_x(p, 1, i), w, sum[1]);
    }
}

/* The same of all units of the ring, when each is a whole row: x is read once for all of them. */
void multiply_rows(product p, out float sum[RING]) {
    [[unroll]] for (uint r = 0; r < RING; r++)
        sum[r] = 0;
    [[unroll]] for (uint j = 0; j < UNIT; j++) {
        uint i = j * TEAM + team_lane();
        if (i >= p.eights)
            continue;
        eight x = get_x(p, 0, i);
        [[unroll]] for (uint r = 0; r < RING; r++)
            sum[r] = fma8(x, widen_eight(stream_raw[r * UNIT + j], W_BF16), sum[r]);
    }
}

/* Leaves a lane's sum for row `row` of a round in its slot. */
void give(product p, uint row, uint t, float sum) {
    uint slot = row * p.rows + t;
    stream_part[(slot * TEAMS + team_number()) * (TEAM + 1) + team_lane()] = sum;
}

/* Fills a slot with unit `unit` of this product; if it has not so many, with its part of the
 * beginning of the next one. */
void refill(product p, product next, uint slot, uint unit) {
    bool ahead = unit >= p.units;
    if (ahead) {
        p = next;
        unit = slot;
    }
    if (unit < p.units && !(ahead && is_last_team()))
        load_unit(p, slot, unit);
}

/* Units first .. end - 1; a multiple of RING of them came before. */
void work_rows(product p, product next, uint first, uint end) {
    float sum[RING];
    for (uint u = first; u < end; u += RING) {
        multiply_rows(p, sum);
        [[unroll]] for (uint r = 0; r < RING; r++)
            if (u + r < end) {
                give(p, u + r - first, 0, sum[r]);
                refill(p, next, r, u + r + RING);
            }
    }
}

void work_parts(product p, product next, uint first, uint end) {
    float sum[2] = {0, 0};
    uint part = 0, row = 0;
    for (uint u = first; u < end; u += RING)
        [[unroll]] for (uint r = 0; r < RING; r++)
            if (u + r < end) {
                multiply(p, sum, r, part);
                refill(p, next, r, u + r + RING);
                if (++part == p.parts) {
                    give(p, row, 0, sum[0]);
                    if (p.rows == 2)
                        give(p, row, 1, sum[1]);
                    sum[0] = sum[1] = 0;
                    part = 0;
                    row++;
                }
            }
}

/* The next product of the table. All threads must call it. */
void stream_work() {
    product p = find_product(stream_at), next = find_product(stream_at + 1);
    uint word = load_word(stream_at + 2); /* takes a while */
    uint most = rows_of(p.which, p.pairs, stream_group * TEAMS);
    uint each = p.rows == 2 ? SLOTS / 2 : SLOTS; /* rows of a round: a multiple of RING */
    float before = 0;
    result mine = result_of(p, gl_LocalInvocationIndex, 0);
    if (p.add && mine.exists)
        before = floats(result_address(p, mine)).at[0];
    stage_x(p);
    if (!is_last_team())
        load_norm(next);
    [[unroll]] for (uint r = 0; r < RING; r++)
        if (r >= p.units && !is_last_team())
            load_first(next, r); /* this product leaves the slot empty */
    for (uint round = 0; round < most; round += each) {
        uint first = min(p.units, round * p.parts), end = min(p.units, (round + each) * p.parts);
        if (p.parts == 1 && p.rows == 1)
            work_rows(p, next, first, end);
        else
            work_parts(p, next, first, end);
        store_round(p, round, before);
    }
    put_word(stream_at + 2, word);
    stream_at++;
}

/* After the meeting's fence, or where there is none. */
void stream_ahead() {
    if (!is_last_team())
        return;
    product p = find_product(stream_at);
    [[unroll]] for (uint r = 0; r < RING; r++)
        load_first(p, r);
    load_norm(p);
}

#endif
