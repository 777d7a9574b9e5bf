#!/usr/bin/env bats
# What the reference says each stage writes, stream by stream and pipe by pipe: tests/golden/README.

load golden

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
