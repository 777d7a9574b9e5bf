#!/usr/bin/env bats
# What every program does alike with its command line and with what it is started with.

load lib

OUT=$BATS_TEST_TMPDIR
TOOLS='omni-tokenize omni-encode-audio omni-thinker omni-talker omni-codepred omni-code2wav omni-detokenize
    omni-inspect omni-quantize'

@test "help, version and list that cannot be written are 74" {
    for tool in $TOOLS; do
        fails_with 74 sh -c "$tool -h >/dev/full"
        fails_with 74 sh -c "$tool -V >/dev/full"
    done
    fails_with 74 sh -c 'omni-talker -d list >/dev/full'
}

@test "a value that is no number is named with its option" {
    fails_with 64 omni-talker -j many </dev/null
    grep -q -- '-j many: ' "$OUT/err"
    fails_with 64 omni-inspect --tol=much </dev/null
    grep -q -- '--tol=much: ' "$OUT/err"
}

@test "a wrong option of a stage is told downstream, whose code it is" {
    set -o pipefail
    for stage in omni-tokenize omni-encode-audio omni-thinker omni-talker omni-codepred; do
        for wrong in --nonsense '-s x' '-j 0' '-d gpu'; do
            fails_with 64 bash -c "$stage $wrong </dev/null | omni-detokenize"
            [ ! -s "$OUT/out" ]
        done
        code=0
        $stage --nonsense </dev/null 2>/dev/null | omni-code2wav -o "$OUT/x.wav" 2>"$OUT/err" || code=$?
        [ "$code" -eq 64 ] && [ ! -s "$OUT/err" ] && [ ! -e "$OUT/x.wav" ]
    done
}

@test "where standard input or output is closed, no file of the model takes its place" {
    for tool in omni-tokenize omni-thinker omni-talker omni-codepred omni-code2wav omni-detokenize; do
        fails_with 74 sh -c "$tool <&-"
    done
    fails_with 74 omni-encode-audio <&-
    grep -q 'Bad file descriptor' "$OUT/err"
    fails_with 74 sh -c 'omni-tokenize Hello. >&-'
}

@test "a model that is not there is named, and an empty input" {
    for tool in omni-tokenize omni-encode-audio omni-thinker omni-talker omni-codepred omni-code2wav; do
        fails_with 66 "$tool" -m "$OUT/none" </dev/null
        grep -qx "$tool: $OUT/none: No such file or directory" "$OUT/err"
    done
    for tool in omni-thinker omni-talker omni-codepred omni-code2wav omni-detokenize; do
        fails_with 76 "$tool" </dev/null
        grep -q 'input is empty' "$OUT/err"
    done
    fails_with 65 omni-encode-audio </dev/null
    grep -q 'is empty' "$OUT/err"
}

@test "a model that there is no room to map is 71" {
    ! ldd "$BUILD/omni-inspect" | grep -q libasan || skip "a sanitizer needs more room"
    truncate -s 64G "$OUT/huge.gguf"
    fails_with 71 bash -c "ulimit -v 4000000; omni-inspect -m '$OUT/huge.gguf'"
    grep -q 'huge.gguf: cannot map' "$OUT/err"
}
