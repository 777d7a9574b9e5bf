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

# Reads lines of omni-inspect until turn N is done.
turn_is_done() { # N
    local line=
    until [[ $line == *'"kind":"done","turn":'$1* ]]; do read -r -t 10 line; done
}

@test "tokenize -l: a turn leaves as soon as its line is there" {
    mkfifo "$OUT/text" "$OUT/frames"
    omni-tokenize -l <"$OUT/text" | omni-inspect >"$OUT/frames" &
    exec 4>"$OUT/text" 5<"$OUT/frames"
    for n in 0 1; do
        echo "line $n" >&4
        turn_is_done "$n" <&5
    done
    exec 4>&- 5<&-
    wait
}

@test "tokenize: interrupts are for other stages, until there are two within half a second" {
    mkfifo "$OUT/text" "$OUT/stream" "$OUT/frames"
    omni-inspect <"$OUT/stream" >"$OUT/frames" &
    # bash starts what is in the background with SIGINT ignored
    env --default-signal=INT omni-tokenize -l <"$OUT/text" >"$OUT/stream" &
    pid=$!
    exec 4>"$OUT/text" 5<"$OUT/frames"
    for n in 0 1 2; do
        echo "line $n" >&4
        turn_is_done "$n" <&5
        [ "$n" = 0 ] || sleep 0.6
        kill -INT "$pid"
    done
    sleep 0.1 # or both are one
    kill -INT "$pid"
    code=0
    wait "$pid" || code=$?
    exec 4>&- 5<&-
    [ "$code" = 130 ]
}

@test "tokenize: a seed is decimal, leading zeros or not, or hexadecimal; nothing else" {
    local seed
    for seed in 815:815 0815:815 010:10 0x1F:31 18446744073709551615:18446744073709551615; do
        omni-tokenize -s "${seed%:*}" hello >"$BATS_TEST_TMPDIR/seed"
        omni-tokenize -s "${seed#*:}" hello | cmp - "$BATS_TEST_TMPDIR/seed"
    done
    for seed in "" -1 " -1" " 1" 1x 0x 1.5 18446744073709551616; do
        fails_with 64 omni-tokenize -s "$seed" hello
        grep -q 'whole number' "$BATS_TEST_TMPDIR/err"
    done
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

# A stream as `omni-encode-audio --jsonl` writes it: turn, clip, message, done. Lines of stdin are
# "N JSON": N rows of sound, the message.
spoken_messages() {
    local turn=0 rows message
    while read -r rows message; do
        echo "{\"kind\":\"turn\",\"turn\":$turn,\"continue\":false}"
        [ "$rows" = 0 ] ||
            echo "{\"kind\":\"tensor\",\"turn\":$turn,\"name\":\"audio_embeds\",\"dtype\":\"f32\",\"shape\":[$rows,64],\"values\":0}"
        echo "{\"kind\":\"note\",\"turn\":$turn}"
        jq -cn --arg message "$message" "{kind: \"message\", turn: $turn, payload: \$message}"
        echo "{\"kind\":\"done\",\"turn\":$turn,\"reason\":\"stop\"}"
        turn=$((turn + 1))
    done | "$ROOT/tests/stream.py"
}

@test "tokenize: spoken messages, clips of the history are sent again" {
    spoken_messages >"$OUT/upstream" <<'END'
2 {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "a.wav"}}, {"type": "text", "text": "A"}]}
0 {"role": "assistant", "content": "Yes"}
3 {"role": "user", "content": [{"type": "text", "text": "B"}, {"type": "input_audio", "input_audio": {"data": "b.wav"}}]}
1 {"messages": [{"role": "user", "content": [{"type": "audio", "audio": "c.wav"}]}]}
1 {"role": "user", "content": "two places for one clip <|audio_pad|><|audio_pad|>"}
0 {"role": "user", "content": "D"}
0 {"role": "assistant", "content": "a place without a clip <|audio_pad|>"}
1 {"role": "assistant", "content": "a clip without a place"}
0 {"role": "user", "content": "E"}
END
    code=0
    omni-tokenize <"$OUT/upstream" >"$OUT/out" 2>"$OUT/err" || code=$?
    [ "$code" = 65 ]
    [ "$(wc -l <"$OUT/err")" = 3 ]
    cat >"$OUT/want" <<END
"<|im_start|>user\n$(pads 2)A<|im_end|>\n<|im_start|>assistant\n"
"<|im_start|>user\n$(pads 2)A<|im_end|>\n<|im_start|>assistant\nYes<|im_end|>\n<|im_start|>user\nB$(pads 3)<|im_end|>\n<|im_start|>assistant\n"
"<|im_start|>user\n$(pads 1)<|im_end|>\n<|im_start|>assistant\n"
"<|im_start|>user\nD<|im_end|>\n<|im_start|>assistant\n"
"<|im_start|>user\nD<|im_end|>\n<|im_start|>user\nE<|im_end|>\n<|im_start|>assistant\n"
END
    omni-detokenize --json <"$OUT/out" 2>/dev/null | jq -c '.text | values' | cmp - "$OUT/want"
    omni-inspect <"$OUT/out" | jq -c 'select(.name == "audio_embeds") | [.turn, .seq, .shape[0]]' >"$OUT/clips"
    printf '%s\n' '[0,0,2]' '[2,0,2]' '[2,1,3]' '[3,0,1]' | cmp - "$OUT/clips"
    # What we do not know passes on, in its turn.
    [ "$(omni-inspect <"$OUT/out" | jq -c 'select(.kind == "note") | .turn' | xargs)" = "0 2 3 5 8" ]
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

# A short stream of sound.
upstream() {
    echo '0 {"role": "user", "content": "Hi"}' | spoken_messages
}

@test "tokenize: a stream cut at any byte is one line and 76" {
    upstream >"$OUT/upstream"
    size=$(stat -c %s "$OUT/upstream")
    for ((n = 1; n < size; n++)); do # cut to nothing it is an empty text
        head -c "$n" "$OUT/upstream" >"$OUT/cut"
        fails_with 76 omni-tokenize <"$OUT/cut"
        whole_stream "$OUT/out"
    done
}

@test "tokenize: hostile streams are refused" {
    PYTHONDONTWRITEBYTECODE=1 python3 "$ROOT/tests/hostile.py" "$OUT/hostile" >"$OUT/cases"
    while IFS=$'\t' read -r name code; do
        [ "$(head -c 1 "$OUT/hostile/$name" | od -An -tx1)" = " 93" ] || continue # text
        fails_with "$code" omni-tokenize <"$OUT/hostile/$name"
        whole_stream "$OUT/out"
    done <"$OUT/cases"
    OUTPUT=stream every_hostile -t 'audio_embeds f32 3 64' omni-tokenize
}

@test "tokenize: rows of nothing, of which a stream can promise any number, are refused" {
    mkdir "$OUT/bare" # without a config.json nobody knows how wide rows are
    cp "$GOLDEN/tiny/"{vocab.json,merges.txt,tokenizer_config.json} "$OUT/bare"
    {
        echo '{"kind":"turn","turn":0}'
        for rows in 9223372036854775807 9223372036854775807 7; do # 5 in 64 bits
            echo "{\"kind\":\"tensor\",\"turn\":0,\"name\":\"audio_embeds\",\"dtype\":\"bf16\",\"shape\":[$rows,0],\"values\":[]}"
        done
        echo '{"kind":"done","turn":0}'
    } | "$ROOT/tests/stream.py" >"$OUT/upstream"
    fails_with 65 omni-tokenize -m "$OUT/bare" 'What is that?' <"$OUT/upstream"
    grep -qF 'audio_embeds: not rows of f32 or bf16' "$OUT/err"
    whole_stream "$OUT/out"
}

@test "tokenize: an error of another turn leaves the sound of the turn at hand" {
    spoken() { # TURN
        printf '{"kind":"turn","turn":%d}\n' "$1"
        printf '{"kind":"tensor","turn":%d,"name":"audio_embeds","dtype":"f32","shape":[3,64],"values":0}\n' "$1"
        printf '{"kind":"done","turn":%d}\n' "$1"
    }
    { spoken 0 && spoken 1 && spoken 3; } | "$ROOT/tests/stream.py" | omni-tokenize Why? >"$OUT/want"
    { spoken 0 && spoken 1 | lost_elsewhere 2 0 2 && spoken 2 && spoken 3; } | "$ROOT/tests/stream.py" >"$OUT/upstream"
    omni-tokenize Why? <"$OUT/upstream" >"$OUT/stream" || [ $? -eq 69 ]
    omni-inspect "$OUT/stream" | grep '"kind":"tensor"' >"$OUT/got"
    omni-inspect "$OUT/want" | grep '"kind":"tensor"' | cmp - "$OUT/got"
    [ "$(omni-inspect "$OUT/stream" | grep -c '"kind":"error"')" = 2 ]
}

@test "tokenize: a turn that has a prompt is refused" {
    omni-tokenize Hello. </dev/null >"$OUT/once"
    fails_with 65 omni-tokenize <"$OUT/once"
    grep -q 'omni-tokenize has been there' "$OUT/err"
    whole_stream "$OUT/out"
}

@test "tokenize: an upstream that failed for good is silent here" {
    echo '{"kind":"error","from":"omni-encode-audio","code":71,"text":"out of memory"}' |
        "$ROOT/tests/stream.py" >"$OUT/upstream"
    code=0
    omni-tokenize <"$OUT/upstream" >"$OUT/stream" 2>"$OUT/err" || code=$?
    [ "$code" = 71 ]
    [ ! -s "$OUT/err" ]
    every error '.from == "omni-encode-audio"' <"$OUT/stream"
}

@test "tokenize: broken vocabularies" {
    cp -r "$GOLDEN/tiny" "$OUT/model"
    refused() { # CODE FILE CONTENT WORDS: with this content of the file it fails, and says WORDS
        cp "$OUT/model/$2" "$OUT/kept"
        printf %s "$3" >"$OUT/model/$2"
        fails_with "$1" omni-tokenize -m "$OUT/model" Hi
        grep -qF "$4" "$OUT/err" || { cat "$OUT/err" && return 1; }
        mv "$OUT/kept" "$OUT/model/$2"
    }
    vocab=$(cat "$OUT/model/vocab.json")
    with() { # PAIR: the vocabulary with one more pair
        echo "${vocab%\}}, $1}"
    }
    refused 65 vocab.json "${vocab%??????}" 'vocab.json: line 1'
    refused 65 vocab.json '' 'vocab.json'
    refused 65 vocab.json '[]' 'no JSON object'
    refused 65 vocab.json '{"a": 0}' 'no token for the byte 0x00'
    refused 65 vocab.json "$(with '"x y": 3')" 'id 3 is given to'
    refused 65 vocab.json "$(with '"a": 999')" 'duplicate object key'
    refused 65 vocab.json "$(with '"zz": -1')" 'id -1 is not in'
    refused 65 vocab.json "$(with '"zz": 1048576')" 'id 1048576 is not in'
    refused 65 vocab.json "$(with '"zz": 99999999999999999999')" 'too big integer'
    refused 65 vocab.json "$(with '"zz": "1"')" 'no whole number'
    refused 65 vocab.json "$(with '"zz": 1.5')" 'no whole number'
    refused 65 vocab.json "$(with '"": 700')" 'name of 0 bytes'
    refused 65 merges.txt 'h zz' "merge 1 names the unknown token 'zz'"
    refused 65 merges.txt 'h q' "merge 1 names the unknown token 'hq'"
    refused 65 merges.txt $'#version: 0.2\nh e\nhe' 'merge 2 is not two tokens'
    refused 65 merges.txt $'h e l' 'merge 1 is not two tokens'
    refused 65 tokenizer_config.json '[]' 'no JSON object'
    refused 65 tokenizer_config.json '{"added_tokens_decoder": []}' 'added_tokens_decoder is no object'
    added() { # KEY TOKEN WORDS
        refused 65 tokenizer_config.json "{\"added_tokens_decoder\": {\"$1\": $2}}" "$3"
    }
    added x '{"content": "<x>"}' "'x' is no id"
    added -5 '{"content": "<x>"}' 'id -5 is not in'
    added 99999999999999999999 '{"content": "<x>"}' 'is not in 0..'
    added 500 '{}' 'added token 500 has no content'
    added 500 '{"content": ""}' 'has no content'
    added 500 '{"content": "<x>", "special": 1}' "'special' is neither true nor false"
    added 5 '{"content": "<x>"}' 'id 5 is given to'
    added 500 '{"content": "a"}' "token 'a' has two ids"
    rm "$OUT/model/merges.txt"
    fails_with 66 omni-tokenize -m "$OUT/model" Hi
}

@test "tokenize: tokenizer.json of another kind, and broken ones" {
    cp -r "$GOLDEN/odd" "$OUT/model"
    refused() { # CODE JQ-FILTER WORDS
        jq "$2" "$GOLDEN/odd/tokenizer.json" >"$OUT/model/tokenizer.json"
        fails_with "$1" omni-tokenize -m "$OUT/model" Hi
        grep -qF "tokenizer.json: $3" "$OUT/err" || { cat "$OUT/err" && return 1; }
    }
    refused 78 '.model.type = "Unigram"' model.type
    refused 78 '.model.byte_fallback = true' model
    refused 78 '.model.dropout = 0.5' model
    refused 78 '.model.continuing_subword_prefix = "##"' model
    refused 78 '.normalizer.type = "NFKC"' normalizer
    refused 78 '.pre_tokenizer.type = "ByteLevel"' pre_tokenizer
    refused 78 '.pre_tokenizer.pretokenizers[0].behavior = "Removed"' pre_tokenizer
    refused 78 '.pre_tokenizer.pretokenizers[0].pattern = {"String": " "}' pre_tokenizer
    refused 78 '.pre_tokenizer.pretokenizers[1].use_regex = true' pre_tokenizer
    refused 78 '.post_processor = {"type": "TemplateProcessing"}' post_processor
    refused 78 'del(.decoder)' decoder
    refused 65 '.pre_tokenizer.pretokenizers[0].pattern.Regex = "("' 'split pattern'
    refused 65 '.pre_tokenizer.pretokenizers[0].pattern.Regex = "\\C"' 'split pattern: using \C is disabled'
    refused 65 '.model.vocab = []' 'the vocabulary is no JSON object'
    refused 65 '.model.merges = {}' 'model.merges is no list'
    refused 65 '.model.merges[0] = ["a"]' 'merge 1 is not two tokens'
    refused 65 '.model.merges[0] = 7' 'merge 1 is not two tokens'
    refused 65 'del(.model)' 'no model'
    refused 65 '.added_tokens = 1' 'added_tokens is no list'
    refused 65 'del(.added_tokens[0].id)' 'added token 0 has no id'
    refused 65 '[]' 'no JSON object'
    head -c 4000 "$GOLDEN/odd/tokenizer.json" >"$OUT/model/tokenizer.json"
    fails_with 65 omni-tokenize -m "$OUT/model" Hi
}

@test "tokenize: full disk, gone reader" {
    fails_with 74 bash -c 'omni-tokenize Hi </dev/null >/dev/full'
    gone_reader() {
        set -o pipefail
        yes Hi | head -n 100000 | omni-tokenize -l 2>"$OUT/err" | head -c 1
    }
    run -141 gone_reader
    [ ! -s "$OUT/err" ]
}
