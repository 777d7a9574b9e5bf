#!/usr/bin/env bats
# omni-thinker: what goes wrong is one line, the right code, and takes as little with it as it can.

load thinker

@test "thinker: wrong options" {
    turn 0 "$(question 416)" | "$ROOT/tests/stream.py" >"$OUT/in"
    for words in "--temp hot" "--temp -1" "--temp nan" "--temp inf" "--temp ''" "--top-k 1.5" "--top-k -1" \
        "--top-p 0" "--top-p 1.1" "--rep 0" "--rep -2" "-n -1" "-n 1e99" "-n x" "-c 0" "-c -5" "-c 4097" \
        "-c many" "--beams 0" "--beams 17" "--beams x" "-s -1" "--nonsense" "-d gpu" "word"; do
        eval "set -- $words"
        fails_with 64 omni-thinker "$@" <"$OUT/in"
    done
    fails_with 66 omni-thinker -m "$OUT/none" <"$OUT/in"
}

@test "thinker: a layer without a norm of its heads, or with norms of two types, is refused" {
    norm() { echo "thinker.model.layers.1.self_attn.$1_norm.weight"; }
    changed() { python3 "$ROOT/tests/weights/changed.py" "$GOLDEN/tiny" "$OUT/$1" "${@:2}"; }
    changed none drop "$(norm q)" "$(norm k)"
    changed one drop "$(norm q)"
    changed two f32 "$(norm k)"
    changed both f32 "$(norm q)" "$(norm k)"
    from=$GOLDEN/stream/tiny-thinker-stop
    for model in none one; do
        fails_with 65 omni-thinker -m "$OUT/$model" <"$from.in"
        grep -qF "no tensor '$(norm q)'" "$OUT/err"
    done
    fails_with 78 omni-thinker -m "$OUT/two" <"$from.in"
    grep -q 'layers.1.self_attn: q_norm and k_norm are of different types' "$OUT/err"
    omni-thinker -m "$OUT/both" --precise -n 64 <"$from.in" >"$OUT/out"
    omni-thinker -m "$GOLDEN/tiny" --precise -n 64 <"$from.in" | same_stream - "$OUT/out" 0
}

@test "thinker: a bad turn is lost, the others are answered" {
    ids=$(question 416)
    turn 0 "$ids" | think -n 3
    want=$(tokens 0)
    {
        turn 0 "$ids"
        turn 1 "$ids,512"
        turn 2 "-1,$ids"
        turn 3 "$ids" '"thinker":{"temp":"hot"}'
        turn 4 "$ids" '"thinker":{"top_p":0}'
        turn 5 "$ids" '"thinker":7'
        turn 6 "$ids" '"seed":-1'
        turn 7 "$ids" '"continue":1'
        turn 8 ""
        turn 9 "$(question 511)"
        heard 10 "$(question 511)" 0.5 2
        turn 11 "$ids" '"thinker":{"n":-1}'
        turn 12 "$ids" | head -n 1
        echo '{"kind":"tensor","turn":12,"name":"audio_embeds","dtype":"f32","shape":[1,63],"values":0}'
        turn 13 "$ids" | head -n 1
        echo '{"kind":"tensor","turn":13,"name":"prompt","dtype":"f32","values":[1]}'
        turn 14 "$ids" | head -n 1
        echo '{"kind":"error","turn":14,"from":"omni-encode-audio","code":66,"text":"no such clip"}'
        turn 15 "$ids"
    } >"$OUT/json"
    code=0
    think -n 3 <"$OUT/json" 2>"$OUT/err" || code=$?
    [ "$code" = 65 ]
    [ "$(errors)" = "1 65 2 65 3 65 4 65 5 65 6 65 7 65 8 65 9 65 10 65 11 65 12 65 13 65 14 66 " ]
    [ "$(wc -l <"$OUT/err")" = 13 ]
    [ "$(tokens 0)" = "$want" ]
    [ "$(tokens 15)" = "$want" ]
    [ -z "$(done_of 5)" ]
    [ "$(omni-inspect "$OUT/stream" | tail -n 1 | jq -r .kind)" = end ]
}

@test "thinker: an error of another turn leaves the turn at hand alone" {
    ids=$(question 416)
    turn 0 "$ids" | think -n 3
    want=$(tokens 0)
    code=0
    {
        turn 0 "$ids"
        turn 1 "$ids" | lost_elsewhere 2 0 3
        heard 2 "$ids" 0 1 | sed 's/,64\]/,63]/' | lost_elsewhere 2 1 3 # lost here, with frames to come
        turn 3 "$ids"
        turn 4 "$ids"
    } | think -n 3 2>"$OUT/err" || code=$?
    [ "$code" = 69 ]
    [ "$(tokens 1)" = "$want" ]
    [ -z "$(tokens 2)" ] && [ -z "$(tokens 3)" ]
    [ "$(tokens 4)" = "$want" ]
    [ "$(errors)" = "0 69 3 66 2 65 1 69 " ]
}

@test "thinker: another thinker's answer is replaced" {
    turn 0 "$(question 416)" | think -n 3
    cp "$OUT/stream" "$OUT/once"
    omni-thinker --precise -n 3 <"$OUT/once" >"$OUT/twice"
    omni-inspect -c "$OUT/once" "$OUT/twice"
    [ "$(omni-thinker --precise -n 2 <"$OUT/once" | omni-inspect | grep -c '"name":"tokens"')" = 2 ]
}

@test "thinker: a lost turn leaves the conversation as it was" {
    first=$(question 416)
    second=198,$(question 301)
    {
        turn 0 "$first"
        turn 1 "198,$(question 511)" '"continue":true'
        turn 2 "$second" '"continue":true'
    } >"$OUT/json"
    code=0
    think -n 3 <"$OUT/json" 2>"$OUT/err" || code=$?
    [ "$code" = 65 ]
    want=$(tokens 2)
    {
        turn 0 "$first"
        turn 1 "$second" '"continue":true'
    } | think -n 3
    [ "$(tokens 1)" = "$want" ]
}

@test "thinker: bf16 rows of sound are as good as f32" {
    ids=$(question 511,416)
    heard 0 "$ids" 0.5 1 | think -n 3
    want=$(tokens 0)
    heard 0 "$ids" 0.5 1 | sed 's/"f32"/"bf16"/; s/:0.5}/:16128}/' | think -n 3
    [ "$(tokens 0)" = "$want" ]
}

@test "thinker: streams that break their protocol" {
    ids=$(question 416)
    turn 0 "$ids" | tail -n 2 | "$ROOT/tests/stream.py" >"$OUT/a" # no turn frame
    turn 0 "$ids" | head -n 2 | "$ROOT/tests/stream.py" >"$OUT/b" # no done
    { turn 0 "$ids" | head -n 2 && turn 1 "$ids"; } | "$ROOT/tests/stream.py" >"$OUT/c"
    { turn 0 "$ids" && turn 0 "$ids"; } | "$ROOT/tests/stream.py" >"$OUT/d"
    { turn 0 "$ids" && turn 0 "$ids" | tail -n 1; } | "$ROOT/tests/stream.py" >"$OUT/e"
    turn 0 "$ids" | sed '2s/"turn":0/"turn":1/' | "$ROOT/tests/stream.py" >"$OUT/f"
    turn 0 "$ids" | "$ROOT/tests/stream.py" | head -c 300 >"$OUT/g"
    for stream in a b c d e f g; do
        fails_with 76 omni-thinker -n 2 <"$OUT/$stream"
    done
    echo "What is this?" >"$OUT/h"
    fails_with 76 omni-thinker <"$OUT/h"
}

@test "thinker: a fatal error upstream goes on downstream" {
    {
        turn 0 "$(question 416)" | head -n 1
        echo '{"kind":"error","from":"omni-tokenize","code":71,"text":"out of memory"}'
    } | "$ROOT/tests/stream.py" >"$OUT/in"
    code=0
    omni-thinker <"$OUT/in" >"$OUT/stream" 2>"$OUT/err" || code=$?
    [ "$code" = 71 ]
    omni-inspect "$OUT/stream" 2>/dev/null | jq -e 'select(.kind == "error") | .from == "omni-tokenize"'
}

@test "thinker: gone reader, full disk, terminal" {
    turn 0 "$(question 416)" | "$ROOT/tests/stream.py" >"$OUT/in"
    run bash -c "omni-thinker --temp 100 -s 4 <'$OUT/in' 2>'$OUT/err' | head -c 100 >/dev/null; exit \${PIPESTATUS[0]}"
    [ "$status" = 141 ]
    [ ! -s "$OUT/err" ]
    run bash -c "omni-thinker <'$OUT/in' 2>&1 >/dev/full"
    [ "$status" = 74 ]
    [ "${#lines[@]}" = 1 ]
    run script -qec "omni-thinker <'$OUT/in'" /dev/null
    [ "$status" = 64 ]
}

@test "thinker: a stream cut at every byte" {
    turn 0 "480" | "$ROOT/tests/stream.py" >"$OUT/whole"
    OUTPUT=stream every_cut "$OUT/whole" omni-thinker -n 0
}

@test "thinker: hostile streams and tensors" {
    OUTPUT=stream every_hostile omni-thinker -n 0
    every_hostile -t "prompt i32 9" omni-thinker -n 1
    every_hostile -t "audio_embeds f32 3 64" omni-thinker -n 1
}
