#!/usr/bin/env bats
# Choosing a Vulkan device, and what happens when there is none or when it fails. In CI the only
# device is Mesa's software driver; tests/preload/vulkan.c makes it fail.

setup() {
    load lib
    driver_leaks
    export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
}

# dies_with CODE FAULT DEVICE: an op's program, a small user of a device, on one that fails.
dies_with() {
    fails_with "$1" env LD_PRELOAD="$BUILD/tests/preload/vulkan.so" OMNI_VULKAN_FAULT="$2" \
        "$BUILD/tests/ops/add" -d "$3"
}

said() {
    grep -qF -- "$1" "$BATS_TEST_TMPDIR/err" || { cat "$BATS_TEST_TMPDIR/err" && return 1; }
}

@test "device: list names the CPU and the Vulkan devices" {
    omni-thinker -d list >"$BATS_TEST_TMPDIR/list" </dev/null
    grep '^cpu ' "$BATS_TEST_TMPDIR/list"
    grep '^vulkan:0 ' "$BATS_TEST_TMPDIR/list"
    OMNI_DEVICE=list omni-code2wav </dev/null | cmp - "$BATS_TEST_TMPDIR/list"
}

@test "device: what is no device is refused" {
    for device in gpu vulkan: vulkan:x vulkan:-1 vulkan:0x vulkan:99999999999999999999 vulkano; do
        fails_with 64 omni-codepred -d "$device" </dev/null
    done
    fails_with 69 omni-codepred -d vulkan:77 </dev/null
    said 'no device vulkan:77'
}

@test "device: auto is never a software driver" {
    omni-codepred -d auto -v <"$GOLDEN/stream/tiny-codepred.in" >/dev/null 2>"$BATS_TEST_TMPDIR/err"
    if ! omni-thinker -d list </dev/null | grep '^vulkan' | grep -qv 'software driver'; then
        said ' on the CPU'
    fi
}

@test "device: auto takes a hardware GPU" {
    no_sanitizer
    with_fault discrete omni-codepred -d auto -v <"$GOLDEN/stream/tiny-codepred.in" >/dev/null 2>"$BATS_TEST_TMPDIR/err"
    said ' on llvmpipe'
}

@test "device: bytes there and back, order, recordings, letters, times" {
    OMNI_VULKAN_VALIDATE=1 "$BUILD/tests/gpu/core"
}

@test "device: the same through staging memory" {
    no_sanitizer
    OMNI_VULKAN_VALIDATE=1 with_fault discrete "$BUILD/tests/gpu/core"
}

@test "device: parts of a recording by other kernels that stay" {
    OMNI_VULKAN_VALIDATE=1 "$BUILD/tests/gpu/instead" 2>"$BATS_TEST_TMPDIR/err"
    [ "$(grep -c 'did not meet' "$BATS_TEST_TMPDIR/err")" -eq 1 ]
}

@test "device: subgroups of a size that is asked for, where there are several" {
    no_sanitizer
    "$BUILD/tests/gpu/core" | grep 'subgroups of the device'
    OMNI_VULKAN_VALIDATE=1 with_fault sizes "$BUILD/tests/gpu/core" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
    grep 'subgroups of a size that is asked for' "$BATS_TEST_TMPDIR/out"
    [ "$(grep -c 'a kernel asks for a size' "$BATS_TEST_TMPDIR/err")" -eq 1 ]
    with_fault unasked "$BUILD/tests/gpu/core" >"$BATS_TEST_TMPDIR/out"
    [ "$(grep -c subgroups "$BATS_TEST_TMPDIR/out")" -eq 0 ]
}

@test "device: list says what there is of matrix units, or what is missing" {
    omni-thinker -d list </dev/null | grep '^vulkan' |
        grep -E ', (bf16 matrices of [0-9]|no bf16 matrix units \(lacks [A-Za-z])'
}

# The rehearsal of a hardware device, and weights through staging memory.
@test "device: a stage on what says that it is hardware" {
    no_sanitizer
    local turns=$GOLDEN/stream/tiny-talker-turns
    OMNI_VULKAN_VALIDATE=1 with_fault discrete omni-talker -d vulkan --precise --temp 0 -n 20 \
        <"$turns.in" >"$BATS_TEST_TMPDIR/out"
    omni-inspect -x codes "$turns.out" >"$BATS_TEST_TMPDIR/want.npy"
    omni-inspect -x codes "$BATS_TEST_TMPDIR/out" | cmp - "$BATS_TEST_TMPDIR/want.npy"
    turns=$GOLDEN/stream/tiny-thinker-turns
    OMNI_VULKAN_VALIDATE=1 with_fault discrete omni-thinker -d vulkan --precise -n 16 <"$turns.in" |
        omni-inspect -x tokens - >"$BATS_TEST_TMPDIR/got.npy"
    omni-inspect -x tokens "$turns.out" | cmp - "$BATS_TEST_TMPDIR/got.npy"
    same_stream "$GOLDEN/stream/tiny-code2wav-24.out" <(OMNI_VULKAN_VALIDATE=1 with_fault discrete \
        omni-code2wav -d vulkan --precise --trace 'code2wav.*' <"$GOLDEN/stream/tiny-code2wav-24.in")
    same_stream "$GOLDEN/stream/tiny-audio-900.out" <(OMNI_VULKAN_VALIDATE=1 with_fault discrete \
        omni-encode-audio -d vulkan --precise --trace 'audio.*' "$GOLDEN/wav/900.wav")
}

@test "device: no Vulkan, no device, a device that lacks a feature" {
    no_sanitizer
    dies_with 69 instance vulkan
    said 'there is no Vulkan driver'
    dies_with 69 none vulkan
    said 'there is no Vulkan device'
    dies_with 69 feature vulkan
    said 'lacks bufferDeviceAddress'
    dies_with 69 feature vulkan:0
    said 'lacks bufferDeviceAddress'
    dies_with 69 threads vulkan
    said 'lacks workgroups of 512 threads'
    with_fault feature omni-thinker -d list </dev/null | grep 'lacks bufferDeviceAddress'
    for fault in instance none feature; do
        with_fault $fault "$BUILD/tests/ops/add" -d auto
    done
}

# every CODE FAULT: fails at the first call, the second, .. until there are no more.
every() {
    local n=1
    until with_fault "$2:$n" "$BUILD/tests/ops/add" -d vulkan >/dev/null 2>&1; do
        dies_with "$1" "$2:$n" vulkan
        n=$((n + 1))
    done
    [ $n -gt 1 ]
}

@test "device: each allocation of memory may fail" {
    no_sanitizer
    every 71 memory
    said 'out of device memory'
}

# Weights are read by threads, which allocate and submit too, one more often than another; where the host sees the
# device's memory they need none of their own.
@test "device: memory short or device lost while a stage loads its weights" {
    no_sanitizer
    local case n code most=0 err=$BATS_TEST_TMPDIR/err
    for case in '71 memory' '71 discrete,memory' '69 discrete,lost'; do
        for ((n = 1; n < 8; n++)); do
            code=0
            with_fault "${case#* }:$n" timeout "$LIMIT" omni-codepred -d vulkan \
                <"$GOLDEN/stream/tiny-codepred.in" >/dev/null 2>"$err" || code=$?
            [ $code -ne 0 ] || break
            echo "$case:$n: $code"
            [ $code -eq "${case%% *}" ]
            [ "$(wc -l <"$err")" -eq 1 ]
            cp "$err" "$BATS_TEST_TMPDIR/last"
        done
        [ $n -gt 3 ]
        [ "$case" != '71 memory' ] || most=$n
        [ "$case" != '71 discrete,memory' ] || [ $n -gt "$most" ]
    done
    grep 'the device is lost' "$BATS_TEST_TMPDIR/last"
    fails_with 69 env LD_PRELOAD="$BUILD/tests/preload/vulkan.so" OMNI_VULKAN_FAULT=discrete,fence:1 \
        timeout "$LIMIT" omni-codepred -d vulkan <"$GOLDEN/stream/tiny-codepred.in"
    said 'the device is lost: loading weights'
}

# with_experts NAME COMPONENT JQ [--hollow]: a model NAME like the tiny one, changed, COMPONENT's weights random.
with_experts() {
    jq ".talker_config.accept_hidden_layer = 1 | .thinker_config.text_config.num_hidden_layers = 1 | $3" \
        "$GOLDEN/tiny/config.json" >"$BATS_TEST_TMPDIR/config.json"
    "$BUILD/tests/bench/random_model" "${@:4}" "$BATS_TEST_TMPDIR/$1" "$BATS_TEST_TMPDIR/config.json" "$2"
    cp "$GOLDEN"/tiny/{vocab.json,merges.txt,tokenizer_config.json} "$BATS_TEST_TMPDIR/$1"
}

@test "device: more experts than a GPU has room for are 78 there, and welcome on the CPU" {
    local model text=.thinker_config.text_config
    with_experts many thinker "$text.num_experts = 513"
    with_experts chosen thinker "$text.num_experts = 66 | $text.num_experts_per_tok = 65"
    for model in many chosen; do
        model=$BATS_TEST_TMPDIR/$model
        omni-tokenize -m "$model" 'What is that?' </dev/null >"$BATS_TEST_TMPDIR/in"
        omni-thinker -m "$model" -d cpu -n 2 <"$BATS_TEST_TMPDIR/in" | omni-inspect | grep '"kind":"done".*"tokens":2}'
        fails_with 78 omni-thinker -m "$model" -d vulkan -n 2 <"$BATS_TEST_TMPDIR/in"
        said 'thinker.model.layers: '
        said 'a GPU takes at most 512 and 64: use -d cpu'
    done
    with_experts talker talker '.talker_config.text_config.num_local_experts = 513'
    fails_with 78 omni-talker -m "$BATS_TEST_TMPDIR/talker" -d vulkan <"$BATS_TEST_TMPDIR/in"
    said 'talker.model.layers: 513 experts'
}

@test "device: experts of more than 4 GiB are 78 on a GPU" {
    local size=2736 model=.thinker_config
    with_experts wide thinker "$model.text_config.num_experts = 2 | $model.text_config.num_experts_per_tok = 1 |
        $model.text_config.moe_intermediate_size = 262144 | $model.text_config.hidden_size = $size |
        $model.audio_config.output_dim = $size | $model.vision_config.out_hidden_size = $size |
        .talker_config.thinker_hidden_size = $size" --hollow
    omni-tokenize -m "$BATS_TEST_TMPDIR/wide" 'What is that?' </dev/null >"$BATS_TEST_TMPDIR/in"
    fails_with 78 omni-thinker -m "$BATS_TEST_TMPDIR/wide" -d vulkan -n 2 <"$BATS_TEST_TMPDIR/in"
    said 'thinker.model.layers.0.mlp.experts: 4303355904 bytes each; a GPU takes less than 4 GiB: use -d cpu'
}

@test "device: lost at each submission and in each wait" {
    no_sanitizer
    every 69 lost
    every 69 hang
    said 'the device is lost'
}

@test "device: validation finds nothing to complain of" {
    OMNI_VULKAN_VALIDATE=1 "$BUILD/tests/ops/add" -d vulkan
    OMNI_VULKAN_VALIDATE=1 "$BUILD/tests/ops/advance" -d vulkan
    no_sanitizer
    OMNI_VULKAN_VALIDATE=1 dies_with 70 order vulkan
    said 'validation: '
}

@test "device: compiled kernels are kept on disk, and what is broken there does no harm" {
    local cache=$XDG_CACHE_HOME/omni add=$BUILD/tests/ops/add
    "$add" -d vulkan
    files=("$cache"/*)
    [ ${#files[@]} -eq 1 ]
    cp "$cache"/vulkan-* "$BATS_TEST_TMPDIR/good"
    for size in 0 9 -1 +1 70M; do
        truncate -s "$size" "$cache"/vulkan-*
        "$add" -d vulkan
        cmp "$cache"/vulkan-* "$BATS_TEST_TMPDIR/good"
    done
    printf x | dd of="$(echo "$cache"/vulkan-*)" bs=1 seek=40 conv=notrunc status=none
    "$add" -d vulkan
    cmp "$cache"/vulkan-* "$BATS_TEST_TMPDIR/good"
    touch -d '2001-01-01' "$cache"/vulkan-*
    "$add" -d vulkan
    [ "$(date -r "$(echo "$cache"/vulkan-*)" +%Y)" -eq 2001 ] # there was nothing new
    files=("$cache"/*)
    [ ${#files[@]} -eq 1 ]
}

# Not at its end, which a signal may bring; made by two threads, while its first turn is still to come.
@test "device: kernels are made before the first turn and kept on disk at once" {
    no_sanitizer
    local pid
    mkfifo "$BATS_TEST_TMPDIR/in"
    exec 4<>"$BATS_TEST_TMPDIR/in"
    behind_with_fault discrete omni-talker -d vulkan --precise --threads 2 <&4 >"$BATS_TEST_TMPDIR/out" 3>&- 4>&- &
    pid=$!
    kept() { compgen -G "$XDG_CACHE_HOME/omni/vulkan-*" >/dev/null; }
    until_true kept
    kill -9 $pid
    exec 4>&-
    with_fault discrete omni-talker -d vulkan --precise --temp 0 -n 4 -v --threads 2 \
        <"$GOLDEN/stream/tiny-talker-turns.in" >/dev/null 2>"$BATS_TEST_TMPDIR/err"
    grep -E '[0-9]+ kernels made ready in [0-9.]+ s on [23] threads, waited for [0-9.]+ s' "$BATS_TEST_TMPDIR/err"
}

# What another driver has left is whole and means nothing to this one; several programs write at once.
@test "device: another driver's kernels, and several who keep theirs at once" {
    local cache=$XDG_CACHE_HOME/omni add=$BUILD/tests/ops/add pids=() pid
    "$add" -d vulkan
    file=("$cache"/vulkan-*)
    cp "${file[0]}" "$BATS_TEST_TMPDIR/good"
    python3 - "${file[0]}" <<'END'
import sys
data, h = bytes(i * 7 % 256 for i in range(5000)), 14695981039346656037
for byte in data:
    h = (h ^ byte) * 1099511628211 % 2**64
open(sys.argv[1], "wb").write(b"omnivk1\n" + h.to_bytes(8, "little") + data)
END
    for _ in 1 2 3 4 5 6; do
        "$add" -d vulkan >/dev/null 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    "$add" -d vulkan
    cmp "${file[0]}" "$BATS_TEST_TMPDIR/good"
    file=("$cache"/*)
    [ ${#file[@]} -eq 1 ]
}

@test "device: no place for compiled kernels is no error" {
    XDG_CACHE_HOME=/proc/none "$BUILD/tests/ops/add" -d vulkan
    env -u XDG_CACHE_HOME -u HOME "$BUILD/tests/ops/add" -d vulkan
    # What is too long is not cut into another name.
    local deep=$BATS_TEST_TMPDIR/deep
    while [ ${#deep} -lt 900 ]; do
        deep=$deep/$(printf %0100d 0)
    done
    mkdir -p "$deep"
    XDG_CACHE_HOME=$deep/$(printf %0200d 0) "$BUILD/tests/ops/add" -d vulkan
    [ -z "$(ls "$deep")" ]
}
