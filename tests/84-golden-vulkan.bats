#!/usr/bin/env bats
# The goldens on a Vulkan device (in CI a software driver), then without a trace, when each step is recorded once
# and submitted again and again, then pipes whose stages are on different devices.

load golden
load talker

setup() {
    export OMNI_DEVICE=vulkan
    driver_leaks
    cd "$BATS_TEST_TMPDIR" || return
}

@test "golden on vulkan: omni-encode-audio" {
    run_cases omni-encode-audio
}

@test "golden on vulkan: omni-thinker" {
    run_cases omni-thinker 'tiny-thinker-[asv]*'
    run_cases omni-thinker 'odd-thinker-audio'
}

@test "golden on vulkan: omni-talker" {
    run_cases omni-talker 'tiny-talker-[acs]*'
    run_cases omni-talker 'odd-talker-stop'
}

@test "golden on vulkan: omni-codepred" {
    run_cases omni-codepred
}

@test "golden on vulkan: omni-code2wav" {
    run_cases omni-code2wav '*-code2wav-[!3]*'
}

@test "golden on vulkan: whole pipes" {
    run_cases sh
}

# same_values NAME CASE COMMAND...: COMMAND, fed with what the case is fed with, writes the tensor NAME as the golden
# has it. The validation layer watches.
same_values() {
    local name=$1 stored=$GOLDEN/stream/$2
    OMNI_MODEL=$GOLDEN/${2%%-*} OMNI_VULKAN_VALIDATE=${OMNI_VULKAN_VALIDATE-1} \
        timeout 600 "${@:3}" <"$stored.in" >out
    omni-inspect -x "$name" out >got.npy
    omni-inspect -x "$name" "$stored.out" | cmp - got.npy
}

@test "recorded steps: a thinker's tokens" {
    same_values tokens tiny-thinker-turns omni-thinker --precise -n 16
    same_values tokens odd-thinker-audio omni-thinker --precise -n 24
}

@test "recorded steps: a talker's codes" {
    same_values codes tiny-talker-turns omni-talker --precise --temp 0 -n 20
    same_values codes odd-talker-stop omni-talker --precise --temp 0 -n 60
}

@test "recorded steps: a code predictor's codes" {
    same_values codes tiny-codepred omni-codepred --precise --temp 0
}

@test "where a GPU's time went, kernel by kernel, and which kernels it has" {
    omni-codepred -v -v --precise <"$GOLDEN/stream/tiny-codepred.in" 2>err >/dev/null
    grep 'plain f32 kernels: precise' err
    grep -E '^omni-codepred: +[0-9.]+ ms +[0-9.]+ % +[0-9]+ x +[0-9.]+ us  norm_linears$' err
    grep -E '^omni-codepred: +[0-9.]+ ms .*  \(read\)$' err
    awk '$3 == "ms" { sum += $4 } END { exit !(sum > 98 && sum < 102) }' err
    omni-codepred -v <"$GOLDEN/stream/tiny-codepred.in" 2>err >/dev/null
    grep 'plain kernels: no bf16 matrix units' err
}

# close_sound FILE GOLDEN: raw f32 as near to the golden's pcm as goldens are.
close_sound() {
    omni-inspect -x pcm "$2" >want.npy
    python3 - "$1" want.npy <<'END'
import array, math, sys
got, want = (array.array("f", open(f, "rb").read()[skip:]) for f, skip in zip(sys.argv[1:], (0, 128)))
assert len(got) == len(want) > 0, (len(got), len(want))
error = math.dist(got, want) / math.hypot(*want)
assert error < 1e-4, error
END
}

@test "recorded steps: the sound of blocks of all sizes" {
    local name
    for name in tiny-code2wav-24 odd-code2wav-40; do
        OMNI_MODEL=$GOLDEN/${name%%-*} OMNI_VULKAN_VALIDATE=${OMNI_VULKAN_VALIDATE-1} \
            omni-code2wav --precise --raw f32 <"$GOLDEN/stream/$name.in" >raw
        close_sound raw "$GOLDEN/stream/$name.out"
    done
}

@test "recorded steps: batches of sound heard" {
    OMNI_DEVICE=cpu omni-encode-audio --precise "$GOLDEN/wav/900.wav" "$GOLDEN/wav/900.wav" >want
    OMNI_VULKAN_VALIDATE=${OMNI_VULKAN_VALIDATE-1} \
        omni-encode-audio --precise "$GOLDEN/wav/900.wav" "$GOLDEN/wav/900.wav" >got
    omni-inspect -c want --tol 1e-4 got
}

# The first turn stops by itself, at a frame behind which another was on its way.
@test "recorded steps: the same codes with a frame ahead, without (--emit-hidden), and with a co-process" {
    { turn 0 && turn 1 && turn 2; } >lines
    mapfile -t lines <lines
    stream "${lines[@]}" >in
    local talker=(omni-talker --precise -s 5 --top-k 0 -n 10)
    "${talker[@]}" <in >ahead
    "${talker[@]}" --emit-hidden <in >alone
    "${talker[@]}" --codepred "omni-codepred --precise" <in >outside
    has ahead '"kind":"done".*"turn":0.*"reason":"stop"'
    local run
    for run in alone outside; do
        omni-inspect -x codes ahead >want.npy
        omni-inspect -x codes "$run" | cmp - want.npy
    done
}

# mixed ENCODER THINKER TALKER PREDICTOR CODE2WAV: the devices of a pipe, whose tokens and codes must be the
# golden's, and its sound as near.
mixed() {
    echo "devices $*"
    omni-encode-audio -d "$1" --precise "$GOLDEN/wav/230.wav" | omni-tokenize 'What is this?' |
        omni-thinker -d "$2" --precise -n 24 | tee thoughts |
        omni-talker -d "$3" --precise --temp 0 -n 8 --codepred "omni-codepred -d $4 --precise" | tee codes |
        omni-code2wav -d "$5" --precise --trace pcm >sound
    same_stream "$GOLDEN/stream/tiny-pipe-audio.out" sound
    omni-inspect -x tokens thoughts >tokens.npy
    omni-inspect -x codes codes >codes.npy
    [ -e want-codes.npy ] || cp codes.npy want-codes.npy
    [ -e want-tokens.npy ] || cp tokens.npy want-tokens.npy
    cmp tokens.npy want-tokens.npy && cmp codes.npy want-codes.npy
}

@test "a pipe of devices: any stage on any device, the same tokens and codes" {
    mixed cpu cpu cpu cpu cpu
    mixed cpu vulkan cpu cpu vulkan
    mixed vulkan cpu vulkan cpu cpu
    mixed cpu vulkan cpu vulkan cpu
    mixed vulkan cpu vulkan vulkan vulkan
}
