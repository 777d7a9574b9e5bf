#!/usr/bin/env bats
# omni-code2wav: where its sound goes, and what is left when something goes wrong.

load lib
load codes

OUT=$BATS_TEST_TMPDIR

# le FILE OFFSET BYTES: the little-endian number there.
le() {
    od -A n -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '
}

# Files of the test's folder, without the input.
left() {
    (cd "$OUT" && ls -- *.wav *.flac *.part 2>/dev/null) || true
}

setup() {
    talk 0 12 | stream >"$OUT/in" # 22485 samples
    samples=22485
}

@test "code2wav: WAV on a pipe goes on until the end" {
    omni-code2wav <"$OUT/in" | cat >"$OUT/piped"
    [ "$(head -c 4 "$OUT/piped")" = RIFF ]
    [ "$(le "$OUT/piped" 4 4)" -eq 4294967295 ]
    [ "$(le "$OUT/piped" 24 4)" -eq 24000 ]
    [ "$(le "$OUT/piped" 40 4)" -eq 4294967295 ]
    [ "$(wc -c <"$OUT/piped")" -eq $((44 + 2 * samples)) ]
}

@test "code2wav: WAV in a file has the true sizes, and the samples of the pipe" {
    omni-code2wav <"$OUT/in" | tail -c +45 >"$OUT/piped"
    omni-code2wav <"$OUT/in" >"$OUT/stdout"
    omni-code2wav -o "$OUT/named.wav" <"$OUT/in"
    cmp "$OUT/stdout" "$OUT/named.wav"
    [ "$(le "$OUT/named.wav" 4 4)" -eq $((36 + 2 * samples)) ]
    [ "$(le "$OUT/named.wav" 40 4)" -eq $((2 * samples)) ]
    tail -c +45 "$OUT/named.wav" | cmp - "$OUT/piped"
}

@test "code2wav: standard output is written from where it stands, and may only be added to" {
    { printf before && omni-code2wav <"$OUT/in"; } >"$OUT/file"
    [ "$(head -c 10 "$OUT/file")" = beforeRIFF ]
    [ "$(le "$OUT/file" 46 4)" -eq $((2 * samples)) ]
    printf before >"$OUT/file"
    omni-code2wav <"$OUT/in" >>"$OUT/file"
    [ "$(le "$OUT/file" 46 4)" -eq 4294967295 ]
    [ "$(wc -c <"$OUT/file")" -eq $((6 + 44 + 2 * samples)) ]
}

@test "code2wav: --raw s16 is f32 rounded" {
    omni-code2wav --raw s16 <"$OUT/in" >"$OUT/s16"
    omni-code2wav --raw f32 <"$OUT/in" >"$OUT/f32"
    omni-code2wav --raw s16 -o "$OUT/named" <"$OUT/in"
    cmp "$OUT/s16" "$OUT/named"
    python3 - "$OUT" <<'END'
import array, sys
s16, f32 = array.array("h"), array.array("f")
s16.frombytes(open(sys.argv[1] + "/s16", "rb").read())
f32.frombytes(open(sys.argv[1] + "/f32", "rb").read())
assert len(s16) == len(f32) == 22485
assert list(s16) == [min(32767, round(32768 * x)) for x in f32]
assert max(s16) > 1000 and min(s16) < -1000
END
}

@test "code2wav: FLAC is WAV's samples; Ogg and Opus have all of them" {
    for name in x.wav x.flac x.ogg x.opus; do
        omni-code2wav -o "$OUT/$name" <"$OUT/in"
    done
    [ "$(head -c 4 "$OUT/x.flac")" = fLaC ]
    for name in x.ogg x.opus; do [ "$(head -c 4 "$OUT/$name")" = OggS ]; done
    # 16 kHz mono features know the files apart or alike.
    for name in x.wav x.flac x.ogg x.opus; do
        omni-encode-audio --trace audio.mel "$OUT/$name" >"$OUT/$name.mel"
    done
    same_stream "$OUT/x.wav.mel" "$OUT/x.flac.mel" 0
    for name in x.ogg x.opus; do
        shape() { omni-inspect "$1" | jq -c 'select(.name == "audio.mel") | .shape'; }
        [ "$(shape "$OUT/$name.mel")" = "$(shape "$OUT/x.wav.mel")" ]
    done
}

@test "code2wav: turns one after another, or each in a file of its own" {
    { talk 0 2 && talk 1 0 && talk 4 3; } | stream >"$OUT/turns"
    omni-code2wav -o "$OUT/all.wav" <"$OUT/turns"
    omni-code2wav -o "$OUT/turn-%d.wav" <"$OUT/turns"
    [ "$(left | tr '\n' ' ')" = "all.wav turn-0.wav turn-1.wav turn-4.wav " ]
    for turn in 0 1 4; do tail -c +45 "$OUT/turn-$turn.wav"; done >"$OUT/samples"
    tail -c +45 "$OUT/all.wav" | cmp - "$OUT/samples"
    [ "$(le "$OUT/turn-1.wav" 40 4)" -eq 0 ]
    omni-code2wav -o "$OUT/turn-%d.flac" <"$OUT/turns"
    [ "$(left | grep -c flac)" -eq 3 ]
}

@test "code2wav: a turn's file has its name when the turn is done" {
    mkfifo "$OUT/codes"
    omni-code2wav -o "$OUT/%d.wav" <"$OUT/codes" &
    exec 7>"$OUT/codes"
    { talk 0 2 && echo '{"kind": "turn", "turn": 1}'; } | unended >&7
    for ((i = 0; i < 100; i++)); do
        [ ! -e "$OUT/0.wav" ] || [ ! -e "$OUT/1.wav.part" ] || break
        sleep .1
    done
    [ "$(left | tr '\n' ' ')" = "0.wav 1.wav.part " ]
    exec 7>&-
    wait $! || [ $? -eq 76 ]
    [ "$(left)" = 0.wav ]
}

@test "code2wav: --text prints the text that passes, a line a turn" {
    { talk 0 1 | sed '$d' && echo '{"kind": "text", "turn": 0, "payload": "Hé"}' &&
        echo '{"kind": "text", "turn": 0, "payload": "llo"}' &&
        echo '{"kind": "done", "turn": 0, "reason": "stop"}' && talk 1 1; } | stream >"$OUT/talk"
    omni-code2wav --text <"$OUT/talk" 2>"$OUT/text" >"$OUT/with"
    [ "$(cat "$OUT/text")" = Héllo ]
    omni-code2wav <"$OUT/talk" 2>"$OUT/text" >"$OUT/without"
    [ ! -s "$OUT/text" ]
    cmp "$OUT/with" "$OUT/without"
}

@test "code2wav: --trace makes a stream; -o takes the sound all the same" {
    omni-code2wav --trace code2wav.norm -o "$OUT/x.wav" <"$OUT/in" >"$OUT/stream"
    omni-inspect "$OUT/stream" | jq -r '.kind + (.name // "")' | uniq | tr '\n' ' ' >"$OUT/kinds"
    grep -qE '^begin turn (tensorcode2wav.norm tensorpcm )+done end $' "$OUT/kinds"
    [ "$(le "$OUT/x.wav" 40 4)" -eq $((2 * samples)) ]
    fails_with 64 omni-code2wav --trace '*' -o - <"$OUT/in"
    fails_with 64 omni-code2wav --trace '*' --raw s16 <"$OUT/in"
}

@test "code2wav: bad codes lose their turn, not the next" {
    bad() {
        echo '{"kind": "turn", "turn": 0}'
        echo "{\"kind\": \"tensor\", \"turn\": 0, \"name\": \"codes\", $1}"
        echo '{"kind": "done", "turn": 0, "reason": "stop"}'
        talk 1 2
    }
    for codes in '"shape": [1, 4], "values": [0, 1, 64, 2]' '"shape": [1, 4], "values": -1' \
        '"shape": [1, 3], "values": 0' '"shape": [4], "values": 0' \
        '"shape": [1, 4], "dtype": "f32", "values": 0' '"shape": [1, 5], "values": 0'; do
        bad "$codes" | stream >"$OUT/bad"
        rm -f "$OUT"/*.wav
        fails_with 65 omni-code2wav -o "$OUT/%d.wav" <"$OUT/bad"
        [ "$(left)" = 1.wav ]
        [ "$(le "$OUT/1.wav" 40 4)" -eq $((2 * 3285)) ]
        fails_with 65 omni-code2wav -o "$OUT/all.wav" <"$OUT/bad"
        cmp "$OUT/all.wav" "$OUT/1.wav"
    done
}

@test "code2wav: a turn that no talker has seen is 65 and no sound; one without a word is silence" {
    for count in tokens prompt; do
        printf '{"kind":"turn","turn":0}\n{"kind":"done","turn":0,"reason":"stop","%s":3}\n' $count |
            stream >"$OUT/mute"
        fails_with 65 omni-code2wav -o "$OUT/x.wav" <"$OUT/mute"
        grep -q omni-talker "$OUT/err"
        [ -z "$(left)" ]
    done
    talk 0 0 | stream >"$OUT/mute"
    omni-code2wav -o "$OUT/x.wav" <"$OUT/mute"
    [ "$(wc -c <"$OUT/x.wav")" -eq 44 ]
}

@test "code2wav: an error upstream leaves no file, and its code" {
    { talk 0 4 | sed '$d' && echo '{"kind": "error", "turn": 0, "code": 71, "text": "no"}'; } |
        stream >"$OUT/lost"
    run omni-code2wav -o "$OUT/x.wav" <"$OUT/lost"
    [ "$status" -eq 71 ] && [ -z "$(left)" ] && [ -z "$output" ]
    { talk 0 4 && echo '{"kind": "turn", "turn": 1}' &&
        echo '{"kind": "error", "code": 69, "text": "no"}'; } | unended >"$OUT/fatal"
    run omni-code2wav -o "$OUT/x.flac" <"$OUT/fatal"
    [ "$status" -eq 69 ] && [ -z "$(left)" ] && [ -z "$output" ]
}

@test "code2wav: an error of another turn leaves the turn at hand alone" {
    { talk 0 2 && talk 1 4 && talk 4 2; } | stream | omni-code2wav -o "$OUT/plain-%d.wav"
    { talk 0 2 && talk 1 4 | lost_elsewhere 3 0 3 &&
        talk 2 4 | sed '2s/values": \[[0-9]*/values": [64/' | lost_elsewhere 3 1 3 && # lost here, at its first frame
        talk 3 2 && talk 4 2; } | stream >"$OUT/lost"
    fails_with 69 omni-code2wav -o "$OUT/%d.wav" <"$OUT/lost"
    rm -f "$OUT"/lost "$OUT"/in
    for turn in 0 1 4; do cmp "$OUT/plain-$turn.wav" "$OUT/$turn.wav"; done
    [ ! -e "$OUT/2.wav" ] && [ ! -e "$OUT/3.wav" ]
}

@test "code2wav: a broken stream is 76 and leaves no file" {
    talk 0 4 | sed '$d' | stream >"$OUT/open"
    head -c 1000 "$OUT/in" >"$OUT/cut"
    { talk 0 4 | sed '$d' && talk 1 2; } | stream >"$OUT/overlap"
    talk 0 4 | sed 1d | stream >"$OUT/loose"
    for broken in open cut overlap loose; do
        fails_with 76 omni-code2wav -o "$OUT/x.wav" <"$OUT/$broken"
        [ -z "$(left)" ]
    done
}

@test "code2wav: a stream cut at every byte, hostile streams and tensors" {
    talk 0 1 | stream >"$OUT/small"
    every_cut "$OUT/small" omni-code2wav -o "$OUT/x.wav"
    every_hostile omni-code2wav -o "$OUT/x.wav"
    every_hostile -t 'codes i32 3 4' omni-code2wav -o "$OUT/x.wav"
    [ -z "$(left)" ]
}

@test "code2wav: what cannot be written" {
    fails_with 73 omni-code2wav -o "$OUT/none/x.wav" <"$OUT/in"
    fails_with 73 omni-code2wav -o "$OUT/none/%d.wav" <"$OUT/in"
    mkdir "$OUT/dir.wav"
    fails_with 73 omni-code2wav -o "$OUT/dir.wav" <"$OUT/in"
    rmdir "$OUT/dir.wav"
    for name in x.wav x.flac x.ogg x.opus; do
        ln -sf /dev/full "$OUT/$name"
        fails_with 74 omni-code2wav -o "$OUT/$name" <"$OUT/in"
        [ -L "$OUT/$name" ]
    done
    run bash -c "omni-code2wav <'$OUT/in' 2>&1 >/dev/full"
    [ "$status" -eq 74 ] && [ "${#lines[@]}" -eq 1 ]
    run bash -c "set -o pipefail; omni-code2wav <'$OUT/in' 2>'$OUT/err' | true"
    [ "$status" -eq 141 ] && [ ! -s "$OUT/err" ]
}

@test "code2wav: a full disk leaves nothing" {
    (
        ulimit -f 20 # KiB
        trap '' XFSZ
        fails_with 74 omni-code2wav -o "$OUT/x.wav" <"$OUT/in"
    )
    [ -z "$(left)" ]
}

@test "code2wav: a fifo and a device are written as they are" {
    mkfifo "$OUT/x.ogg"
    cat "$OUT/x.ogg" >"$OUT/copy" &
    omni-code2wav -o "$OUT/x.ogg" <"$OUT/in"
    wait $!
    [ -p "$OUT/x.ogg" ] && [ "$(head -c 4 "$OUT/copy")" = OggS ]
    omni-code2wav --raw s16 -o /dev/null <"$OUT/in"
    omni-code2wav -o /dev/stdout <"$OUT/in" | cat >"$OUT/copy" # without an ending: WAV
    [ "$(wc -c <"$OUT/copy")" -eq $((44 + 2 * samples)) ]
    run script -qec "omni-code2wav -o /dev/tty <'$OUT/in'" /dev/null
    [ "$status" -eq 64 ] && [[ $output == *'a pipe or a file'* ]]
    [ -c /dev/null ]
}

@test "code2wav: wrong options" {
    fails_with 64 omni-code2wav --raw s24 <"$OUT/in"
    fails_with 64 omni-code2wav --chunk 0 <"$OUT/in"
    fails_with 64 omni-code2wav --chunk 1025 <"$OUT/in"
    fails_with 64 omni-code2wav -o "$OUT/x.doc" <"$OUT/in"
    fails_with 64 omni-code2wav "$OUT/in"
    fails_with 66 omni-code2wav -m "$OUT/none" <"$OUT/in"
}

@test "code2wav: SIGINT ends the turn where it is, the next one is whole" {
    { echo '{"kind": "begin", "omni": 1}' && talk 0 13 && talk 1 2; } | stream >"$OUT/whole"
    local part
    part=$(talk 0 4 | sed '$d' | unended | wc -c)
    mkfifo "$OUT/codes"
    # bash starts what is in the background with SIGINT ignored
    env --default-signal=INT omni-code2wav --trace pcm -o "$OUT/%d.wav" <"$OUT/codes" >"$OUT/stream" &
    exec 7>"$OUT/codes"
    head -c "$part" "$OUT/whole" >&7
    for ((i = 0; i < 100 && $(wc -c <"$OUT/stream") < 4 * 7125; i++)); do sleep .1; done
    kill -INT $!
    until grep -Eq '^ShdPnd:[[:space:]]*0+$' "/proc/$!/status"; do sleep .1; done # taken
    sleep .5
    tail -c +$((part + 1)) "$OUT/whole" >&7
    exec 7>&-
    wait $!
    omni-inspect "$OUT/stream" | jq -c 'select(.kind == "done") | [.reason, .samples]' >"$OUT/done"
    [ "$(tr '\n' ' ' <"$OUT/done")" = '["interrupt",7125] ["stop",3285] ' ]
    [ "$(le "$OUT/0.wav" 40 4)" -eq $((2 * 7125)) ]
    [ "$(le "$OUT/1.wav" 40 4)" -eq $((2 * 3285)) ]
}

@test "code2wav: a second SIGINT leaves no file" {
    local part pid
    part=$(talk 0 4 | sed '$d' | unended | wc -c)
    mkfifo "$OUT/codes"
    for name in x.wav x-%d.flac; do
        env --default-signal=INT omni-code2wav -o "$OUT/$name" <"$OUT/codes" &
        pid=$!
        exec 7>"$OUT/codes"
        head -c "$part" "$OUT/in" >&7
        for ((i = 0; i < 200; i++)); do [ -z "$(left)" ] || break && sleep .05; done
        [[ $(left) == x*.part ]]
        kill -INT $pid
        sleep .2
        kill -INT $pid
        code=0
        wait $pid || code=$?
        exec 7>&-
        [ "$code" -eq 130 ]
        [ -z "$(left)" ]
    done
}

@test "the examples of omni-code2wav(1) run" {
    mkdir "$OUT/bin"
    printf '#!/bin/sh\ncat >>played\n' >"$OUT/bin/aplay"
    chmod +x "$OUT/bin/aplay"
    PATH=$OUT/bin:$PATH run_examples omni-code2wav.1
    cd "$OUT/examples"
    [ "$(echo *)" = "answer-0.ogg answer-1.ogg answer.flac codes.omni played" ]
    [ "$(head -c 4 played)" = RIFF ]
}
