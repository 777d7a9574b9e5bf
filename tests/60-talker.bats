#!/usr/bin/env bats
# omni-talker and omni-codepred: equal to the reference, three ways to predict, and what turns bring.

load lib

OUT=$BATS_TEST_TMPDIR

TTS='{"kind":"tensor","name":"tts_embed","dtype":"f32","shape":[3,64],"values":0.3}'

# stream LINES...: a stream of JSON lines (tests/stream.py), after the tts_embed of a thinker.
stream() {
    printf '%s\n' "$TTS" "$@" | python3 "$ROOT/tests/stream.py"
}

# stream_start LINES...: the same without its end.
stream_start() {
    printf '%s\n' "$TTS" "$@" | python3 "$ROOT/tests/stream.py" --cut
}

# fed_after FILE BYTES COMMAND...: FILE's first BYTES, then COMMAND, then the rest.
fed_after() {
    head -c "$2" "$1"
    "${@:3}"
    tail -c +$(($2 + 1)) "$1"
}

# token TURN VALUE: a generated token with a row of VALUEs.
token() {
    echo '{"kind":"tensor","turn":'"$1"',"name":"tokens","values":[97]}'
    echo '{"kind":"tensor","turn":'"$1"',"name":"thinker_embed","dtype":"f32","shape":[1,64],"values":'"$2"'}'
    echo '{"kind":"text","turn":'"$1"',"payload":"a"}'
}

# asked TURN [KEYS]: a turn frame with more KEYS, and a question with its assistant header.
asked() {
    echo '{"kind":"turn","turn":'"$1"',"continue":false'"${2:+,$2}"'}'
    echo '{"kind":"tensor","turn":'"$1"',"name":"prompt","values":[480,270,10,97,98,481,10,480,266,10]}'
    echo '{"kind":"tensor","turn":'"$1"',"name":"rows","values":[0,1,2,3,4,5,6,7,8,9]}'
    echo '{"kind":"tensor","turn":'"$1"',"name":"thinker_embed","dtype":"f32","shape":[10,64],"values":0.7}'
}

# answered TURN: three tokens and the thinker's done.
answered() {
    token "$1" 0.5
    token "$1" -0.4
    token "$1" 0.9
    echo '{"kind":"done","turn":'"$1"',"reason":"stop","tokens":3}'
}

# turn TURN [KEYS]: both.
turn() {
    asked "$@"
    answered "$1"
}


# codes FILE [TURN]: the values of its codes.
codes() {
    omni-inspect "$1" | grep '"name":"codes"' | grep "\"turn\":${2:-0}," | grep -o '"values":.*'
}

# has FILE PATTERN: a frame of FILE matches.
has() {
    omni-inspect "$1" | grep -q -- "$2" || {
        omni-inspect "$1"
        return 1
    }
}

@test "talker and codepred: every golden case equals the reference" {
    local n=0 name model tool tolerance words
    while IFS=$'\t' read -r name model tool tolerance words; do
        case $tool in omni-talker | omni-codepred) ;; *) continue ;; esac
        eval "set -- $words"
        "$tool" --precise -m "$GOLDEN/$model" "$@" <"$GOLDEN/stream/$name.in" >"$OUT/$name"
        same_stream "$GOLDEN/stream/$name.out" "$OUT/$name" "$tolerance"
        n=$((n + 1))
    done <"$GOLDEN/cases"
    [ "$n" -ge 10 ]
}

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

@test "talker: a bad turn is lost with 65, the next one is spoken" {
    local keys n=0
    for keys in '"voice":"bob"' '"voice":7' '"seed":-1' '"talker":{"temp":-1}' '"talker":{"top_k":0.5}' \
        '"talker":{"top_p":"x"}' '"talker":7' '"codepred":{"temp":-1}' '"talker":{"n":-3}'; do
        stream "$(turn 0 "$keys")" "$(turn 1)" >"$OUT/in"
        fails_with 65 omni-talker -n 3 <"$OUT/in"
        has "$OUT/out" '"kind":"error".*"code":65.*"turn":0\|"kind":"error","turn":0.*"code":65'
        has "$OUT/out" '"kind":"done","turn":1'
        [ "$(codes "$OUT/out" 0 | wc -l)" -eq 0 ]
        [ "$(codes "$OUT/out" 1 | wc -l)" -eq 3 ]
        n=$((n + 1))
    done
    [ "$n" -eq 9 ]
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

@test "talker: text, notes, tokens and what it does not know go on, in order; its own does not" {
    stream "$(asked 0)" '{"kind":"note","turn":0,"from":"x"}' \
        '{"kind":"tensor","turn":0,"name":"mystery","values":[1]}' '{"kind":"fromthefuture","turn":0}' \
        "$(answered 0)" >"$OUT/in"
    omni-talker -n 2 <"$OUT/in" >"$OUT/out"
    omni-inspect "$OUT/out" | grep -o '"kind":"[a-z]*"\|"name":"[a-z_]*"' | grep -v tensor | tr '\n' ' ' >"$OUT/order"
    [ "$(cat "$OUT/order")" = '"kind":"begin" "kind":"turn" "kind":"note" "name":"mystery" "kind":"fromthefuture" "name":"tokens" "name":"codes" "kind":"text" "name":"tokens" "name":"codes" "kind":"text" "name":"tokens" "kind":"text" "kind":"note" "kind":"done" "kind":"end" ' ]
    has "$OUT/out" '"kind":"done","turn":0,"reason":"length","via":{"turn":0,"reason":"stop","tokens":3},"frames":2'
}

@test "talker: a full context ends the turn with length" {
    stream "$(turn 0)" "$(turn 1 | sed 's/false/true/')" "$(turn 2)" >"$OUT/in"
    omni-talker -c 20 --temp 5 --top-k 0 <"$OUT/in" >"$OUT/out"
    has "$OUT/out" '"kind":"done","turn":0,"reason":"length".*"frames":5}'
    has "$OUT/out" '"kind":"done","turn":1,"reason":"length".*"frames":0}'
    has "$OUT/out" '"kind":"done","turn":2,"reason":"length".*"frames":5}'
}

@test "talker: -n 0 is silent" {
    stream "$(turn 0)" | omni-talker -n 0 >"$OUT/out"
    has "$OUT/out" '"kind":"done","turn":0,"reason":"length".*"frames":0}'
}

# frames_out FILE N: waits until FILE has N frames of codes.
frames_out() {
    until [ "$(codes "$1" 2>/dev/null | wc -l)" -ge "$2" ]; do sleep 0.02; done
}

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

# interrupted TIMES: a talker in the middle of turn 0 of $OUT/in gets SIGINT so many times.
interrupted() {
    interrupt() {
        frames_out "$OUT/out" 1
        for _ in $(seq "$1"); do
            kill -INT "$(cat "$OUT/pid")"
            sleep 0.2
        done
    }
    local size
    size=$(stream_start "$(asked 0)" "$(token 0 0.5)" | wc -c)
    # bash starts what is in the background with SIGINT ignored; a stage leaves that as it is
    fed_after "$OUT/in" "$size" interrupt "$1" |
        timeout 20 env --default-signal=INT \
            sh -c "echo \$\$ >'$OUT/pid'; exec omni-talker --temp 5 --top-k 0" >"$OUT/out"
}

@test "talker: an interrupt ends the turn, the next one is spoken" {
    stream "$(turn 0)" "$(turn 1 '"talker":{"n":7}' | sed 's/false/true/')" >"$OUT/in"
    interrupted 1
    has "$OUT/out" '"kind":"done","turn":0,"reason":"interrupt".*"frames":1}'
    has "$OUT/out" '"kind":"done","turn":1,"reason":"length".*"frames":7}'
    [ "$(omni-inspect "$OUT/out" | grep -c '"kind":"text"')" -eq 6 ]
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

@test "talker: without tts_embed a turn is 65" {
    turn 0 | python3 "$ROOT/tests/stream.py" >"$OUT/in"
    fails_with 65 omni-talker <"$OUT/in"
    grep -q tts_embed "$OUT/err"
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

@test "talker: --emit-hidden says what each frame was made from" {
    stream "$(turn 0)" | omni-talker -n 3 -s 11 --temp 0.8 --emit-hidden >"$OUT/out"
    omni-inspect "$OUT/out" | grep -o '"name":"\(talker_hidden\|code0\|codes\)"' | tr '\n' ' ' >"$OUT/order"
    local one='"name":"talker_hidden" "name":"code0" "name":"codes" '
    [ "$(cat "$OUT/order")" = "$one$one$one" ]
    has "$OUT/out" '"kind":"turn","turn":0,"continue":false,"seed":11,"talker":{"temp":0.8,'
}

@test "codepred: codes that it cannot replace are 65" {
    stream "$(turn 0)" | omni-talker -n 3 >"$OUT/in"
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
