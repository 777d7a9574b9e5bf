#!/usr/bin/env bats
# A spoken conversation through the whole pipe, frame by frame as the design has it; a bad clip
# among good ones; an interrupt.

load lib

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    wav=$GOLDEN/wav
}

# A line a frame: kind, turn and what matters of it.
frames() {
    omni-inspect <"$1" | jq -r '[.kind, .turn, .name, (.shape | if . then tojson else null end),
        (if .kind == "turn" then (if .continue then "continue" else "new" end) else null end),
        .voice, .reason] | map(select(. != null)) | join(" ")'
}

conversation() {
    printf '%s\n' "$wav/37.wav" "$wav/100.wav" | omni-encode-audio --precise -l >sound
    omni-tokenize --voice ethan --continue <sound >prompts
    omni-thinker --precise -n 3 <prompts >thoughts
    omni-talker --precise --temp 0 -n 4 <thoughts >codes
}

# The frames that a stage writes for turn $1, $2 of: new, continue.

# $3 rows of sound.
sound_of_turn() {
    cat <<END
turn $1 $2
tensor $1 audio_embeds [$3,64]
done $1 stop
END
}

# $3 rows of sound, a prompt of $4 ids.
prompt_of_turn() {
    cat <<END
turn $1 $2 ethan
tensor $1 audio_embeds [$3,64]
tensor $1 prompt [$4]
done $1 stop
END
}

# $3 rows of sound, a prompt of $4 ids, $5 of which the talker hears. Then, three times, a token's
# id, its row for the talker, its text.
thoughts_of_turn() {
    cat <<END
turn $1 $2 ethan
tensor $1 prompt [$4]
tensor $1 rows [$5]
tensor $1 thinker_embed [$5,64]
tensor $1 rows [$3]
tensor $1 thinker_hidden [$3,64]
END
    for _ in 1 2 3; do
        printf '%s\n' "tensor $1 tokens [1]" "tensor $1 thinker_embed [1,64]" "text $1"
    done
    printf '%s\n' "note $1" "done $1 length"
}

# Frame s leaves when row s is known: one token behind the thinker, the last after its done.
codes_of_turn() {
    echo "turn $1 $2 ethan"
    for _ in 1 2 3; do
        printf '%s\n' "tensor $1 tokens [1]" "tensor $1 codes [1,4]" "text $1"
    done
    printf '%s\n' "note $1" "tensor $1 codes [1,4]" "note $1" "done $1 length"
}

@test "conversation: what omni-encode-audio and omni-tokenize write" {
    conversation
    diff <(echo begin && sound_of_turn 0 new 5 && sound_of_turn 1 new 13 && echo end) <(frames sound)
    # Turn 0: <|im_start|>user\n<|audio_start|>5 x <|audio_pad|><|audio_end|><|im_end|>\n
    # <|im_start|>assistant\n, 15 ids; turn 1: a newline before, and 13 rows of sound.
    diff <(echo begin && prompt_of_turn 0 new 5 15 && prompt_of_turn 1 continue 13 24 && echo end) \
        <(frames prompts)
}

@test "conversation: what omni-thinker writes" {
    conversation
    # In turn 1 the newline after the last answer is no row of the talker's: 23 of 24.
    diff <(echo begin && echo 'tensor tts_embed [3,64]' && thoughts_of_turn 0 new 5 15 15 &&
        thoughts_of_turn 1 continue 13 24 23 && echo end) <(frames thoughts)
}

@test "conversation: what omni-talker writes, and the sound of it" {
    conversation
    diff <(echo begin && codes_of_turn 0 new && codes_of_turn 1 continue && echo end) <(frames codes)
    omni-code2wav --precise -o 'turn-%d.wav' <codes
    [ "$(soxi -s turn-0.wav)" -eq $((1920 * 4 - 555)) ]
    [ "$(soxi -s turn-1.wav)" -eq $((1920 * 4 - 555)) ]
}

@test "conversation: stored stage by stage or run as one pipe, the sound is the same" {
    conversation
    omni-code2wav --precise --raw f32 <codes >stored
    printf '%s\n' "$wav/37.wav" "$wav/100.wav" | omni-encode-audio --precise -l |
        omni-tokenize --voice ethan --continue | omni-thinker --precise -n 3 |
        omni-talker --precise --temp 0 -n 4 | omni-code2wav --precise --raw f32 >piped
    [ -s stored ]
    cmp stored piped
}

@test "conversation: a bad clip loses its turn and nothing else" {
    : >bad.wav
    code=0
    printf '%s\n' "$wav/37.wav" bad.wav "$wav/37.wav" | omni-encode-audio -l 2>err |
        omni-tokenize 2>>err | omni-thinker -n 3 2>>err | omni-talker --temp 0 -n 4 2>>err |
        omni-code2wav -o 'turn-%d.wav' 2>>err || code=$?
    [ "$code" -eq 65 ]
    grep -q 'bad.wav' err
    [ -s turn-0.wav ]
    [ ! -e turn-1.wav ] && [ ! -e turn-1.wav.part ]
    cmp turn-0.wav turn-2.wav
}

@test "conversation: SIGINT ends the turn in every stage, the next one begins as usual" {
    echo 'Tell me more.' | omni-tokenize -l | omni-thinker | omni-talker --temp 0 | omni-code2wav -o whole.wav
    [ "$(soxi -s whole.wav)" -gt 500000 ]
    timeout 60 python3 "$ROOT/tests/interrupt.py" \
        'omni-tokenize -l | omni-thinker | omni-talker --temp 0 | tee -i codes |
         omni-code2wav -o turn-%d.wav' turn-0.wav turn-1.wav 2>err
    [ ! -s err ]
    for turn in 0 1; do # as much as was spoken until then, maybe nothing
        [ -e turn-$turn.wav ]
        [ "$(soxi -s turn-$turn.wav)" -lt "$(soxi -s whole.wav)" ]
        frames codes | grep -q "^done $turn"
    done
    [ "$(frames codes | tail -n 1)" = end ]
}
