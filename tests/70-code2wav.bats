#!/usr/bin/env bats
# omni-code2wav: equal to the reference, and to itself however the codes arrive.

load lib

OUT=$BATS_TEST_TMPDIR

@test "code2wav: every golden case equals the reference, all parts and the sound, within 1e-5" {
    local n=0 name model tool tolerance words
    while IFS=$'\t' read -r name model tool tolerance words; do
        [ "$tool" = omni-code2wav ] || continue
        eval "set -- $words"
        omni-code2wav --precise -m "$GOLDEN/$model" "$@" <"$GOLDEN/stream/$name.in" >"$OUT/$name"
        same_stream "$GOLDEN/stream/$name.out" "$OUT/$name" 1e-5
        n=$((n + 1))
    done <"$GOLDEN/cases"
    [ "$n" -ge 7 ]
}
