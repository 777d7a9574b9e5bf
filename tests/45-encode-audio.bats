#!/usr/bin/env bats
# omni-encode-audio: equal to the reference, several clips a turn, one bad clip among good ones.

load lib

wav() {
    echo "$GOLDEN/wav/$1.wav"
}

# Rows of each audio_embeds frame of stdin, one a line.
rows() {
    omni-inspect | jq -r 'select(.name == "audio_embeds") | .shape[0]'
}

equals_golden() {
    local name=$1 model=$2 clip=$3
    omni-encode-audio --precise -m "$GOLDEN/$model" --trace 'audio.*' "$(wav "$clip")" \
        >"$BATS_TEST_TMPDIR/out"
    same_stream "$GOLDEN/stream/$name.out" "$BATS_TEST_TMPDIR/out"
}

@test "encode-audio: tiny model, 37 to 900 frames, equals the reference" {
    for clip in 37 100 137 230 900; do
        equals_golden "tiny-audio-$clip" tiny "$clip"
    done
}

@test "encode-audio: odd model equals the reference" {
    for clip in 37 100 137 230; do
        equals_golden "odd-audio-$clip" odd "$clip"
    done
}

@test "encode-audio: the fast path agrees within 1e-2" {
    omni-encode-audio "$(wav 230)" >"$BATS_TEST_TMPDIR/fast"
    omni-encode-audio --precise "$(wav 230)" >"$BATS_TEST_TMPDIR/precise"
    same_stream "$BATS_TEST_TMPDIR/precise" "$BATS_TEST_TMPDIR/fast" 1e-2
}

@test "encode-audio: several files are several clips of one turn" {
    omni-encode-audio "$(wav 37)" "$(wav 230)" >"$BATS_TEST_TMPDIR/out"
    [ "$(rows <"$BATS_TEST_TMPDIR/out" | tr '\n' ' ')" = "5 30 " ]
    [ "$(omni-inspect <"$BATS_TEST_TMPDIR/out" | jq -r 'select(.kind == "turn") | .turn')" = 0 ]
}

@test "encode-audio: a pipe is as good as a file, and other rates and channels too" {
    omni-encode-audio "$(wav 137)" >"$BATS_TEST_TMPDIR/file"
    omni-encode-audio - < <(cat "$(wav 137)") >"$BATS_TEST_TMPDIR/pipe"
    cmp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/pipe"
    sox "$(wav 137)" -r 44100 -c 2 "$BATS_TEST_TMPDIR/x.flac"
    omni-encode-audio "$BATS_TEST_TMPDIR/x.flac" >"$BATS_TEST_TMPDIR/flac"
    same_stream "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/flac" 0.1
}

@test "encode-audio: the memory of a long clip is that of a short one, and its rows" {
    local short long
    sox -n -r 16000 -c 1 -b 16 "$BATS_TEST_TMPDIR/long.wav" synth 720 sine 300-3000
    head -c $((360 * 32000)) "$BATS_TEST_TMPDIR/long.wav" >"$BATS_TEST_TMPDIR/short.wav"
    short=$(peak omni-encode-audio -j 1 - <"$BATS_TEST_TMPDIR/short.wav")
    long=$(peak omni-encode-audio -j 1 < <(cat "$BATS_TEST_TMPDIR/long.wav"))
    echo "$short $long"
    # 6 minutes are 1.2 MB of rows (and were 23 MB of samples).
    [ "$long" -lt $((short + 4096)) ]
}

@test "encode-audio: -l, a turn a line, one bad clip does not stop the others" {
    cp "$(wav 37)" "$BATS_TEST_TMPDIR/with blank.wav"
    : >"$BATS_TEST_TMPDIR/empty.wav"
    printf '%s\n' "'$BATS_TEST_TMPDIR/with blank.wav'" "$BATS_TEST_TMPDIR/empty.wav" \
        "$(wav 37) $(wav 100)" >"$BATS_TEST_TMPDIR/lines"
    fails_with 65 omni-encode-audio -l <"$BATS_TEST_TMPDIR/lines"
    grep -q 'empty.wav' "$BATS_TEST_TMPDIR/err"
    sed "2s/.*/quoted badly\\\\/" "$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/quoted"
    fails_with 65 omni-encode-audio -l <"$BATS_TEST_TMPDIR/quoted"
    grep -q 'bad quoting' "$BATS_TEST_TMPDIR/err"
    [ "$(rows <"$BATS_TEST_TMPDIR/out" | tr '\n' ' ')" = "5 5 13 " ]
    omni-inspect <"$BATS_TEST_TMPDIR/out" | jq -r '"\(.kind) \(.turn)"' >"$BATS_TEST_TMPDIR/kinds"
    grep -qx 'error 1' "$BATS_TEST_TMPDIR/kinds"
    grep -qx 'done 2' "$BATS_TEST_TMPDIR/kinds"
    [ "$(tail -n 1 "$BATS_TEST_TMPDIR/kinds")" = "end null" ]
}

@test "encode-audio: --jsonl, clips by path and in the message, the line goes on" {
    base64 -w0 "$(wav 100)" >"$BATS_TEST_TMPDIR/base64"
    {
        printf '{"role":"user","content":[{"type":"input_audio","input_audio":{"path":"%s"}},' "$(wav 37)"
        printf '{"type":"text","text":"and"},{"type":"input_audio","input_audio":{"format":"wav","data":"%s"}}]}\n' \
            "$(cat "$BATS_TEST_TMPDIR/base64")"
        printf '[{"role":"system","content":"Hear."},{"role":"user","content":[{"type":"audio","audio":"%s"}]}]\n' "$(wav 137)"
        echo '{"role":"user","content":"no sound"}'
        echo '{"role":"user","content":[{"type":"input_audio"}]}'
        echo '{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"*"}}]}'
        echo 'no JSON'
    } >"$BATS_TEST_TMPDIR/lines"
    code=0
    omni-encode-audio --jsonl <"$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || code=$?
    [ "$code" -eq 65 ] && [ "$(wc -l <"$BATS_TEST_TMPDIR/err")" -eq 3 ]
    [ "$(rows <"$BATS_TEST_TMPDIR/out" | tr '\n' ' ')" = "5 13 18 " ]
    omni-inspect <"$BATS_TEST_TMPDIR/out" | jq -r 'select(.kind == "message" or .kind == "error") | "\(.kind) \(.turn)"' |
        tr '\n' ' ' >"$BATS_TEST_TMPDIR/kinds"
    [ "$(cat "$BATS_TEST_TMPDIR/kinds")" = "message 0 message 1 message 2 error 3 error 4 error 5 " ]
}

@test "encode-audio: bad input is one line and the right code" {
    fails_with 66 omni-encode-audio "$BATS_TEST_TMPDIR/none.wav"
    fails_with 65 omni-encode-audio /dev/null
    fails_with 65 omni-encode-audio "$GOLDEN/tiny/config.json"
    head -c 444 "$(wav 37)" >"$BATS_TEST_TMPDIR/short.wav" # 200 samples
    fails_with 65 omni-encode-audio "$BATS_TEST_TMPDIR/short.wav"
    fails_with 66 omni-encode-audio -m "$BATS_TEST_TMPDIR/none" "$(wav 37)"
    fails_with 64 omni-encode-audio --nonsense
    fails_with 64 omni-encode-audio -l "$(wav 37)"
    for threads in 0 -1 1025 x; do fails_with 64 omni-encode-audio -j "$threads" "$(wav 37)"; done
    for ((n = 0; n < 60; n++)); do # within the header, and a few samples
        head -c "$n" "$(wav 37)" >"$BATS_TEST_TMPDIR/short.wav"
        fails_with 65 omni-encode-audio "$BATS_TEST_TMPDIR/short.wav" || { echo "cut at byte $n" && return 1; }
    done
}

@test "encode-audio: sizes in a header that are not the file's" {
    omni-encode-audio "$(wav 37)" >"$BATS_TEST_TMPDIR/want"
    for size in '\xff\xff\xff\xff' '\xff\xff\xff\x7f' '\xfe\xff\xff\xff'; do
        { head -c 4 "$(wav 37)" && printf %b "$size" && tail -c +9 "$(wav 37)" | head -c 32 && printf %b "$size" &&
            tail -c +45 "$(wav 37)"; } >"$BATS_TEST_TMPDIR/giant.wav"
        omni-encode-audio "$BATS_TEST_TMPDIR/giant.wav" | cmp "$BATS_TEST_TMPDIR/want"
    done
}

@test "encode-audio: full disk and gone reader" {
    run bash -c "omni-encode-audio '$(wav 37)' 2>&1 >/dev/full"
    [ "$status" -eq 74 ] && [ "${#lines[@]}" -eq 1 ]
    # The reader is gone before anything is written.
    run bash -c "set -o pipefail; { sleep 0.3; omni-encode-audio '$(wav 900)'; } 2>'$BATS_TEST_TMPDIR/err' | true"
    [ "$status" -eq 141 ] && [ ! -s "$BATS_TEST_TMPDIR/err" ]
}
