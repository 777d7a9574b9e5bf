#!/usr/bin/env bats
# omni-thinker: what it writes, and in which order; sampling.

load thinker

@test "thinker: the fast path agrees within 5e-2" {
    turn 0 "$(question 301,302,303)" | "$ROOT/tests/stream.py" >"$OUT/in"
    for mode in --precise --verbose; do
        omni-thinker $mode -n 1 --trace thinker.logits <"$OUT/in" 2>/dev/null >"$OUT/$mode"
    done
    same_stream "$OUT/--precise" "$OUT/--verbose" 5e-2
}

@test "thinker: order of frames; a token leaves before the next one is worked on" {
    turn 0 "$(question 416)" | think -n 2 --trace thinker.embed
    [ "$(omni-inspect "$OUT/stream" | jq -r '.name // .kind' | tr '\n' ' ')" = "begin tts_embed turn prompt rows \
thinker_embed thinker.embed tokens thinker_embed text thinker.embed tokens thinker_embed text note done end " ]
}

@test "thinker: the talker gets user parts and the last assistant part, media rows from within" {
    # system part, a user's with two audio rows, an answer, a user's, an assistant's header with a word
    ids=480,269,198,400,481,198,480,270,198,511,511,481,198,480,266,198,410,481,198
    heard 0 "$ids,$(question 301),302" 0.5 2 | think -n 1
    rows=$(omni-inspect "$OUT/stream" | jq -c 'select(.name == "rows") | .values')
    [ "$rows" = "[6,7,8,9,10,11,12,19,20,21,22,23,24,25,26,27,28]
[9,10]" ]
}

@test "thinker: same seed same bytes, another seed other tokens" {
    turn 0 "$(question 416)" | "$ROOT/tests/stream.py" >"$OUT/in"
    for seed in 1 1 2; do
        omni-thinker -n 30 --temp 3 -s $seed <"$OUT/in" >"$OUT/stream"
        tokens 0 >>"$OUT/all"
        echo >>"$OUT/all"
    done
    [ "$(uniq -c "$OUT/all" | awk '{ print $1 }' | tr '\n' ' ')" = "2 1 " ]
}

@test "thinker: turn frame over flag over generation_config.json over greedy" {
    ids=$(question 416)
    turn 0 "$ids" | think -n 12
    greedy=$(tokens 0)
    {
        turn 0 "$ids"
        turn 1 "$ids" '"thinker":{"temp":0}'
        turn 2 "$ids" '"thinker":{"top_k":1}'
        turn 3 "$ids" '"thinker":{"top_p":1e-6}'
        turn 4 "$ids" '"seed":7'
        turn 5 "$ids" '"thinker":{"n":4,"temp":0}'
        turn 6 "$ids" '"thinker":{"rep":0.5,"temp":0}'
    } | think -n 12 --temp 9 -s 1
    [ "$(tokens 0)" != "$greedy" ]
    [ "$(tokens 1)" = "$greedy" ]
    [ "$(tokens 2)" = "$greedy" ]
    [ "$(tokens 3)" = "$greedy" ]
    [ "$(tokens 4)" != "$greedy" ]
    [ "$(tokens 4)" != "$(tokens 0)" ]
    [ "$(done_of 5)" = "length 4" ]
    [ "$(tokens 6)" != "$greedy" ]

    cp -r "$GOLDEN/tiny" "$OUT/model"
    echo '{"thinker_temperature": 9, "thinker_top_k": 1, "thinker_max_new_tokens": 3}' \
        >"$OUT/model/generation_config.json"
    turn 0 "$ids" | think -m "$OUT/model"
    [ "$(tokens 0)" = "$(cut -d ' ' -f 1-3 <<<"$greedy") " ]
    turn 0 "$ids" | think -m "$OUT/model" -n 12
    [ "$(tokens 0)" = "$greedy" ]
}

@test "thinker: repetition penalty counts prompt and answer, as in the reference" {
    # generate(do_sample=False, repetition_penalty=1.3) of the tiny model
    turn 0 "$(question 416)" '"thinker":{"rep":1.3}' | think -n 20
    [ "$(tokens 0)" = "72 445 408 396 391 411 260 441 390 2 471 299 409 467 427 315 399 417 351 379 " ]
}

@test "thinker: ids above the tokenizer's last are never drawn" {
    turn 0 "$(question 416)" | think -m "$GOLDEN/odd" --temp 50 -n 400 -s 3
    omni-inspect "$OUT/stream" | jq -e -s '[.[] | select(.name == "tokens") | .values[0]] |
        length > 100 and max < 512'
}

@test "thinker: a model without a talker sends tokens and text only" {
    mkdir "$OUT/model"
    ln -s "$GOLDEN"/tiny/* "$OUT/model"
    rm "$OUT/model/config.json"
    jq '.enable_audio_output = false' "$GOLDEN/tiny/config.json" >"$OUT/model/config.json"
    turn 0 "$(question 416)" | think -n 3
    want=$(tokens 0)
    turn 0 "$(question 416)" | think -n 3 -m "$OUT/model"
    [ "$(tokens 0)" = "$want" ]
    turn 0 "$(question 416)" | think -n 3 --beams 3
    want=$(tokens 0)
    turn 0 "$(question 416)" | think -n 3 --beams 3 -m "$OUT/model"
    [ "$(tokens 0)" = "$want" ]
    [ "$(omni-inspect "$OUT/stream" | jq -r '.name // .kind' | sort -u | tr '\n' ' ')" = \
        "begin done end note prompt text tokens turn " ]
}

@test "thinker: what is not its own is forwarded in its place" {
    {
        echo '{"kind":"weather","turn":0}'
        turn 0 "$(question 416)" | head -n 1
        echo '{"kind":"tensor","turn":0,"name":"gps","values":[1,2]}'
        echo '{"kind":"tensor","turn":0,"name":"tokens","values":[7]}'
        turn 0 "$(question 416)" | tail -n 2
    } | think -n 1
    [ "$(omni-inspect "$OUT/stream" | jq -r '.name // .kind' | head -n 5 | tr '\n' ' ')" = \
        "begin tts_embed weather turn gps " ]
    [ "$(tokens 0 | wc -w)" = 1 ]
}

@test "thinker: beams only where greedy choice would be; a limit, a full context, what is traced" {
    ids=$(question 416)
    turn 0 "$ids" | think -n 12
    greedy=$(tokens 0)
    turn 0 "$ids" | think -n 12 --beams 1
    [ "$(tokens 0)" = "$greedy" ]
    {
        turn 0 "$ids"
        turn 1 "$ids" '"thinker":{"temp":3}'
        turn 2 "$ids" '"thinker":{"rep":2}'
        turn 3 "$ids" '"thinker":{"n":1}'
        turn 4 "$ids"
    } >"$OUT/turns"
    think -n 12 --beams 4 <"$OUT/turns"
    beams=$(tokens 0)
    [ "$beams" != "$greedy" ]
    [ "$(tokens 3)" = "${greedy%% *} " ]
    [ "$(done_of 3)" = "length 1" ]
    [ "$(tokens 4)" = "$beams" ]
    drawn="$(tokens 1) $(tokens 2)"
    think -n 12 <"$OUT/turns"
    [ "$drawn" = "$(tokens 1) $(tokens 2)" ]
    turn 0 "$ids" | think -c $(($(tr , '\n' <<<"$ids" | wc -l) + 3)) --beams 3
    [ "$(done_of 0)" = "length 4" ]
    turn 0 "$ids" | think -n 3 --beams 2 --trace thinker.logits
    [ "$(omni-inspect "$OUT/stream" | grep -c '"name":"thinker.logits"')" = 5 ] # of the prompt, of two beams twice
}
