#!/usr/bin/env bats
# omni-thinker: equal to the reference, and what a turn may bring besides prompts.

load lib

OUT=$BATS_TEST_TMPDIR

@test "thinker: every golden case equals the reference" {
    local n=0 name model tool tolerance words
    while IFS=$'\t' read -r name model tool tolerance words; do
        [ "$tool" = omni-thinker ] || continue
        eval "set -- $words"
        omni-thinker --precise -m "$GOLDEN/$model" "$@" <"$GOLDEN/stream/$name.in" >"$OUT/$name"
        same_stream "$GOLDEN/stream/$name.out" "$OUT/$name" "$tolerance"
        n=$((n + 1))
    done <"$GOLDEN/cases"
    [ "$n" -ge 3 ]
}
