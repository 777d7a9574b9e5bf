#include "common/text/vocab.h"

#include "common/base/arena.h"
#include "common/text/alphabet.h"
#include "common/text/hash.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 1024 };

const char *text_vocab_name(const struct text_vocab *v, int32_t id, size_t *n) {
    if (id < 0 || (size_t)id >= v->n_ids || v->tokens[id].len == 0)
        return NULL;
    *n = v->tokens[id].len;
    return v->names.data + v->tokens[id].at;
}

/* The slot where name is, or the empty one where it would go. */
static size_t name_slot(const struct text_vocab *v, const char *name, size_t n) {
    size_t slot = text_hash(name, n) & (v->n_slots - 1);
    for (; v->by_name[slot] >= 0; slot = (slot + 1) & (v->n_slots - 1)) {
        const struct text_token *t = &v->tokens[v->by_name[slot]];
        if (t->len == n && memcmp(v->names.data + t->at, name, n) == 0)
            break;
    }
    return slot;
}

int32_t text_vocab_find(const struct text_vocab *v, const char *name, size_t n) {
    return v->n_slots ? v->by_name[name_slot(v, name, n)] : -1;
}

/* Twice the slots; all names find their new places. */
static void grow_names(struct text_vocab *v) {
    int32_t *old = v->by_name;
    size_t n_old = v->n_slots;
    v->n_slots = n_old ? 2 * n_old : FIRST_SLOTS;
    v->by_name = arena_xrealloc(NULL, v->n_slots, sizeof *v->by_name);
    memset(v->by_name, 0xff, v->n_slots * sizeof *v->by_name);
    for (size_t i = 0; i < n_old; i++) {
        if (old[i] < 0)
            continue;
        const struct text_token *t = &v->tokens[old[i]];
        v->by_name[name_slot(v, v->names.data + t->at, t->len)] = old[i];
    }
    free(old);
}

static void grow_ids(struct text_vocab *v, size_t n_ids) {
    if (n_ids <= v->n_ids)
        return;
    if (n_ids > v->room) {
        v->room = n_ids > 2 * v->room ? n_ids : 2 * v->room;
        v->tokens = arena_xrealloc(v->tokens, v->room, sizeof *v->tokens);
    }
    memset(v->tokens + v->n_ids, 0, (n_ids - v->n_ids) * sizeof *v->tokens);
    v->n_ids = n_ids;
}

int text_vocab_add(struct text_vocab *v, const char *name, size_t n, int64_t id, struct err *e) {
    if (n == 0 || n > UINT32_MAX - v->names.n)
        return err_set(e, ERR_DATA, "token %" PRId64 " has a name of %zu bytes", id, n);
    if (id < 0 || id >= TEXT_MAX_ID)
        return err_set(e, ERR_DATA, "token '%.*s': id %" PRId64 " is not in 0..%d",
                       n < 64 ? (int)n : 64, name, id, TEXT_MAX_ID - 1);
    size_t n_other;
    const char *other = text_vocab_name(v, (int32_t)id, &n_other);
    if (other)
        return err_set(e, ERR_DATA, "id %" PRId64 " is given to '%.*s' and to '%.*s'", id,
                       n_other < 64 ? (int)n_other : 64, other, n < 64 ? (int)n : 64, name);
    if (2 * (v->n_names + 1) > v->n_slots)
        grow_names(v);
    size_t slot = name_slot(v, name, n);
    if (v->by_name[slot] >= 0)
        return err_set(e, ERR_DATA, "token '%.*s' has two ids, %d and %" PRId64,
                       n < 64 ? (int)n : 64, name, (int)v->by_name[slot], id);
    grow_ids(v, (size_t)id + 1);
    v->tokens[id] = (struct text_token){.at = (uint32_t)v->names.n, .len = (uint32_t)n};
    text_bytes_add(&v->names, name, n);
    v->by_name[slot] = (int32_t)id;
    v->n_names++;
    return 0;
}

/* The slot of the pair, or the empty one where it would go. */
static size_t merge_slot(const struct text_vocab *v, int32_t left, int32_t right) {
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t slot = text_hash_mix(key) & (v->n_merge_slots - 1);
    for (const struct text_merge *m; (m = &v->merges[slot])->rank != TEXT_NO_RANK;) {
        if (m->left == left && m->right == right)
            break;
        slot = (slot + 1) & (v->n_merge_slots - 1);
    }
    return slot;
}

const struct text_merge *text_vocab_pair(const struct text_vocab *v, int32_t left, int32_t right) {
    if (v->n_merge_slots == 0)
        return NULL;
    const struct text_merge *m = &v->merges[merge_slot(v, left, right)];
    return m->rank == TEXT_NO_RANK ? NULL : m;
}

static void grow_merges(struct text_vocab *v) {
    struct text_merge *old = v->merges;
    size_t n_old = v->n_merge_slots;
    v->n_merge_slots = n_old ? 2 * n_old : FIRST_SLOTS;
    v->merges = arena_xrealloc(NULL, v->n_merge_slots, sizeof *v->merges);
    for (size_t i = 0; i < v->n_merge_slots; i++)
        v->merges[i].rank = TEXT_NO_RANK;
    for (size_t i = 0; i < n_old; i++)
        if (old[i].rank != TEXT_NO_RANK)
            v->merges[merge_slot(v, old[i].left, old[i].right)] = old[i];
    free(old);
}

static int find_part(const struct text_vocab *v, const char *name, size_t n, int32_t *id,
                     struct err *e) {
    *id = text_vocab_find(v, name, n);
    if (*id < 0)
        return err_set(e, ERR_DATA, "merge %zu names the unknown token '%.*s'", v->n_merges + 1,
                       n < 64 ? (int)n : 64, name);
    return 0;
}

int text_vocab_merge(struct text_vocab *v, const char *left, size_t n_left, const char *right,
                     size_t n_right, struct err *e) {
    struct text_merge m = {.rank = (uint32_t)v->n_merges};
    if (find_part(v, left, n_left, &m.left, e) || find_part(v, right, n_right, &m.right, e))
        return e->code;
    struct text_bytes joined = {0};
    text_bytes_add(&joined, left, n_left);
    text_bytes_add(&joined, right, n_right);
    int code = find_part(v, joined.data, joined.n, &m.joined, e);
    text_bytes_free(&joined);
    if (code)
        return code;
    if (v->n_merges >= TEXT_MAX_ID)
        return err_set(e, ERR_DATA, "more than %d merges", TEXT_MAX_ID);
    if (2 * (v->n_merges + 1) > v->n_merge_slots)
        grow_merges(v);
    v->merges[merge_slot(v, m.left, m.right)] = m;
    v->n_merges++;
    return 0;
}

int text_vocab_finish(struct text_vocab *v, struct err *e) {
    for (int byte = 0; byte < 256; byte++) {
        struct text_bytes letter = {0};
        char c = (char)byte;
        text_alphabet_spell(&c, 1, &letter);
        v->byte_id[byte] = text_vocab_find(v, letter.data, letter.n);
        text_bytes_free(&letter);
        if (v->byte_id[byte] < 0)
            return err_set(e, ERR_DATA, "no token for the byte 0x%02x: not a byte-level vocabulary",
                           byte);
    }
    return 0;
}

void text_vocab_free(struct text_vocab *v) {
    text_bytes_free(&v->names);
    free(v->tokens);
    free(v->by_name);
    free(v->merges);
    *v = (struct text_vocab){0};
}
