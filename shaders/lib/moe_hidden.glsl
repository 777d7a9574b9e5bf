/* moe_hidden: what moe_hidden.comp does. Before it is included: few.glsl, the arguments `a`, GROUP
 * and GROUPS_ALL for router.glsl, and the constants CHOOSE, THREADS, EXPERTS, CHOSEN, INNER, ROUTER
 * and PATIENCE, see moe_few.h. */
#include "shaders/lib/choose.glsl"
#include "shaders/lib/router.glsl"

/* All but the weights. */
few_rows row_of_x(uint t) {
    few_rows r;
    r.x[0] = a.x + uint64_t(t) * a.width * 4;
    r.norm = a.norm;
    r.width = a.width;
    return r;
}

/* A task is a number of the row's part of hidden. */
few_rows task_rows(uint t, uint task) {
    few_rows r = row_of_x(t);
    uint pair = task / INNER, n = task % INNER;
    uint64_t row = uint64_t(a.width) * (W_BF16 ? 2 : 4);
    if (pair < CHOSEN) {
        uint64_t skip = uint64_t(choose_expert[pair]) * a.apart + n * row;
        r.w[0] = a.gate + skip;
        r.w[1] = a.up + skip;
    } else {
        n = task - CHOSEN * INNER;
        r.w[0] = a.shared_gate + n * row;
        r.w[1] = a.shared_up + n * row;
    }
    return r;
}

void while_waiting() {
    if (WIDTH > 0)
        few_stage(row_of_x(GROUP.y));
}

void moe_hidden() {
    uint t = GROUP.y, thread = gl_LocalInvocationIndex;
    uint tasks = CHOSEN * INNER + a.shared_inner;
    if (ROUTER != 0)
        route();
    else
        while_waiting();
    if (CHOOSE && ROUTER == 0)
        read_logits(t);
    if (CHOOSE)
        choose_experts();
    else
        read_experts(t);
    /* The first workgroup writes the choice down and does nothing else: it takes longer. */
    uint group = GROUP.x, groups = GROUPS_ALL.x;
    if (CHOOSE && group-- == 0) {
        write_choice(t);
        return;
    }
    /* Weights are asked for in one place, multiplied in one place: short code comes sooner. `first`
     * is beyond all tasks while nothing has been asked for. */
    uint step = (groups - uint(CHOOSE)) * TEAMS, first = group * TEAMS - step;
    few_rows r;
    do {
        bool begun = first < tasks;
        uint now = first;
        if (begun)
            few_give(r);
        first += step;
        if (first < tasks) {
            r = task_rows(t, min(first + team_number(), tasks - 1));
            few_ask(r);
        }
        if (begun)
            team_add();
        if (begun && thread < TEAMS && now + thread < tasks)
            floats(a.hidden).at[t * tasks + now + thread] =
                silu(few_product(thread, 0, 0, a.width, a.eps)) *
                few_product(thread, 0, 1, a.width, a.eps);
    } while (first < tasks);
}
