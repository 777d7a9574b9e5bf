#!/usr/bin/env bats
# omni-detokenize: text as it comes, prompts where there is no text, lost turns, bad streams.

bats_require_minimum_version 1.5.0
load lib

OUT=$BATS_TEST_TMPDIR

# A stream of frames, one a line of stdin: a JSON object of the head, a tab, the payload for printf %b.
stream() {
    python3 "$ROOT/tests/text/frames.py"
}

@test "detokenize: text as it comes, a newline after each turn" {
    omni-tokenize -l --continue <<<$'Hello\nAgain' | omni-thinker -n 8 >"$OUT/stream"
    omni-inspect <"$OUT/stream" | jq -sr 'map(select(.kind == "text")) | group_by(.turn)[] | map(.text) | add' >"$OUT/want"
    omni-detokenize <"$OUT/stream" >"$OUT/got"
    [ "$(wc -l <"$OUT/want")" -ge 2 ]
    cmp "$OUT/want" "$OUT/got"
}

@test "detokenize: whole characters only, each at once" {
    mkfifo "$OUT/frames" "$OUT/text"
    python3 "$ROOT/tests/text/frames.py" --flush <"$OUT/frames" | omni-detokenize >"$OUT/text" &
    exec 4>"$OUT/frames" 5<"$OUT/text"
    printf '%s\t%s\n' '{"kind":"turn","turn":0}' '' '{"kind":"text","turn":0}' 'a\xe4\xb8' >&4
    read -r -t 10 -N 1 first <&5
    [ "$first" = a ]
    run ! read -r -t 0.2 -N 1 first <&5
    printf '%s\t%s\n' '{"kind":"text","turn":0}' '\xad' >&4
    read -r -t 10 -N 1 first <&5
    [ "$first" = 中 ]
    printf '%s\t%s\n' '{"kind":"text","turn":0}' 'b\xff\xe4\n\xf0\x9f' '{"kind":"done","turn":0}' '' >&4
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

@test "detokenize: ids without a token say nothing" {
    omni-tokenize -r 'Hi' </dev/null >"$OUT/stream"
    stream >"$OUT/stream" <<'END'
{"kind":"turn","turn":0}	
{"kind":"tensor","turn":0,"name":"prompt","dtype":"i32","shape":[5],"seq":0}	\x27\0\0\0\xff\xff\xff\xff\x48\0\0\0\xff\xff\xff\x7f\0\x02\0\0
{"kind":"done","turn":0,"prompt":5}	
END
    omni-detokenize <"$OUT/stream" | cmp - <(echo Hi)
}

@test "detokenize --json: a line a turn" {
    omni-tokenize -l <<<$'Hello\nAgain' | omni-thinker -n 8 >"$OUT/stream"
    omni-detokenize --json <"$OUT/stream" | jq -c '[.turn, .reason, .tokens, (.text | type)]' >"$OUT/got"
    printf '%s\n' '[0,"length",8,"string"]' '[1,"length",8,"string"]' | cmp - "$OUT/got"
    # Behind other stages the count is further down.
    stream <<'END' | omni-detokenize --json >"$OUT/got"
{"kind":"turn","turn":3}	
{"kind":"text","turn":3}	\x22\0\n\xff
{"kind":"done","turn":3,"reason":"stop","frames":7,"via":{"reason":"stop","via":{"tokens":2}}}	
END
    printf '%s\n' '{"turn":3,"text":"\"\u0000\n�","reason":"stop","tokens":2}' | cmp - "$OUT/got"
}

@test "detokenize: lost turns are told and the others are read; the code comes at the end" {
    stream >"$OUT/stream" <<'END'
{"kind":"turn","turn":0}	
{"kind":"text","turn":0}	half
{"kind":"error","turn":0,"from":"omni-thinker","code":69,"text":"the device\tis lost"}	
{"kind":"turn","turn":1}	
{"kind":"text","turn":1}	whole
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

@test "detokenize: a fatal error upstream is silent here" {
    stream >"$OUT/stream" <<'END'
{"kind":"error","from":"omni-thinker","code":71,"text":"out of memory"}	
END
    run -71 omni-detokenize <"$OUT/stream"
    [ -z "$output" ]
}

@test "detokenize: a stream cut at any byte is one line and 76" {
    omni-tokenize Hi </dev/null | omni-thinker -n 2 >"$OUT/all"
    size=$(wc -c <"$OUT/all")
    for ((n = 0; n < size; n += n < 700 ? 7 : 211)); do
        head -c "$n" "$OUT/all" >"$OUT/cut"
        fails_with 76 omni-detokenize <"$OUT/cut"
    done
}

@test "detokenize: bad prompts, no model, full disk, gone reader, wrong options" {
    stream >"$OUT/stream" <<'END'
{"kind":"turn","turn":0}	
{"kind":"tensor","turn":0,"name":"prompt","dtype":"f32","shape":[1],"seq":0}	\0\0\0\0
END
    fails_with 65 omni-detokenize <"$OUT/stream"
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
