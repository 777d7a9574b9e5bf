/* causal: which query is where and sees what. Queries of kv head gl_WorkGroupID.y are numbered row by row,
 * and in a row by head. Before it is included: arguments `a` as in attention.h. */
#ifndef SHADERS_CAUSAL
#define SHADERS_CAUSAL

uint causal_sharing() {
    return a.heads / a.kv_heads;
}

/* Byte offset of a query's row in q and dst. */
uint64_t causal_row(uint query) {
    uint t = query / causal_sharing();
    uint head = gl_WorkGroupID.y * causal_sharing() + query % causal_sharing();
    return (uint64_t(t) * a.heads + head) * HEAD_DIM * 4;
}

/* Rows of HEAD_DIM numbers before that of `key`, in k and v. */
uint64_t causal_key(uint key) {
    return uint64_t(key) * a.kv_heads + gl_WorkGroupID.y;
}

/* A query sees keys x .. y - 1; none if there is no such query. */
uvec2 causal_visible(uint query) {
    uint t = query / causal_sharing(), end = uint(ints(a.at).at[0]) + t + 1;
    if (t >= a.rows)
        return uvec2(0);
    return uvec2(a.window > 0 && end > a.window ? end - a.window : 0, end);
}

/* What queries first .. first + n - 1 see together; the first one exists. */
uvec2 causal_range(uint first, uint n) {
    uint last = min(first + n, a.rows * causal_sharing()) - 1;
    return uvec2(causal_visible(first).x, causal_visible(last).y);
}

#endif
