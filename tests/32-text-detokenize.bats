#!/usr/bin/env bats
# omni-detokenize: text as it comes, prompts where there is no text, lost turns, bad streams.

bats_require_minimum_version 1.5.0
load lib

OUT=$BATS_TEST_TMPDIR

stream() {
    "$ROOT/tests/stream.py" "$@"
}

@test "detokenize: text as it comes, a newline after each turn" {
    omni-tokenize -l --continue <<<$'Hello\nAgain' | omni-thinker -n 8 >"$OUT/stream"
    omni-inspect <"$OUT/stream" | jq -sr 'map(select(.kind == "text")) | group_by(.turn)[] | map(.text) | add' >"$OUT/want"
    omni-detokenize <"$OUT/stream" >"$OUT/got"
    [ "$(wc -l <"$OUT/want")" -ge 2 ]
    cmp "$OUT/want" "$OUT/got"
}

@test "detokenize: a prompt of no ids is a line of no text" {
    stream >"$OUT/stream" <<'END'
{"kind":"begin","omni":1,"producer":"test"}
{"kind":"turn","turn":0}
{"kind":"tensor","turn":0,"name":"prompt","dtype":"i32","values":[]}
{"kind":"done","turn":0,"prompt":0}
{"kind":"end","frames":4}
END
    omni-detokenize <"$OUT/stream" >"$OUT/got"
    printf '\n' | cmp - "$OUT/got"
}

@test "detokenize: whole characters only, each at once" {
    mkfifo "$OUT/frames" "$OUT/text"
    omni-detokenize <"$OUT/frames" >"$OUT/text" &
    exec 4>"$OUT/frames" 5<"$OUT/text"
    stream --part >&4 <<'END'
{"kind":"begin","omni":1,"producer":"test"}
{"kind":"turn","turn":0}
{"kind":"text","turn":0,"payload":"a","hex":"e4b8"}
END
    read -r -t 10 -N 1 first <&5
    [ "$first" = a ]
    run ! read -r -t 0.2 -N 1 first <&5
    echo '{"kind":"text","turn":0,"hex":"ad"}' | stream --part >&4
    read -r -t 10 -N 1 first <&5
    [ "$first" = 中 ]
    stream --part >&4 <<'END'
{"kind":"text","turn":0,"payload":"b","hex":"ffe40af09f"}
{"kind":"done","turn":0}
{"kind":"end","frames":6}
END
    exec 4>&-
    [ "$(cat <&5)" = $'b\ufffd\ufffd\n\ufffd' ]
    exec 5<&-
    wait
}

@test "detokenize: a turn without text is an empty line, a prompt is not taken for an answer" {
    omni-tokenize Hi </dev/null | omni-thinker -n 0 | omni-detokenize | cmp - <(echo)
    omni-tokenize -r 'Hi' </dev/null | omni-detokenize | cmp - <(echo Hi)
    omni-tokenize -r $'Hi\n' </dev/null | omni-detokenize | cmp - <(echo Hi)
}

# A turn of a prompt, as omni-tokenize sends it.
prompt() { # TURN IDS
    echo "{\"kind\":\"turn\",\"turn\":$1}"
    echo "{\"kind\":\"tensor\",\"turn\":$1,\"name\":\"prompt\",\"values\":[$2]}"
    echo "{\"kind\":\"done\",\"turn\":$1,\"prompt\":9}"
}

@test "detokenize: a prompt of ids that are no tokens is lost, the others are read" {
    {
        prompt 0 39,72
        prompt 1 39,-1
        prompt 2 512
        prompt 3 2147483647
        prompt 4 1.5 | sed 's/"prompt",/&"dtype":"f32",/'
        prompt 5 1,2 | sed 's/"prompt",/&"shape":[1,2],/'
        prompt 6 72
    } | stream >"$OUT/stream"
    run -65 --separate-stderr omni-detokenize <"$OUT/stream"
    [ "$output" = $'Hi\ni' ]
    # shellcheck disable=SC2154 # run sets it
    [ "${#stderr_lines[@]}" -eq 5 ]
    [[ ${stderr_lines[0]} == *'prompt: -1 is no token'* ]]
    run -65 --separate-stderr omni-detokenize --json <"$OUT/stream"
    [ "$(jq -c '[.turn, .text, .code]' <<<"$output" | xargs)" = \
        '[0,Hi,null] [1,null,65] [2,null,65] [3,null,65] [4,null,65] [5,null,65] [6,i,null]' ]
}

@test "detokenize --json: a line a turn" {
    omni-tokenize -l <<<$'Hello\nAgain' | omni-thinker -n 8 >"$OUT/stream"
    omni-detokenize --json <"$OUT/stream" | jq -c '[.turn, .reason, .tokens, (.text | type)]' >"$OUT/got"
    printf '%s\n' '[0,"length",8,"string"]' '[1,"length",8,"string"]' | cmp - "$OUT/got"
    # Behind other stages the count is further down.
    stream <<'END' | omni-detokenize --json >"$OUT/got"
{"kind":"turn","turn":3}
{"kind":"text","turn":3,"payload":"\"\u0000\n","hex":"ff"}
{"kind":"done","turn":3,"reason":"stop","frames":7,"via":{"reason":"stop","via":{"tokens":2}}}
END
    printf '%s\n' '{"turn":3,"text":"\"\u0000\n�","reason":"stop","tokens":2}' | cmp - "$OUT/got"
}

@test "detokenize: lost turns are told and the others are read; the code comes at the end" {
    stream >"$OUT/stream" <<'END'
{"kind":"turn","turn":0}
{"kind":"text","turn":0,"payload":"half"}
{"kind":"error","turn":0,"from":"omni-thinker","code":69,"text":"the device\tis lost"}
{"kind":"turn","turn":1}
{"kind":"text","turn":1,"payload":"whole"}
{"kind":"done","turn":1}
END
    fails_with 69 omni-detokenize <"$OUT/stream"
    printf 'half\nwhole\n' | cmp - "$OUT/out"
    [ "$(cat "$OUT/err")" = 'omni-detokenize: turn 0: omni-thinker: the device?is lost' ]
    fails_with 69 omni-detokenize --json <"$OUT/stream"
    printf '%s\n' '{"turn":0,"error":"the device\tis lost","from":"omni-thinker","code":69}' >"$OUT/want"
    head -n 1 "$OUT/out" | cmp - "$OUT/want"
    [ "$(tail -n 1 "$OUT/out" | jq -r .text)" = whole ]
}

@test "detokenize: an error of another turn is told, and the turn at hand read" {
    stream >"$OUT/stream" <<'END'
{"kind":"turn","turn":0}
{"kind":"done","turn":0,"reason":"stop"}
{"kind":"turn","turn":1}
{"kind":"text","turn":1,"payload":"who"}
{"kind":"error","turn":0,"from":"omni-talker","code":65,"text":"no"}
{"kind":"error","turn":2,"from":"omni-talker","code":66,"text":"no"}
{"kind":"text","turn":1,"payload":"le"}
{"kind":"done","turn":1,"reason":"stop"}
END
    run -65 --separate-stderr omni-detokenize <"$OUT/stream"
    [ "$output" = $'\nwhole' ]
    run -65 --separate-stderr omni-detokenize --json <"$OUT/stream"
    [ "$(jq -c '[.turn, .text, .code]' <<<"$output" | tr '\n' ' ')" = \
        '[0,"",null] [0,null,65] [2,null,66] [1,"whole",null] ' ]
}

@test "detokenize: a fatal error upstream is silent here" {
    stream >"$OUT/stream" <<'END'
{"kind":"error","from":"omni-thinker","code":71,"text":"out of memory"}
END
    run -71 omni-detokenize <"$OUT/stream"
    [ -z "$output" ]
}

@test "detokenize: a stream cut at any byte is one line and 76" {
    echo '{"kind":"text","turn":0,"payload":"a"}' | cat <(prompt 0 39 | head -n 1) - <(prompt 0 39 | tail -n 1) |
        stream >"$OUT/all"
    every_cut "$OUT/all" omni-detokenize
}

@test "detokenize: hostile streams are refused" {
    every_hostile omni-detokenize
}

@test "detokenize: no model, full disk, gone reader, wrong options" {
    omni-tokenize Hi </dev/null >"$OUT/prompt"
    fails_with 66 omni-detokenize -m "$OUT/none" <"$OUT/prompt"
    omni-thinker -n 2 <"$OUT/prompt" | omni-detokenize -m "$OUT/none" # text needs no model
    fails_with 74 bash -c "omni-detokenize <'$OUT/prompt' >/dev/full"
    gone_reader() {
        set -o pipefail
        yes Hi | head -n 20000 | omni-tokenize -l 2>/dev/null | omni-detokenize 2>"$OUT/err" | head -c 1
    }
    run -141 gone_reader
    [ ! -s "$OUT/err" ]
    fails_with 64 omni-detokenize file
    fails_with 64 omni-detokenize --nonsense
}
