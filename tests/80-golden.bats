#!/usr/bin/env bats
# What the reference says each stage writes, stream by stream and pipe by pipe: tests/golden/README.

load lib

# Runs one line of tests/golden/cases: name, model, tool, tolerance, arguments.
run_case() {
    local name=$1 model=$2 tool=$3 tolerance=$4 arguments=$5
    local in=$GOLDEN/stream/$name.in out=$BATS_TEST_TMPDIR/$name.out precise=--precise
    [ -e "$in" ] || in=/dev/null
    case $tool in
    sh) tool='' precise='' ;; # a whole pipe
    omni-tokenize) precise='' ;;
    esac
    echo "$name: $tool $precise $arguments"
    OMNI_MODEL=$GOLDEN/$model timeout 60 bash -c "cd '$GOLDEN' && $tool $precise $arguments" \
        <"$in" >"$out" || return
    same_stream "$GOLDEN/stream/$name.out" "$out" "$tolerance"
}

# All cases of a tool; the failed ones are shown.
run_cases() {
    local wanted=$1 ran=0 failed=0 name model tool tolerance arguments
    while IFS=$'\t' read -r name model tool tolerance arguments; do
        [ "$tool" = "$wanted" ] || continue
        ran=$((ran + 1))
        run_case "$name" "$model" "$tool" "$tolerance" "$arguments" </dev/null || failed=$((failed + 1))
    done <"$GOLDEN/cases"
    echo "$wanted: $ran cases, $failed failed"
    [ "$ran" -gt 0 ] && [ "$failed" -eq 0 ]
}

@test "golden: omni-tokenize" {
    run_cases omni-tokenize
}

@test "golden: omni-encode-audio" {
    run_cases omni-encode-audio
}

@test "golden: omni-thinker" {
    run_cases omni-thinker
}

@test "golden: omni-talker" {
    run_cases omni-talker
}

@test "golden: omni-codepred" {
    run_cases omni-codepred
}

@test "golden: omni-code2wav" {
    run_cases omni-code2wav
}

@test "golden: whole pipes" {
    run_cases sh
}
