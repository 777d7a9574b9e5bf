#!/usr/bin/env bats
# omni-talker: what comes when, and what goes on to whom.

load talker

@test "talker: the first frame leaves when the first token is known" {
    first_alone() {
        frames_out "$OUT/out" 1
        sleep 0.1
        codes "$OUT/out" 2>/dev/null | wc -l >"$OUT/early"
    }
    stream "$(turn 0)" >"$OUT/in"
    local size
    size=$(stream_start "$(asked 0)" "$(token 0 0.5)" | wc -c)
    fed_after "$OUT/in" "$size" first_alone | timeout 20 omni-talker -n 6 >"$OUT/out"
    [ "$(cat "$OUT/early")" -eq 1 ]
    [ "$(codes "$OUT/out" | wc -l)" -eq 6 ]
}

@test "talker: text, notes, tokens and what it does not know go on, in order; its own does not" {
    stream "$(asked 0)" '{"kind":"note","turn":0,"from":"x"}' \
        '{"kind":"tensor","turn":0,"name":"mystery","values":[1]}' '{"kind":"fromthefuture","turn":0}' \
        "$(answered 0)" >"$OUT/in"
    omni-talker -n 2 <"$OUT/in" >"$OUT/out"
    omni-inspect "$OUT/out" | grep -o '"kind":"[a-z]*"\|"name":"[a-z_]*"' | grep -v tensor | tr '\n' ' ' >"$OUT/order"
    [ "$(cat "$OUT/order")" = '"kind":"begin" "kind":"turn" "kind":"note" "name":"mystery" "kind":"fromthefuture" "name":"tokens" "name":"codes" "kind":"text" "name":"tokens" "name":"codes" "kind":"text" "name":"tokens" "kind":"text" "kind":"note" "kind":"done" "kind":"end" ' ]
    has "$OUT/out" '"kind":"done","turn":0,"reason":"length","via":{"turn":0,"reason":"stop","tokens":3},"frames":2'
}

@test "talker: how user rows are cut into frames changes nothing" {
    local one two
    one=$(asked 0)
    two=$(asked 0 | sed '/"rows"/d; /thinker_embed/d'
        for part in '0,1,2' '3' '4,5,6,7' '8,9'; do
            n=$(($(tr -cd , <<<"$part" | wc -c) + 1))
            echo '{"kind":"tensor","turn":0,"name":"rows","values":['"$part"']}'
            echo '{"kind":"tensor","turn":0,"name":"thinker_embed","dtype":"f32","shape":['"$n"',64],"values":0.7}'
        done)
    stream "$one" "$(answered 0)" | omni-talker -n 20 >"$OUT/a"
    stream "$two" "$(answered 0)" | omni-talker -n 20 >"$OUT/b"
    [ "$(codes "$OUT/a" | wc -l)" -gt 3 ]
    [ "$(codes "$OUT/a")" = "$(codes "$OUT/b")" ]
}

@test "talker: media rows wait for their hidden states" {
    local prompt='{"kind":"tensor","turn":0,"name":"prompt","values":[480,270,10,511,511,97,481,10,480,266,10]}'
    local text='{"kind":"tensor","turn":0,"name":"rows","values":[0,1,2,5,6,7,8,9,10]}
{"kind":"tensor","turn":0,"name":"thinker_embed","dtype":"f32","shape":[9,64],"values":0.7}'
    local media='{"kind":"tensor","turn":0,"name":"rows","values":[3,4]}
{"kind":"tensor","turn":0,"name":"thinker_hidden","dtype":"f32","shape":[2,64],"values":-0.2}'
    local head='{"kind":"turn","turn":0}'
    stream "$head" "$prompt" "$text" "$media" "$(answered 0)" | omni-talker -n 9 >"$OUT/a"
    stream "$head" "$prompt" "$media" "$text" "$(answered 0)" | omni-talker -n 9 >"$OUT/b"
    [ "$(codes "$OUT/a" | wc -l)" -gt 3 ]
    [ "$(codes "$OUT/a")" = "$(codes "$OUT/b")" ]
    stream "$head" "$prompt" "$text" "$(answered 0)" >"$OUT/in"
    fails_with 65 omni-talker -n 9 <"$OUT/in"
}

# interrupted TIMES [OPTION...]: a talker in the middle of turn 0 of $OUT/in gets SIGINT so many times, and so does
# what it started.
interrupted() {
    interrupt() {
        frames_out "$OUT/out" 1
        for _ in $(seq "$1"); do
            kill -INT -- "-$(cat "$OUT/pid")"
            sleep 0.2
        done
    }
    local size
    size=$(stream_start "$(asked 0)" "$(token 0 0.5)" | wc -c)
    # bash starts what is in the background with SIGINT ignored; a stage leaves that as it is
    fed_after "$OUT/in" "$size" interrupt "$1" |
        timeout 20 setsid env --default-signal=INT \
            sh -c "echo \$\$ >'$OUT/pid'; exec omni-talker --temp 5 --top-k 0 \"\$@\"" sh "${@:2}" >"$OUT/out"
}

@test "talker: an interrupt ends the turn, the next one is spoken" {
    stream "$(turn 0)" "$(turn 1 '"talker":{"n":7}' | sed 's/false/true/')" >"$OUT/in"
    omni-talker -n 3 --temp 5 --top-k 0 <"$OUT/in" >"$OUT/undisturbed"
    interrupted 1
    [ "$(codes "$OUT/out" 1)" = "$(codes "$OUT/undisturbed" 1)" ]
    has "$OUT/out" '"kind":"done","turn":0,"reason":"interrupt".*"frames":1}'
    has "$OUT/out" '"kind":"done","turn":1,"reason":"length".*"frames":7}'
    [ "$(omni-inspect "$OUT/out" | grep -c '"kind":"text"')" -eq 6 ]
}

@test "talker: an interrupt leaves the co-process at work" {
    stream "$(turn 0)" "$(turn 1 '"talker":{"n":7}')" >"$OUT/in"
    interrupted 1 --codepred omni-codepred
    has "$OUT/out" '"kind":"done","turn":0,"reason":"interrupt".*"frames":1}'
    has "$OUT/out" '"kind":"done","turn":1,"reason":"length".*"frames":7}'
}

@test "talker: a second interrupt is 130" {
    stream "$(turn 0)" >"$OUT/in"
    interrupted 2 2>"$OUT/err" && return 1
    [ $? -eq 130 ]
    [ ! -s "$OUT/err" ]
}

@test "talker: what the thinker was interrupted in is not spoken" {
    stream "$(asked 0)" "$(token 0 0.5)" '{"kind":"done","turn":0,"reason":"interrupt","tokens":1}' \
        "$(turn 1)" | omni-talker -n 5 >"$OUT/out"
    has "$OUT/out" '"kind":"done","turn":0,"reason":"interrupt".*"frames":1}'
    has "$OUT/out" '"kind":"done","turn":1,"reason":"length".*"frames":5}'
}

@test "talker: without a user's turn there is an answer, without an answer there is silence" {
    local prompt='{"kind":"tensor","turn":0,"name":"prompt","values":[480,266,10]}'
    local rows='{"kind":"tensor","turn":0,"name":"rows","values":[0,1,2]}'
    local embed='{"kind":"tensor","turn":0,"name":"thinker_embed","dtype":"f32","shape":[3,64],"values":0.7}'
    stream '{"kind":"turn","turn":0}' "$prompt" "$rows" "$embed" "$(answered 0)" | omni-talker -n 5 >"$OUT/out"
    [ "$(codes "$OUT/out" | wc -l)" -eq 5 ]
    stream '{"kind":"turn","turn":0}' "$prompt" "$rows" "$embed" '{"kind":"done","turn":0,"reason":"stop"}' |
        omni-talker -n 5 >"$OUT/out"
    has "$OUT/out" '"kind":"done","turn":0,"reason":"stop".*"frames":0}'
}
