#!/usr/bin/env bats
# omni-thinker: conversations, reuse of what has run, interruption, the context's end, reading aloud.

load thinker

# Prompt ids of about 1300 rows, a user's turn.
long_prompt() {
    question "$(jq -nr '[range(2500) | . * 37 % 250 + 200] | join(",")')"
}

@test "thinker: a continued turn runs only what is new, and says the same as a fresh one" {
    first=$(question 416)
    second=198,$(question 301)
    {
        turn 0 "$first"
        turn 1 "$second" '"continue":true'
    } | think -n 5
    [ "$(rows_of 0) $(rows_of 1)" = "9 12" ] # the last token, im_end, ten new ones
    [ "$(done_of 0)" = "length 5" ]
    answer=$(tokens 0)
    want=$(tokens 1)
    turn 0 "$first,$(tr ' ' ',' <<<"$answer")481,$second" | think -n 5
    [ "$(tokens 0)" = "$want" ]
}

@test "thinker: after a stop the stop token is put into the conversation" {
    first=$(question 416)
    second=198,$(question 301)
    {
        turn 0 "$first"
        turn 1 "$second" '"continue":true'
    } | think
    [[ "$(done_of 0)" == "stop "* ]]
    [ "$(rows_of 1)" = 11 ] # im_end, ten new ones
    answer=$(tokens 0)
    want=$(tokens 1)
    turn 0 "$first,$(tr ' ' ',' <<<"$answer")481,$second" | think
    [ "$(tokens 0)" = "$want" ]
}

@test "thinker: a new conversation reuses what both begin with" {
    both=480,269,198,400,401,402,481,198
    {
        turn 0 "$both,$(question 416)"
        turn 1 "$both,$(question 301)"
        turn 2 "$both,$(question 301)"
        turn 3 "$(question 301)"
    } | think -n 4
    [ "$(rows_of 0) $(rows_of 1) $(rows_of 2) $(rows_of 3)" = "17 6 1 8" ]
    again=$(tokens 1)
    alone=$(tokens 3)
    [ "$(tokens 2)" = "$again" ]
    turn 0 "$both,$(question 301)" | think -n 4
    [ "$(tokens 0)" = "$again" ]
    turn 0 "$(question 301)" | think -n 4
    [ "$(tokens 0)" = "$alone" ]
}

@test "thinker: sound is reused too, if it is the same sound" {
    ids=$(question 511,511,416)
    {
        heard 0 "$ids" 0.5 2
        heard 1 "$ids" 0.5 2
        heard 2 "$ids" 0.25 2
    } | think -n 4
    [ "$(rows_of 0) $(rows_of 1) $(rows_of 2)" = "11 1 8" ]
    for turn in 0 1 2; do
        extract thinker_hidden $turn
        extract thinker_embed $turn
    done
    cmp "$OUT/thinker_hidden.0.npy" "$OUT/thinker_hidden.1.npy"
    cmp "$OUT/thinker_embed.0.npy" "$OUT/thinker_embed.1.npy"
    run cmp -s "$OUT/thinker_hidden.0.npy" "$OUT/thinker_hidden.2.npy"
    [ "$status" = 1 ]
    [ "$(tokens 1)" = "$(tokens 0)" ]
}

@test "thinker: long prompts run in chunks that end at multiples of 2048" {
    turn 0 "$(long_prompt)" | think -n 4 --trace thinker.norm
    shapes=$(omni-inspect "$OUT/stream" | jq -r 'select(.name == "rows" or .name == "thinker.norm") | .shape[0]')
    [ "$(tr '\n' ' ' <<<"$shapes")" = "2048 2048 460 460 1 1 1 " ]
    want=$(tokens 0)
    extract thinker_embed 0
    mv "$OUT/thinker_embed.0.npy" "$OUT/want.npy"
    {
        turn 0 "$(long_prompt | cut -d, -f 1-2200)" '"thinker":{"n":1}'
        turn 1 "$(long_prompt)"
    } | think -n 4
    [ "$(rows_of 0) $(rows_of 1)" = "2200 308" ]
    [ "$(tokens 1)" = "$want" ]
    extract thinker_embed 1
    cmp "$OUT/thinker_embed.1.npy" "$OUT/want.npy"
}

@test "thinker: a full context ends the turn; what does not fit any more is refused" {
    {
        turn 0 "$(question 416)"
        turn 1 "198,$(question 301)" '"continue":true'
        turn 2 "$(question 301)" '"thinker":{"n":2}'
        turn 3 "$(question 300,301,302,303,304)"
    } >"$OUT/json"
    code=0
    think -c 12 --temp 100 -s 4 <"$OUT/json" 2>"$OUT/err" || code=$?
    [ "$code" = 65 ]
    [ "$(done_of 0)" = "length 4" ] # nine rows of prompt, three of tokens, and one that needs none
    [ "$(done_of 2)" = "length 2" ]
    [ "$(errors)" = "1 65 3 65 " ]
    sed 's/.*: the /the /' "$OUT/err" | diff - <(
        echo 'the context of 12 rows is used up: begin a new conversation, or give a larger -c'
        echo 'the prompt of 13 rows does not fit into the context of 12: shorten it, or give a larger -c'
    )
}

# Only the table of embeddings of the tiny model, in $OUT/model.
speech_half() {
    cp -r "$GOLDEN/tiny" "$OUT/model"
    python3 - "$OUT/model/model.safetensors" <<'END'
import json, struct, sys
raw = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", raw[:8])[0]
name = "thinker.model.embed_tokens.weight"
table = json.loads(raw[8:8 + size])[name]
first, last = table["data_offsets"]
table["data_offsets"] = [0, last - first]
header = json.dumps({name: table}).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(header)) + header + raw[8 + size + first:8 + size + last])
END
}

@test "thinker: -n 0 needs no layers, nor the tokenizer; a turn that does is lost" {
    speech_half
    rm "$OUT/model/vocab.json" "$OUT/model/merges.txt"
    omni-thinker -n 0 -m "$OUT/model" <"$GOLDEN/stream/tiny-thinker-verbatim.in" >"$OUT/stream"
    same_stream "$GOLDEN/stream/tiny-thinker-verbatim.out" "$OUT/stream" 0
    [ "$(done_of 0)" = "prefill 0" ]
    fails_with 66 omni-thinker -m "$OUT/model" <"$GOLDEN/stream/tiny-thinker-verbatim.in"
    cp "$GOLDEN"/tiny/{vocab.json,merges.txt} "$OUT/model"
    fails_with 65 omni-thinker -m "$OUT/model" <"$GOLDEN/stream/tiny-thinker-verbatim.in"
    code=0
    {
        turn 0 "$(question 416)" '"thinker":{"n":1}'
        heard 1 "$(question 511)" 0.5 1
        turn 2 "$(question 416)"
    } | think -n 0 -m "$OUT/model" 2>"$OUT/err" || code=$?
    [ "$code" = 65 ]
    [ "$(errors)" = "0 65 1 65 " ]
    [ "$(done_of 2)" = "prefill 0" ]
}

@test "thinker: a conversation goes on after text that was only read" {
    {
        turn 0 "$(question 416),301,302" '"thinker":{"n":0}'
        turn 1 "198,$(question 301)" '"continue":true'
    } | think -n 4
    [ "$(rows_of 0) $(rows_of 1)" = "0 22" ]
    want=$(tokens 1)
    turn 0 "$(question 416),301,302,481,198,$(question 301)" | think -n 4
    [ "$(tokens 0)" = "$want" ]
}

# Starts the thinker as from a terminal (a shell's background job would ignore SIGINT). It reads what
# is written to file descriptor 7 and writes to $1; its process id is in $pid.
start() {
    mkfifo "$OUT/in"
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.alarm(60)
os.execvp("omni-thinker", ["omni-thinker", "--precise", *sys.argv[1:]])' "${@:2}" <"$OUT/in" >"$1" 3>&- &
    pid=$!
    exec 7>"$OUT/in"
}

# send OPTION: JSON lines on their way to the thinker.
send() {
    "$ROOT/tests/stream.py" "$@" >&7
}

# Waits for bytes in the output.
until_written() {
    for _ in $(seq 200); do
        if grep -aq "$1" "$OUT/stream"; then return 0; fi
        sleep 0.05
    done
    return 1
}

@test "thinker: interrupted before the prompt has run, the question stays in the conversation" {
    first=$(question 511,416)
    second=198,$(question 301)
    start "$OUT/stream" -n 4
    {
        echo '{"kind":"begin","omni":1}'
        heard 0 "$first" 0.5 1 | head -n 3
    } | send --part
    until_written prompt
    kill -INT "$pid"
    {
        turn 0 "$first" | tail -n 1
        turn 1 "$second" '"continue":true'
        echo '{"kind":"end","frames":8}'
    } | send --part
    exec 7>&-
    wait "$pid"
    [ "$(done_of 0)" = "interrupt 0" ]
    [ "$(rows_of 1)" = 21 ]
    want=$(tokens 1)
    heard 0 "$first,481,$second" 0.5 1 | think -n 4
    [ "$(tokens 0)" = "$want" ]
}

# interrupted_at_work: what `start "$OUT/out"` writes to 8, into $OUT/stream; once there is a good deal of it, it is
# interrupted.
interrupted_at_work() {
    head -c 80000 <&8 >"$OUT/stream"
    kill -INT "$pid"
    cat <&8 >>"$OUT/stream"
    wait "$pid"
}

@test "thinker: interrupted while it speaks, the conversation goes on with what was said" {
    first=$(question 416)
    second=198,$(question 301)
    mkfifo "$OUT/out"
    # 734 tokens, but their traces do not fit into the pipe before somebody reads.
    start "$OUT/out" --temp 100 -s 4 --trace '*'
    exec 8<"$OUT/out"
    {
        turn 0 "$first"
        turn 1 "$second" '"continue":true,"thinker":{"temp":0,"n":4}'
    } | "$ROOT/tests/stream.py" >&7
    exec 7>&-
    interrupted_at_work
    [[ "$(done_of 0)" == "interrupt "* ]]
    answer=$(tokens 0)
    [ "$(wc -w <<<"$answer")" -gt 1 ]
    [ "$(wc -w <<<"$answer")" -lt 700 ]
    [ "$(rows_of 1)" = 12 ]
    want=$(tokens 1)
    turn 0 "$first,$(tr ' ' ',' <<<"$answer")481,$second" | think -n 4
    [ "$(tokens 0)" = "$want" ]
}

@test "thinker: interrupted while it searches with beams, it has said nothing and the conversation goes on" {
    first=$(question 416)
    second=198,$(question 301)
    mkdir "$OUT/model"
    ln -s "$GOLDEN"/tiny/* "$OUT/model"
    rm "$OUT/model/config.json"
    # It ends late: the traces of 143 tokens with three beams do not fit into the pipe either.
    jq '.im_end_token_id = 3' "$GOLDEN/tiny/config.json" >"$OUT/model/config.json"
    export OMNI_MODEL=$OUT/model
    mkfifo "$OUT/out"
    start "$OUT/out" --beams 3 --trace '*'
    exec 8<"$OUT/out"
    {
        turn 0 "$first"
        turn 1 "$second" '"continue":true,"thinker":{"n":4}'
        turn 2 "$first" '"thinker":{"n":4}'
    } | "$ROOT/tests/stream.py" >&7
    exec 7>&-
    interrupted_at_work
    [ "$(done_of 0)" = "interrupt 0" ]
    [ "$(rows_of 1)" = 11 ] # im_end, ten new ones
    want=$(tokens 1)$(tokens 2)
    {
        turn 0 "$first,3,$second"
        turn 1 "$first"
    } | think -n 4 --beams 3
    [ "$(tokens 0)$(tokens 1)" = "$want" ]
}

@test "thinker: the second interrupt ends the process" {
    start "$OUT/stream"
    {
        echo '{"kind":"begin","omni":1}'
        turn 0 "$(question 416)" | head -n 2
    } | send --part
    until_written prompt
    kill -INT "$pid"
    sleep 0.2
    kill -INT "$pid"
    code=0
    wait "$pid" || code=$?
    [ "$code" = 130 ]
    exec 7>&-
}
