#!/usr/bin/env bats
# The n-th allocation, read or write fails, for every n that a small run has: one line, the right
# code, no crash, no hang. tests/preload/nth.c makes them fail.

load lib

setup() {
    [ -e "$BUILD/tests/preload/nth.so" ] || skip "no preload library"
    # Two libraries cannot both stand before malloc.
    ! ldd "$BUILD/omni-inspect" | grep -q libasan || skip "not under a sanitizer"
}

# nth KIND CODE FILE COMMAND...: runs the command on FILE with the n-th call failing, n = 1, 2, ...
# until there are no more calls. Further into a run the steps get longer.
nth() {
    local kind=$1 want=$2 in=$3 n=1 tried=0 code
    shift 3
    while :; do
        code=0
        LD_PRELOAD=$BUILD/tests/preload/nth.so OMNI_FAIL=$kind:$n OMP_WAIT_POLICY=passive \
            timeout 20 "$@" <"$in" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || code=$?
        [ "$code" -ne 0 ] || break
        if [ "$code" -ne "$want" ] || [ "$(wc -l <"$BATS_TEST_TMPDIR/err")" -ne 1 ]; then
            echo "$kind $n: exit $code, not $want with one line: $*"
            cat "$BATS_TEST_TMPDIR/err"
            return 1
        fi
        tried=$((tried + 1))
        n=$((n < 40 ? n + 1 : n + n / 8))
    done
    echo "$*: $tried times a failed $kind"
    [ "$tried" -gt 0 ]
}

stream() {
    echo "$GOLDEN/stream/$1"
}

wav() {
    echo "$GOLDEN/wav/37.wav"
}

@test "faults: every allocation of omni-tokenize and omni-detokenize" {
    nth alloc 71 /dev/null omni-tokenize 'Hello.'
    nth alloc 71 "$(stream tiny-tokenize-user.out)" omni-detokenize
}

@test "faults: every allocation of omni-encode-audio" {
    nth alloc 71 "$(wav)" omni-encode-audio
}

@test "faults: every allocation of omni-thinker" {
    nth alloc 71 "$(stream tiny-thinker-silence.in)" omni-thinker -n 2
}

@test "faults: every allocation of omni-talker and omni-codepred" {
    nth alloc 71 "$(stream tiny-talker-cut.in)" omni-talker -n 2
    nth alloc 71 "$(stream tiny-codepred.in)" omni-codepred
}

@test "faults: every allocation of omni-code2wav" {
    nth alloc 71 "$(stream tiny-code2wav-2.in)" omni-code2wav
}

@test "faults: every allocation of omni-inspect" {
    nth alloc 71 "$(stream tiny-code2wav-2.in)" omni-inspect
    nth alloc 71 /dev/null omni-inspect "$GOLDEN/tiny"
}

@test "faults: a line longer than memory" {
    for tool in omni-tokenize omni-encode-audio; do
        fails_with 71 bash -c "ulimit -v 600000; head -c 700M /dev/zero | $tool -l"
        grep -q 'out of memory: a line of standard input' "$BATS_TEST_TMPDIR/err"
    done
}

@test "faults: every read" {
    nth read 74 "$(stream tiny-tokenize-user.out)" omni-detokenize
    nth read 74 "$(stream tiny-thinker-silence.in)" omni-thinker -n 2
    nth read 74 "$(stream tiny-talker-cut.in)" omni-talker -n 2
    nth read 74 "$(stream tiny-codepred.in)" omni-codepred
    nth read 74 "$(stream tiny-code2wav-2.in)" omni-code2wav
    nth read 74 "$(stream tiny-code2wav-2.in)" omni-inspect
}

@test "faults: every write" {
    nth write 74 /dev/null omni-tokenize 'Hello.'
    nth write 74 "$(stream tiny-tokenize-user.out)" omni-detokenize
    nth write 74 "$(wav)" omni-encode-audio
    nth write 74 "$(stream tiny-thinker-silence.in)" omni-thinker -n 2
    nth write 74 "$(stream tiny-talker-cut.in)" omni-talker -n 2
    nth write 74 "$(stream tiny-codepred.in)" omni-codepred
    nth write 74 "$(stream tiny-code2wav-2.in)" omni-code2wav
    nth write 74 "$(stream tiny-code2wav-2.in)" omni-inspect
}

@test "faults: every allocation and write of omni-quantize, and of a GGUF reader" {
    nth pwrite 74 /dev/null omni-quantize "$GOLDEN/tiny" "$BATS_TEST_TMPDIR/q"
    nth alloc 71 /dev/null omni-quantize -j 1 "$GOLDEN/tiny" "$BATS_TEST_TMPDIR/q"
    nth alloc 71 /dev/null omni-inspect "$BATS_TEST_TMPDIR/q"
    [ "$(cd "$BATS_TEST_TMPDIR/q" && echo *)" = "mmproj.gguf speech.gguf thinker.gguf" ]
    python3 "$ROOT/tests/weights/gguf.py" "$GOLDEN/tiny" "$BATS_TEST_TMPDIR/foreign.gguf" head
    nth alloc 71 /dev/null omni-tokenize -m "$BATS_TEST_TMPDIR/foreign.gguf" 'Hello.'
}
