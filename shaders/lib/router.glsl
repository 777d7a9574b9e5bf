/* router: the logits behind a norm, of one row of moe_hidden_args `a`, made by the workgroups that
 * will choose by them: a kernel of its own for 128 of them takes 5.5 us, of which reading 0.5 MB is
 * the least. Each workgroup makes some, puts their keys (order.glsl) where all find them, and looks
 * for the others'. A key is no zero, so it says itself that it is there.
 *
 * Vulkan does not promise that workgroups run at the same time. One that has looked PATIENCE times in
 * vain makes all keys itself, by the same instructions, hence the same; others then find these.
 *
 * Before it is included: choose.glsl, team.glsl with SUMS of 2 or more, eight.glsl, the constants
 * ROUTER, PATIENCE and NORM, and GROUP, GROUPS_ALL: this workgroup's number, of so many. Who includes
 * it declares
 *   void while_waiting();   what can be done before there is a choice; all threads call it */
#ifndef SHADERS_ROUTER
#define SHADERS_ROUTER

void while_waiting();

/* Few teams a logit are few workgroups that must run for all to go on, and long code. */
const uint LOGIT_TEAMS = 4, LOGIT_THREADS = LOGIT_TEAMS * TEAM;
const uint LOGITS = TEAMS / LOGIT_TEAMS; /* that a workgroup makes at once */
/* Eights that a thread has under way: all that it has of a row of 2048. */
const uint LOGIT_BATCH = 2048 / 8 / LOGIT_THREADS;

layout(buffer_reference, scalar, buffer_reference_align = 4) volatile coherent buffer router_keys {
    uint at[];
};

shared bool router_lacks;

/* A logit's key to all workgroups, and to this one. The one behind all experts is the shared one's. */
void put_logit(uint e, float logit) {
    if (e == a.n_experts) {
        floats(a.shared_logit).at[0] = logit;
        return;
    }
    uint key = is_nan(logit) ? 1 : order(logit);
    router_keys(a.logits).at[e] = key;
    put_key(e, key);
}

/* Logits from `first` on, of `all`. */
void make_logits(uint first, uint all) {
    uint thread = gl_LocalInvocationIndex, n = a.width / 8;
    uint e = min(first + thread / LOGIT_THREADS, all - 1);
    uint64_t row = a.router + uint64_t(e) * a.width * (ROUTER == NORM_BF16 ? 2 : 4);
    float sum = 0, square = 0;
    if (e == a.n_experts)
        row = a.shared_router;
    [[dont_unroll]] for (uint i = thread % LOGIT_THREADS; i < n; i += LOGIT_BATCH * LOGIT_THREADS) {
        raw_eight w[LOGIT_BATCH], norm[LOGIT_BATCH];
        eight x[LOGIT_BATCH];
        [[unroll]] for (uint j = 0; j < LOGIT_BATCH; j++) {
            uint at = min(i + j * LOGIT_THREADS, n - 1);
            w[j] = load_eight(row, at, ROUTER == NORM_BF16);
            x[j] = load_x(a.x, at);
            norm[j] = load_eight(a.norm, at, NORM == NORM_BF16);
        }
        [[unroll]] for (uint j = 0; j < LOGIT_BATCH; j++) {
            eight g = widen_eight(norm[j], NORM == NORM_BF16);
            if (i + j * LOGIT_THREADS >= n)
                continue;
            square = fma8(x[j], x[j], square);
            sum = fma8(times8(x[j], g), widen_eight(w[j], ROUTER == NORM_BF16), sum);
        }
    }
    team_give(0, sum);
    team_give(1, square);
    team_add();
    if (thread >= LOGITS || first + thread >= all)
        return;
    sum = square = 0;
    [[unroll]] for (uint i = 0; i < LOGIT_TEAMS; i++) {
        sum += team_total[(thread * LOGIT_TEAMS + i) * SUMS];
        square += team_total[(thread * LOGIT_TEAMS + i) * SUMS + 1];
    }
    put_logit(first + thread, sum / sqrt(square / float(a.width) + a.eps));
}

/* Waits for the keys; false if some do not come. */
bool find_keys() {
    if (gl_LocalInvocationIndex == 0)
        router_lacks = false;
    barrier();
    [[dont_unroll]] for (uint e = gl_LocalInvocationIndex; e < 4 * KEYS_FOURS; e += THREADS) {
        uint key = 0;
        [[dont_unroll]] for (uint i = 0; e < a.n_experts && key == 0 && i < PATIENCE; i++)
            key = router_keys(a.logits).at[e];
        put_key(e, key);
        if (e < a.n_experts && key == 0)
            router_lacks = true;
    }
    barrier();
    return !router_lacks;
}

/* What choose_experts() needs. In the second turn, if there is one, by itself alone. */
void route() {
    uint all = a.n_experts + uint(a.shared_router != 0), from = GROUP.x, step = GROUPS_ALL.x;
    [[dont_unroll]] for (uint turn = 0; turn < 2; turn++) {
        [[dont_unroll]] for (uint e = from * LOGITS; e < all; e += step * LOGITS)
            make_logits(e, all);
        if (turn > 0)
            break;
        while_waiting();
        if (find_keys())
            break;
        from = 0;
        step = 1;
    }
    barrier();
}

#endif
