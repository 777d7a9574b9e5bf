#!/usr/bin/env bats
# omni-talker and omni-codepred: what goes wrong is one line, the right code, and costs one turn.

load talker

@test "talker: a bad turn is lost with 65, the next one is spoken" {
    local keys n=0
    for keys in '"voice":"bob"' '"voice":7' '"seed":-1' '"talker":{"temp":-1}' '"talker":{"top_k":0.5}' \
        '"talker":{"top_p":"x"}' '"talker":7' '"codepred":{"temp":-1}' '"talker":{"n":-3}' '"continue":1'; do
        stream "$(turn 0 "$keys")" "$(turn 1)" >"$OUT/in"
        fails_with 65 omni-talker -n 3 <"$OUT/in"
        has "$OUT/out" '"kind":"error".*"code":65.*"turn":0\|"kind":"error","turn":0.*"code":65'
        has "$OUT/out" '"kind":"done","turn":1'
        [ "$(codes "$OUT/out" 0 | wc -l)" -eq 0 ]
        [ "$(codes "$OUT/out" 1 | wc -l)" -eq 3 ]
        n=$((n + 1))
    done
    [ "$n" -eq 10 ]
}

@test "talker: a prompt that cannot be spoken is 65 and costs one turn" {
    local head='{"kind":"turn","turn":0}' done='{"kind":"done","turn":0,"reason":"stop"}' line
    local prompt='{"kind":"tensor","turn":0,"name":"prompt","values":[480,270,10,97,481,10,480,266,10]}'
    local rows='{"kind":"tensor","turn":0,"name":"rows","values":[0,1]}'
    for line in \
        '{"kind":"tensor","turn":0,"name":"prompt","values":[480,270,10,97,481,10]}' \
        '{"kind":"tensor","turn":0,"name":"prompt","dtype":"f32","values":[480]}' \
        '{"kind":"text","turn":0,"payload":"no prompt"}' \
        "$prompt" \
        "$prompt"$'\n'"$prompt" \
        "$prompt"$'\n''{"kind":"tensor","turn":0,"name":"rows","values":[9]}' \
        "$prompt"$'\n'"$rows"$'\n''{"kind":"tensor","turn":0,"name":"thinker_embed","dtype":"f32","shape":[1,64],"values":1}' \
        "$prompt"$'\n'"$rows"$'\n''{"kind":"tensor","turn":0,"name":"thinker_embed","dtype":"f32","shape":[2,63],"values":1}' \
        "$prompt"$'\n''{"kind":"tensor","turn":0,"name":"thinker_embed","dtype":"f32","shape":[1,64],"values":1}'; do
        stream "$head" "$line" "$done" "$(turn 1)" >"$OUT/in"
        fails_with 65 omni-talker -n 3 <"$OUT/in"
        has "$OUT/out" '"kind":"error"'
        [ "$(codes "$OUT/out" 1 | wc -l)" -eq 3 ]
    done
}

@test "talker: an upstream error takes its turn only, and the conversation goes on without it" {
    local lost='{"kind":"error","turn":1,"from":"omni-thinker","code":66,"text":"gone"}'
    stream "$(turn 0)" "$(asked 1 | sed 's/false/true/')" "$(token 1 0.5)" "$lost" \
        "$(turn 2 | sed 's/false/true/')" >"$OUT/in"
    omni-talker -n 4 --temp 0 <"$OUT/in" >"$OUT/a" && return 1
    [ $? -eq 66 ]
    stream "$(turn 0)" "$(turn 2 | sed 's/false/true/')" >"$OUT/in"
    omni-talker -n 4 --temp 0 <"$OUT/in" >"$OUT/b"
    [ "$(codes "$OUT/a" 2 | wc -l)" -eq 4 ]
    [ "$(codes "$OUT/a" 2)" = "$(codes "$OUT/b" 2)" ]
    omni-talker -n 4 --temp 0 --codepred omni-codepred <"$OUT/in" >"$OUT/c"
    [ "$(codes "$OUT/c" 2)" = "$(codes "$OUT/b" 2)" ]
}

# Turn 1 goes on after errors of turns 0 and 3; 2 is lost by the talker, with frames to come.
@test "talker, codepred: an error of another turn leaves the turn at hand alone" {
    local out
    { asked 2 && answered 2; } | sed '3s/,9\]/,10]/' >"$OUT/bad"
    stream "$(turn 0)" "$(turn 1 | lost_elsewhere 5 0 3)" "$(lost_elsewhere 4 1 3 <"$OUT/bad")" \
        "$(turn 3)" "$(turn 4)" >"$OUT/in"
    stream "$(turn 0)" "$(turn 1)" "$(turn 4)" | omni-talker -n 4 >"$OUT/want"
    fails_with 69 omni-talker -n 4 <"$OUT/in"
    mv "$OUT/out" "$OUT/inside"
    fails_with 69 omni-talker -n 4 --codepred omni-codepred <"$OUT/in"
    mv "$OUT/out" "$OUT/coprocess"
    omni-talker -n 4 --emit-hidden <"$OUT/in" 2>/dev/null | omni-codepred >"$OUT/filter" || [ $? -eq 69 ]
    for out in inside coprocess filter; do
        omni-inspect "$OUT/$out" | jq -r 'select(.kind == "error") | "\(.turn) \(.code)"' | tr '\n' ' ' >"$OUT/errors"
        [ "$(cat "$OUT/errors")" = "0 69 3 66 2 65 1 69 " ]
        for t in 0 1 2 3 4; do
            [ "$(codes "$OUT/$out" $t)" = "$(codes "$OUT/want" $t)" ]
        done
    done
}

@test "talker: without tts_embed a turn is 65" {
    turn 0 | python3 "$ROOT/tests/stream.py" >"$OUT/in"
    fails_with 65 omni-talker <"$OUT/in"
    grep -q tts_embed "$OUT/err"
}

@test "talker: broken streams are 76" {
    stream "$(turn 0)" >"$OUT/whole"
    local bad
    stream_start "$(asked 0)" >"$OUT/cut"
    stream "$(asked 0)" >"$OUT/inside"
    stream "$(asked 0)" "$(turn 1)" >"$OUT/undone"
    stream "$(turn 0)" "$(token 0 1)" >"$OUT/late"
    head -c 3000 "$OUT/whole" >"$OUT/torn"
    for bad in cut inside undone late torn; do
        fails_with 76 omni-talker -n 3 <"$OUT/$bad"
        has "$OUT/out" '"kind":"error".*"code":76' || omni-inspect "$OUT/out" | grep '"code":76'
    done
}

@test "talker: a reader that leaves is 141, quietly" {
    stream "$(turn 0 '"talker":{"temp":9,"top_k":0}')" >"$OUT/in"
    { omni-talker <"$OUT/in" 2>"$OUT/err" || echo $? >"$OUT/code"; } | head -c 100 >"$OUT/out"
    [ "$(cat "$OUT/code")" -eq 141 ]
    [ ! -s "$OUT/err" ]
}

@test "talker: a co-process that dies is 76 with its status" {
    stream "$(turn 0)" "$(turn 1)" >"$OUT/in"
    omni-talker -n 20 --emit-hidden <"$OUT/in" | omni-codepred >"$OUT/answers"
    fails_with 76 omni-talker --codepred 'exit 3' <"$OUT/in"
    grep -q 'exit status 3' "$OUT/err"
    fails_with 76 omni-talker --codepred "kill -9 \$\$" <"$OUT/in"
    grep -q 'killed by signal 9' "$OUT/err"
    fails_with 76 omni-talker --codepred "head -c 5000 $OUT/answers; head -c 3000 >$OUT/asked; exit 4" <"$OUT/in"
    grep -q 'exit status 4' "$OUT/err"
    has "$OUT/out" '"name":"codes"'
    fails_with 76 omni-talker --codepred cat <"$OUT/in"
    grep -q 'no code predictor' "$OUT/err"
}

@test "talker: a turn that the co-process loses is lost, the next one is spoken" {
    printf '%s\n' '{"kind":"error","turn":0,"from":"omni-codepred","code":65,"text":"no such code"}' \
        '{"kind":"tensor","turn":1,"name":"codes","shape":[1,4],"values":[1,2,3,4]}' \
        '{"kind":"tensor","turn":1,"name":"codec_sum","dtype":"f32","shape":[1,32],"values":0.1}' \
        '{"kind":"note","turn":1,"from":"a friend"}' \
        '{"kind":"done","turn":1,"reason":"stop"}' | python3 "$ROOT/tests/stream.py" >"$OUT/answers"
    stream "$(turn 0)" "$(turn 1)" >"$OUT/in"
    fails_with 65 omni-talker -n 1 --codepred "cat $OUT/answers; cat >$OUT/asked" <"$OUT/in"
    has "$OUT/out" '"kind":"error","turn":0,"from":"omni-talker","code":65,"text":"co-process: no such code"'
    [ "$(codes "$OUT/out" 1)" = '"values":[1,2,3,4]}' ]
    has "$OUT/out" '"from":"a friend"'
    has "$OUT/out" '"kind":"done","turn":1'
}

@test "talker: a fatal error upstream ends talker and co-process with its code" {
    stream_start "$(asked 0)" '{"kind":"error","from":"omni-thinker","code":71,"text":"out of memory"}' \
        >"$OUT/in"
    omni-talker --codepred "omni-codepred; echo \$? >$OUT/code" <"$OUT/in" >"$OUT/out" 2>"$OUT/err" &&
        return 1
    [ $? -eq 71 ]
    has "$OUT/out" '"kind":"error","from":"omni-thinker","code":71'
    until [ -s "$OUT/code" ]; do sleep 0.02; done
    [ ! -s "$OUT/err" ] # the co-process leaves without a word, too
}

@test "codepred: codes that it cannot replace are 65" {
    stream "$(turn 0)" | omni-talker -n 3 >"$OUT/in"
    fails_with 65 omni-codepred <"$OUT/in"
    grep -q -- '--emit-hidden' "$OUT/err"
}

@test "codepred: a turn that no talker has seen is 65" {
    stream '{"kind":"turn","turn":0}' '{"kind":"done","turn":0,"reason":"stop","tokens":3}' >"$OUT/in"
    fails_with 65 omni-codepred <"$OUT/in"
    grep -q -- '--emit-hidden' "$OUT/err"
}

@test "codepred: bad frames are 65 and cost one turn" {
    local line hidden='{"kind":"tensor","turn":0,"name":"talker_hidden","dtype":"f32","shape":[1,32],"values":1}'
    for line in '{"kind":"tensor","turn":0,"name":"code0","values":[3]}' \
        "$hidden"$'\n''{"kind":"tensor","turn":0,"name":"code0","values":[1088]}' \
        "$hidden"$'\n''{"kind":"tensor","turn":0,"name":"code0","values":[-1]}' \
        "$hidden"$'\n''{"kind":"tensor","turn":0,"name":"code0","values":[1,2]}' \
        '{"kind":"tensor","turn":0,"name":"talker_hidden","dtype":"f32","shape":[1,31],"values":1}' \
        '{"kind":"tensor","turn":0,"name":"talker_hidden","dtype":"i32","shape":[1,32],"values":1}'; do
        stream '{"kind":"turn","turn":0}' "$line" '{"kind":"done","turn":0,"reason":"stop"}' \
            '{"kind":"turn","turn":1}' "${hidden/:0/:1}" \
            '{"kind":"tensor","turn":1,"name":"code0","values":[3]}' \
            '{"kind":"done","turn":1,"reason":"stop"}' >"$OUT/in"
        fails_with 65 omni-codepred <"$OUT/in"
        [ "$(codes "$OUT/out" 1 | wc -l)" -eq 1 ]
        has "$OUT/out" '"kind":"done","turn":1,"reason":"stop".*"frames":1}'
    done
}

@test "talker, codepred: a stream cut at every byte" {
    printf '%s\n' '{"kind":"turn","turn":0}' '{"kind":"text","turn":0,"payload":"Hm."}' \
        '{"kind":"error","turn":0,"from":"x","code":65,"text":"no"}' |
        python3 "$ROOT/tests/stream.py" >"$OUT/whole"
    OUTPUT=stream every_cut "$OUT/whole" omni-talker
    printf '%s\n' '{"kind":"turn","turn":0}' \
        '{"kind":"tensor","turn":0,"name":"talker_hidden","dtype":"f32","shape":[1,32],"values":1}' \
        '{"kind":"tensor","turn":0,"name":"code0","values":[3]}' '{"kind":"done","turn":0,"reason":"stop"}' |
        python3 "$ROOT/tests/stream.py" >"$OUT/whole"
    every_cut "$OUT/whole" omni-codepred
}

@test "talker, codepred: hostile streams and tensors" {
    local tensor
    OUTPUT=stream every_hostile omni-talker
    for tensor in "tts_embed f32 3 64" "prompt i32 9" "rows i32 3" "thinker_embed f32 1 64" \
        "thinker_hidden f32 1 64"; do
        every_hostile -t "$tensor" omni-talker
    done
    OUTPUT=stream every_hostile omni-codepred
    every_hostile -t "talker_hidden f32 1 32" omni-codepred
    every_hostile -t "code0 i32 1" omni-codepred
}

@test "talker: a model without a talker is 78, a missing one 66" {
    stream "$(turn 0)" >"$OUT/in"
    cp -r "$GOLDEN/tiny" "$OUT/model"
    sed -i 's/"enable_audio_output": true/"enable_audio_output": false/' "$OUT/model/config.json"
    fails_with 78 omni-talker -m "$OUT/model" <"$OUT/in"
    fails_with 78 omni-codepred -m "$OUT/model" <"$OUT/in"
    fails_with 66 omni-talker -m "$OUT/none" <"$OUT/in"
}
