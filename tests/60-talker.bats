#!/usr/bin/env bats
# omni-talker and omni-codepred: options, and three ways to predict.

load talker

@test "talker: predictor inside, as co-process and as filter draw the same codes" {
    stream "$(turn 0)" "$(turn 1 '"seed":5')" "$(turn 2 '"codepred":{"temp":2,"top_p":1}')" \
        "$(turn 3 '"talker":{"temp":0}')" >"$OUT/in"
    omni-talker -s 3 -n 25 <"$OUT/in" >"$OUT/inside"
    omni-talker -s 3 -n 25 --codepred omni-codepred <"$OUT/in" >"$OUT/coprocess"
    omni-talker -s 3 -n 25 --emit-hidden <"$OUT/in" | omni-codepred >"$OUT/filter"
    [ "$(codes "$OUT/inside" | wc -l)" -gt 10 ]
    for t in 0 1 2 3; do
        codes "$OUT/inside" "$t" >"$OUT/a"
        codes "$OUT/coprocess" "$t" | diff "$OUT/a" -
        codes "$OUT/filter" "$t" | diff "$OUT/a" -
    done
    [ "$(codes "$OUT/inside" 0)" != "$(codes "$OUT/inside" 1)" ]
    omni-inspect -c "$OUT/inside" --subset "$OUT/coprocess"
}

@test "talker: the same seed gives the same bytes, another one others" {
    stream "$(turn 0)" >"$OUT/in"
    omni-talker -s 1 -n 20 <"$OUT/in" >"$OUT/a"
    omni-talker -s 1 -n 20 -j 1 <"$OUT/in" >"$OUT/b"
    omni-talker -s 2 -n 20 <"$OUT/in" >"$OUT/c"
    [ "$(codes "$OUT/a")" = "$(codes "$OUT/b")" ]
    [ "$(codes "$OUT/a")" != "$(codes "$OUT/c")" ]
}

@test "talker: the turn frame wins over flags, flags over generation_config.json" {
    local keys='"seed":9,"voice":"CHELSIE","talker":{"temp":0.5,"top_k":7,"top_p":0.9,"rep":1.2,"n":12}'
    stream "$(turn 0 "$keys")" >"$OUT/turn.in"
    stream "$(turn 0)" >"$OUT/plain.in"
    local flags=(-s 9 --voice chelsie --temp 0.5 --top-k 7 --top-p 0.9 --rep 1.2 -n 12)
    omni-talker -s 1 --voice aiden --temp 0 --top-k 0 --top-p 1 --rep 1 -n 3 <"$OUT/turn.in" >"$OUT/turn"
    omni-talker "${flags[@]}" <"$OUT/plain.in" >"$OUT/flags"
    [ "$(codes "$OUT/turn" | wc -l)" -eq 12 ]
    [ "$(codes "$OUT/turn")" = "$(codes "$OUT/flags")" ]

    cp -r "$GOLDEN/tiny" "$OUT/model"
    echo '{"talker_max_new_tokens":4,"talker_temperature":0.5,"talker_top_k":7}' \
        >"$OUT/model/generation_config.json"
    omni-talker -m "$OUT/model" <"$OUT/plain.in" >"$OUT/file"
    omni-talker --temp 0.5 --top-k 7 --rep 1.05 -n 4 <"$OUT/plain.in" >"$OUT/flags"
    [ "$(codes "$OUT/file" | wc -l)" -eq 4 ]
    [ "$(codes "$OUT/file")" = "$(codes "$OUT/flags")" ]
}

# The newest row waits for the one after it; the end of the text is said all the same.
@test "talker: --compat changes nothing where neither thinker nor talker was cut" {
    local in=$GOLDEN/stream/tiny-talker-stop.in
    omni-talker --temp 0 -n 60 <"$in" >"$OUT/plain"
    omni-talker --temp 0 -n 60 --compat <"$in" >"$OUT/compat"
    [ "$(codes "$OUT/plain" | wc -l)" -gt 10 ]
    [ "$(codes "$OUT/plain")" = "$(codes "$OUT/compat")" ]
}

@test "talker: bad flags are 64 and say what is known" {
    stream "$(turn 0)" >"$OUT/in"
    for flag in '--temp -1' '--temp x' '--top-k -1' '--top-p 0' '--top-p 1.5' '--rep 0' '-n -1' \
        '-c 3' '-c 99999' '-s -1' '--voice bob' '--nonsense' 'argument'; do
        # shellcheck disable=SC2086 # option and value
        fails_with 64 omni-talker $flag <"$OUT/in"
    done
    fails_with 64 omni-talker --voice bob <"$OUT/in"
    grep -q "unknown voice 'bob'; the model has aiden, chelsie, ethan" "$OUT/err"
    fails_with 64 omni-codepred --top-p 2 <"$OUT/in"
}

@test "talker: -n 0 is silent" {
    stream "$(turn 0)" | omni-talker -n 0 >"$OUT/out"
    has "$OUT/out" '"kind":"done","turn":0,"reason":"length".*"frames":0}'
}

@test "talker: a full context ends the turn with length" {
    stream "$(turn 0)" "$(turn 1 | sed 's/false/true/')" "$(turn 2)" >"$OUT/in"
    omni-talker -c 20 --temp 5 --top-k 0 <"$OUT/in" >"$OUT/out"
    has "$OUT/out" '"kind":"done","turn":0,"reason":"length".*"frames":5}'
    has "$OUT/out" '"kind":"done","turn":1,"reason":"length".*"frames":0}'
    has "$OUT/out" '"kind":"done","turn":2,"reason":"length".*"frames":5}'
}

@test "talker: --emit-hidden says what each frame was made from" {
    stream "$(turn 0)" | omni-talker -n 3 -s 11 --temp 0.8 --emit-hidden >"$OUT/out"
    omni-inspect "$OUT/out" | grep -o '"name":"\(talker_hidden\|code0\|codes\)"' | tr '\n' ' ' >"$OUT/order"
    local one='"name":"talker_hidden" "name":"code0" "name":"codes" '
    [ "$(cat "$OUT/order")" = "$one$one$one" ]
    has "$OUT/out" '"kind":"turn","turn":0,"continue":false,"seed":11,"talker":{"temp":0.8,'
}

@test "talker, codepred: the examples of the man pages run" {
    run_examples omni-talker.1
    run_examples omni-codepred.1
    [ -s "$OUT/examples/pipe.wav" ]
    [ -s "$OUT/examples/plain.wav" ]
}
