#!/usr/bin/env bats
# omni-code2wav: equal to the reference, and to itself however the codes arrive.

load lib
load codes

OUT=$BATS_TEST_TMPDIR

raw() {
    omni-code2wav --precise --raw f32 "$@"
}

@test "code2wav: every golden case equals the reference, all parts and the sound, within 1e-5" {
    local n=0 name model tool words
    while IFS=$'\t' read -r name model tool _ words; do
        [ "$tool" = omni-code2wav ] || continue
        eval "set -- $words"
        omni-code2wav --precise -m "$GOLDEN/$model" "$@" <"$GOLDEN/stream/$name.in" >"$OUT/$name"
        same_stream "$GOLDEN/stream/$name.out" "$OUT/$name" 1e-5
        n=$((n + 1))
    done <"$GOLDEN/cases"
    [ "$n" -ge 7 ]
}

@test "code2wav: the fast path agrees within 2e-2" {
    local in=$GOLDEN/stream/odd-code2wav-301.in
    omni-code2wav -m "$GOLDEN/odd" --trace pcm <"$in" >"$OUT/fast"
    same_stream "$GOLDEN/stream/odd-code2wav-301.out" "$OUT/fast" 2e-2
}

@test "code2wav: n frames are 1920 n - 555 samples, none are none" {
    for n in 0 1 2 3 10 17 40; do
        talk 0 "$n" 5 | stream | raw >"$OUT/pcm"
        [ "$(wc -c <"$OUT/pcm")" -eq $((n ? 4 * (1920 * n - 555) : 0)) ]
    done
}

@test "code2wav: how the frames arrive does not change a bit" {
    talk 0 45 1 | stream | raw >"$OUT/want"
    for some in 2 3 7 45; do
        talk 0 45 "$some" | stream | raw >"$OUT/got"
        cmp "$OUT/want" "$OUT/got"
    done
    talk 0 45 7 | stream | raw -j 1 >"$OUT/got"
    cmp "$OUT/want" "$OUT/got"
}

@test "code2wav: other blocks give the same number of samples, their values within 1e-5" {
    talk 0 90 | stream >"$OUT/in"
    omni-code2wav --precise --trace pcm <"$OUT/in" >"$OUT/want"
    for chunk in 1 3 64 1024; do
        omni-code2wav --precise --trace pcm --chunk "$chunk" <"$OUT/in" >"$OUT/got"
        same_stream "$OUT/want" "$OUT/got" 1e-5
        cmp <(omni-inspect "$OUT/want" | jq 'select(.kind == "done") | .samples') \
            <(omni-inspect "$OUT/got" | jq 'select(.kind == "done") | .samples')
    done
}

@test "code2wav: a turn begins anew" {
    talk 3 30 | stream | raw >"$OUT/alone"
    { talk 0 50 && talk 1 0 && talk 3 30; } | stream | raw >"$OUT/after"
    tail -c "$(wc -c <"$OUT/alone")" "$OUT/after" | cmp - "$OUT/alone"
    [ "$(wc -c <"$OUT/after")" -eq $((4 * (1920 * 80 - 2 * 555))) ]
}

@test "code2wav: sound leaves before the turn is done" {
    mkfifo "$OUT/codes"
    raw <"$OUT/codes" >"$OUT/pcm" &
    exec 7>"$OUT/codes"
    talk 0 3 | sed '$d' | unended >&7
    for ((i = 0; i < 100 && $(wc -c <"$OUT/pcm") < 4 * 3285; i++)); do sleep .1; done
    [ "$(wc -c <"$OUT/pcm")" -eq $((4 * 3285)) ] # frames 0 and 1; the next block is 2 and 3
    exec 7>&-
    wait $! || [ $? -eq 76 ]
}

@test "code2wav: --compat loses 555 samples every 300 frames" {
    talk 0 601 50 | stream >"$OUT/in"
    raw --compat <"$OUT/in" >"$OUT/pcm"
    [ "$(wc -c <"$OUT/pcm")" -eq $((4 * (1920 * 601 - 3 * 555))) ]
    raw <"$OUT/in" >"$OUT/plain"
    # The first piece is the plain sound's, in other blocks.
    python3 - "$OUT/plain" "$OUT/pcm" <<'END'
import array, sys
plain, compat = (array.array("f", open(path, "rb").read())[:1920 * 300 - 555] for path in sys.argv[1:])
far = max(abs(a - b) for a, b in zip(plain, compat, strict=True))
assert far < 1e-5 * max(map(abs, plain)), far
END
}

# Peak resident kilobytes of omni-code2wav on a turn of $1 frames.
peak_of_turn() {
    talk 0 "$1" 50 | stream >"$OUT/in"
    peak omni-code2wav -j 1 <"$OUT/in"
}

@test "code2wav: memory does not grow with the turn" {
    local short long
    short=$(peak_of_turn 100)
    long=$(peak_of_turn 1600)
    echo "$short $long"
    [ "$long" -lt $((short + 1024)) ]
}
