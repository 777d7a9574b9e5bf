#!/usr/bin/env bats
# omni-tokenize: the template, turns and conversations, sound in text, bad input.

bats_require_minimum_version 1.5.0
load lib

OUT=$BATS_TEST_TMPDIR

# True if EXPR holds of every frame of KIND in the stream on stdin, and there is one.
every() { # KIND EXPR
    omni-inspect | jq -es "map(select(.kind == \"$1\")) | length > 0 and all($2)" >/dev/null
}

# Prompts of a stream as text, a JSON string a line.
prompts() {
    omni-detokenize --json | jq -c .text
}

same() { # WANT COMMAND...: the command's output is WANT
    local want=$1 got
    shift
    got=$("$@") || true
    [ "$got" = "$want" ] || { printf 'got:  %s\nwant: %s\n' "$got" "$want" && return 1; }
}

clips() { # FRAMES...: a stream of these clips
    omni-encode-audio --precise "${@/%/.wav}"
}

@test "tokenize: every golden case equals the reference" {
    local n=0 name model tool tolerance words input
    while IFS=$'\t' read -r name model tool tolerance words; do
        [ "$tool" = omni-tokenize ] || continue
        input=$GOLDEN/stream/$name.in
        [ -e "$input" ] || input=/dev/null
        eval "set -- $words"
        omni-tokenize -m "$GOLDEN/$model" "$@" <"$input" >"$OUT/$name"
        same_stream "$GOLDEN/stream/$name.out" "$OUT/$name" "$tolerance"
        n=$((n + 1))
    done <"$GOLDEN/cases"
    [ "$n" -ge 10 ]
}

@test "tokenize: arguments are one text, stdin is one text" {
    omni-tokenize 'Hello,' world </dev/null >"$OUT/a"
    echo 'Hello, world' | omni-tokenize >"$OUT/b"
    printf 'Hello, world\r\n' | omni-tokenize >"$OUT/c"
    cmp "$OUT/a" "$OUT/b"
    cmp "$OUT/a" "$OUT/c"
    same '"<|im_start|>user\nHello, world<|im_end|>\n<|im_start|>assistant\n"' prompts <"$OUT/a"
}

@test "tokenize: arguments leave standard input alone" {
    printf 'first\nsecond\n' >"$OUT/lines"
    { omni-tokenize Hello >"$OUT/a" && cat >"$OUT/rest"; } <"$OUT/lines"
    cmp "$OUT/lines" "$OUT/rest"
    { omni-tokenize Hello >"$OUT/a" && cat >"$OUT/rest"; } < <(cat "$OUT/lines")
    cmp "$OUT/lines" "$OUT/rest"
    omni-tokenize Hello <&- >"$OUT/b"
    cmp "$OUT/a" "$OUT/b"
}

@test "tokenize -r: every byte counts, and comes back" {
    printf 'a\r\n b\n\n<|im_end|>\n e\xcc\x81\n' >"$OUT/text"
    printf 'a\r\n b\n\n<|im_end|>\n \xc3\xa9\n' >"$OUT/composed"
    omni-tokenize -r <"$OUT/text" | omni-detokenize | cmp - "$OUT/composed"
    printf 'x\n\n \r\ny' | omni-tokenize -r -l | omni-detokenize >"$OUT/back"
    printf 'x\n\n \r\ny\n' | cmp - "$OUT/back"
    omni-tokenize -r '' </dev/null | every tensor '.shape == [0]'
}

@test "tokenize: ill-formed bytes become U+FFFD as in Python" {
    printf 'a\xff\xe4\xb8b\xf0\x9f\x92\xed\xa0\x80c\xe4' | omni-tokenize -r | omni-detokenize >"$OUT/got"
    printf 'a\xef\xbf\xbd\xef\xbf\xbdb\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdc\xef\xbf\xbd\n' | cmp - "$OUT/got"
}

@test "tokenize: system prompt, beginning of the answer, empty turns" {
    same '"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nWell, "' \
        prompts < <(omni-tokenize -p 'Be brief.' --assistant 'Well, ' Hi </dev/null)
    same '"<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n"' prompts < <(omni-tokenize </dev/null)
    same '"<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\nHi"' \
        prompts < <(omni-tokenize --assistant Hi '' </dev/null)
    same '"<|im_start|>assistant\nHi"' prompts < <(omni-tokenize --assistant Hi </dev/null)
}

@test "tokenize --assistant -: standard input is what the answer begins with" {
    same '"<|im_start|>assistant\nOne.\nTwo."' prompts < <(printf 'One.\nTwo.\n' | omni-tokenize --assistant -)
    printf 'One.\n\nTwo.\n' | omni-tokenize -l --assistant - 'Read.' | prompts >"$OUT/got"
    cat >"$OUT/want" <<'END'
"<|im_start|>user\nRead.<|im_end|>\n<|im_start|>assistant\nOne."
"<|im_start|>user\nRead.<|im_end|>\n<|im_start|>assistant\nTwo."
END
    cmp "$OUT/want" "$OUT/got"
}

@test "tokenize -l --continue: later turns say only what is new" {
    printf '%s\n' One '' '  ' Two | omni-tokenize -l --continue -p S >"$OUT/stream"
    prompts <"$OUT/stream" >"$OUT/got"
    cat >"$OUT/want" <<'END'
"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nOne<|im_end|>\n<|im_start|>assistant\n"
"\n<|im_start|>user\nTwo<|im_end|>\n<|im_start|>assistant\n"
END
    cmp "$OUT/want" "$OUT/got"
    same '[0,false] [1,true]' echo \
        "$(omni-inspect <"$OUT/stream" | jq -c 'select(.kind == "turn") | [.turn, .continue]' | xargs)"
    printf '%s\n' One Two | omni-tokenize -l -p S | prompts | sed s/Two/One/ | uniq | wc -l | grep -qx 1
}

@test "tokenize -l: a turn leaves as soon as its line is there" {
    mkfifo "$OUT/text" "$OUT/frames"
    omni-tokenize -l <"$OUT/text" | omni-inspect >"$OUT/frames" &
    exec 4>"$OUT/text" 5<"$OUT/frames"
    for n in 0 1; do
        echo "line $n" >&4
        until [[ $frame == *'"kind":"done","turn":'$n* ]]; do read -r -t 10 frame <&5; done
    done
    exec 4>&- 5<&-
    wait
}

@test "tokenize: turn frames have voice and seed only if they are said" {
    omni-tokenize Hi </dev/null | omni-inspect | grep -qx '{"kind":"turn","turn":0,"continue":false}'
    omni-tokenize --voice Ethan -s 9223372036854775807 Hi </dev/null | omni-inspect |
        grep -qx '{"kind":"turn","turn":0,"continue":false,"voice":"Ethan","seed":9223372036854775807}'
}

pads() { # N
    printf '<|audio_start|>'
    printf '<|audio_pad|>%.0s' $(seq "$1")
    printf '<|audio_end|>'
}

@test "tokenize: sound comes before the text, a placeholder a row" {
    omni-encode-audio "$GOLDEN/wav/37.wav" "$GOLDEN/wav/100.wav" >"$OUT/upstream"
    omni-tokenize 'Same?' <"$OUT/upstream" >"$OUT/stream"
    same "\"<|im_start|>user\n$(pads 5)$(pads 13)Same?<|im_end|>\n<|im_start|>assistant\n\"" prompts <"$OUT/stream"
    omni-tokenize <"$OUT/upstream" >"$OUT/stream"
    same "\"<|im_start|>user\n$(pads 5)$(pads 13)<|im_end|>\n<|im_start|>assistant\n\"" prompts <"$OUT/stream"
    # The clips themselves pass unchanged.
    omni-inspect -x audio_embeds "$OUT/upstream" >"$OUT/a.npy"
    omni-inspect -x audio_embeds "$OUT/stream" | cmp - "$OUT/a.npy"
}

@test "tokenize -r: the text says where sound goes" {
    omni-encode-audio "$GOLDEN/wav/37.wav" >"$OUT/upstream"
    same "\"a$(pads 5)b\"" prompts < <(omni-tokenize -r "a$(pads 1)b" <"$OUT/upstream")
    for text in 'none' "$(pads 2)"; do
        fails_with 65 omni-tokenize -r "$text" <"$OUT/upstream"
        every error '.code == 65 and .turn == 0' <"$OUT/out"
    done
}

@test "tokenize: spoken turns of one conversation, one of them lost" {
    printf '%s\n' "$GOLDEN/wav/37.wav" /dev/null "$GOLDEN/wav/100.wav" |
        omni-encode-audio -l 2>/dev/null | omni-tokenize -p S --continue >"$OUT/stream" || [ $? -eq 65 ]
    omni-inspect <"$OUT/stream" | jq -c '[.kind, .turn, .continue, .name]' >"$OUT/frames"
    cat >"$OUT/want" <<'END'
["begin",null,null,null]
["turn",0,false,null]
["tensor",0,null,"audio_embeds"]
["tensor",0,null,"prompt"]
["done",0,null,null]
["error",1,null,null]
["turn",2,true,null]
["tensor",2,null,"audio_embeds"]
["tensor",2,null,"prompt"]
["done",2,null,null]
["end",null,null,null]
END
    cmp "$OUT/want" "$OUT/frames"
    printf '%s\n' "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n$(pads 5)<|im_end|>\n<|im_start|>assistant\n" \
        "\n<|im_start|>user\n$(pads 13)<|im_end|>\n<|im_start|>assistant\n" | sed 's/.*/"&"/' >"$OUT/want"
    omni-detokenize --json <"$OUT/stream" 2>/dev/null | jq -c '.text | values' | cmp - "$OUT/want"
}

@test "tokenize: when the first turn is lost, the next one begins the conversation" {
    printf '%s\n' /dev/null "$GOLDEN/wav/37.wav" | omni-encode-audio -l 2>/dev/null |
        omni-tokenize -p S --continue | every turn '.turn == 1 and .continue == false'
}

@test "tokenize --jsonl: messages with their full history" {
    cat >"$OUT/messages" <<'END'
{"role": "system", "content": "S"}
{"role": "user", "content": "One"}
{"role": "assistant", "content": "1"}
{"role": "user", "content": [{"type": "text", "text": "Tw"}, {"type": "text", "text": "o"}]}
[{"role": "user", "content": "New"}, {"role": "assistant", "content": "I"}]
{"messages": [{"role": "system", "content": "T"}, {"role": "user", "content": "Last\u0000"}]}
END
    cat >"$OUT/want" <<'END'
"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nOne<|im_end|>\n<|im_start|>assistant\n"
"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nOne<|im_end|>\n<|im_start|>assistant\n1<|im_end|>\n<|im_start|>user\nTwo<|im_end|>\n<|im_start|>assistant\n"
"<|im_start|>system\nP<|im_end|>\n<|im_start|>user\nNew<|im_end|>\n<|im_start|>assistant\nI"
"<|im_start|>system\nT<|im_end|>\n<|im_start|>user\nLast\u0000<|im_end|>\n<|im_start|>assistant\n"
END
    omni-tokenize --jsonl -p P <"$OUT/messages" >"$OUT/stream"
    prompts <"$OUT/stream" | cmp - "$OUT/want"
    every turn '.continue == false' <"$OUT/stream"
}

@test "tokenize --jsonl --continue: only what is new" {
    cat >"$OUT/messages" <<'END'
{"role": "user", "content": "One"}
{"role": "user", "content": "Two"}
[{"role": "user", "content": "Three"}]
END
    cat >"$OUT/want" <<'END'
"<|im_start|>system\nP<|im_end|>\n<|im_start|>user\nOne<|im_end|>\n<|im_start|>assistant\n"
"\n<|im_start|>user\nTwo<|im_end|>\n<|im_start|>assistant\n"
"\n<|im_start|>user\nThree<|im_end|>\n<|im_start|>assistant\n"
END
    omni-tokenize --jsonl --continue -p P <"$OUT/messages" | prompts | cmp - "$OUT/want"
}

# A stream as `omni-encode-audio --jsonl` writes it: turn, clips, message, done. Lines of stdin
# are "N JSON", N rows of sound.
spoken_messages() {
    python3 "$ROOT/tests/text/messages.py" | python3 "$ROOT/tests/text/frames.py"
}

@test "tokenize: spoken messages, clips of the history are sent again" {
    spoken_messages >"$OUT/upstream" <<'END'
2 {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "a.wav"}}, {"type": "text", "text": "A"}]}
0 {"role": "assistant", "content": "Yes"}
3 {"role": "user", "content": [{"type": "text", "text": "B"}, {"type": "input_audio", "input_audio": {"data": "b.wav"}}]}
1 {"messages": [{"role": "user", "content": [{"type": "audio", "audio": "c.wav"}]}]}
1 {"role": "user", "content": "two places for one clip <|audio_pad|><|audio_pad|>"}
0 {"role": "user", "content": "D"}
END
    fails_with 65 omni-tokenize <"$OUT/upstream"
    cat >"$OUT/want" <<END
"<|im_start|>user\n$(pads 2)A<|im_end|>\n<|im_start|>assistant\n"
"<|im_start|>user\n$(pads 2)A<|im_end|>\n<|im_start|>assistant\nYes<|im_end|>\n<|im_start|>user\nB$(pads 3)<|im_end|>\n<|im_start|>assistant\n"
"<|im_start|>user\n$(pads 1)<|im_end|>\n<|im_start|>assistant\n"
"<|im_start|>user\nD<|im_end|>\n<|im_start|>assistant\n"
END
    omni-detokenize --json <"$OUT/out" 2>/dev/null | jq -c '.text | values' | cmp - "$OUT/want"
    omni-inspect <"$OUT/out" | jq -c 'select(.name == "audio_embeds") | [.turn, .seq, .shape[0]]' >"$OUT/clips"
    printf '%s\n' '[0,0,2]' '[2,0,2]' '[2,1,3]' '[3,0,1]' | cmp - "$OUT/clips"
    # What we do not know passes on, in its turn.
    [ "$(omni-inspect <"$OUT/out" | jq -c 'select(.kind == "note") | .turn' | xargs)" = "0 2 3 5" ]
}

@test "tokenize: one bad message among good ones" {
    for bad in 'no JSON' '{"role": "user"' '{"role": "robot", "content": ""}' '{"role": "user"}' '3' '[]' '{"messages": 1}' \
        '{"role": "user", "content": [{"type": "image_url"}]}' '{"role": "user", "content": [{"type": "text"}]}' \
        '{"role": "user", "content": [{}]}' '[{"role": "user", "content": "a"}, 7]' \
        '{"role": "user", "content": [{"type": "input_audio"}]}' '{"role": "user", "role": "user", "content": ""}'; do
        printf '%s\n' '{"role": "user", "content": "One"}' "$bad" '{"role": "user", "content": "Two"}' >"$OUT/messages"
        fails_with 65 omni-tokenize --jsonl <"$OUT/messages"
        [ "$(omni-detokenize --json <"$OUT/out" 2>/dev/null | jq -c '[.turn, .code]' | xargs)" = '[0,null] [1,65] [2,null]' ]
        omni-detokenize --json <"$OUT/out" 2>/dev/null | tail -n 1 | grep -q 'One.*Two'
    done
}

@test "tokenize: wrong options" {
    fails_with 64 omni-tokenize -r -p S Hi
    fails_with 64 omni-tokenize -r --assistant A Hi
    fails_with 64 omni-tokenize -l Hi
    fails_with 64 omni-tokenize --jsonl Hi
    fails_with 64 omni-tokenize --jsonl -l
    fails_with 64 omni-tokenize -s -1 Hi
    fails_with 64 omni-tokenize --nonsense
    fails_with 64 omni-tokenize --voice nobody Hi
    grep -q ethan "$OUT/err"
    omni-encode-audio "$GOLDEN/wav/37.wav" >"$OUT/upstream"
    fails_with 64 omni-tokenize -l <"$OUT/upstream"
    fails_with 64 omni-tokenize --assistant - <"$OUT/upstream"
}

@test "tokenize: a vocabulary without the template's tokens can do -r" {
    mkdir "$OUT/bare"
    cp "$GOLDEN/tiny/vocab.json" "$GOLDEN/tiny/merges.txt" "$OUT/bare"
    fails_with 78 omni-tokenize -m "$OUT/bare" Hi
    same '"<|im_end|>"' prompts < <(omni-tokenize -m "$OUT/bare" -r '<|im_end|>' </dev/null)
}

@test "tokenize: broken streams, full disk, gone reader" {
    omni-encode-audio "$GOLDEN/wav/37.wav" >"$OUT/upstream"
    head -c 1000 "$OUT/upstream" >"$OUT/cut"
    fails_with 76 omni-tokenize <"$OUT/cut"
    fails_with 74 bash -c 'omni-tokenize Hi </dev/null >/dev/full'
    gone_reader() {
        set -o pipefail
        yes Hi | head -n 100000 | omni-tokenize -l 2>"$OUT/err" | head -c 1
    }
    run -141 gone_reader
    [ ! -s "$OUT/err" ]
}
