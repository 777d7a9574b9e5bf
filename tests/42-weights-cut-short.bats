#!/usr/bin/env bats
# A checkpoint that is cut short while a stage works with it: one line with its name and 74, no
# SIGBUS; those downstream hear of it.

load lib

OUT=$BATS_TEST_TMPDIR

# mapped PID: waits until the child of that process has mapped its checkpoint.
mapped() {
    local child
    for _ in {1..200}; do
        child=$(cat "/proc/$1/task/$1/children")
        ! grep -qs model.safetensors "/proc/${child% }/maps" || return 0
        sleep 0.05
    done
    return 1
}

# cut_short INPUT COMMAND...: the model of COMMAND is cut short before INPUT reaches it.
cut_short() {
    local input=$1 code=0 pid
    shift
    rm -rf "$OUT/model" "$OUT/in"
    cp -r "$GOLDEN/tiny" "$OUT/model"
    mkfifo "$OUT/in"
    timeout 20 "$@" -d cpu -m "$OUT/model" <"$OUT/in" >"$OUT/out" 2>"$OUT/err" 3>&- &
    pid=$!
    exec 7>"$OUT/in"
    mapped "$pid"
    truncate -s 0 "$OUT/model/model.safetensors"
    cat "$input" >&7 || true # it may be gone already
    exec 7>&-
    wait "$pid" || code=$?
    cat "$OUT/err"
    [ "$code" = 74 ]
    [ "$(cat "$OUT/err")" = "$1: model.safetensors: cannot be read any more: cut short while in use, or the disk failed" ]
}

@test "weights: a checkpoint cut short under a stage" {
    echo "$GOLDEN/wav/37.wav" >"$OUT/files"
    cut_short "$OUT/files" omni-encode-audio -l
    for stage in thinker-silence talker-cut codepred; do
        program=${stage%-*}
        cut_short "$GOLDEN/stream/tiny-$stage.in" "omni-$program"
        omni-inspect "$OUT/out" 2>/dev/null >"$OUT/frames" || true
        jq -e 'select(.kind == "error") | .code == 74' "$OUT/frames"
    done
}

@test "weights: a checkpoint cut short under omni-code2wav: no file" {
    cut_short "$GOLDEN/stream/tiny-code2wav-24.in" omni-code2wav -o "$OUT/sound.wav"
    [ ! -e "$OUT/sound.wav" ]
    [ ! -e "$OUT/sound.wav.part" ]
}
