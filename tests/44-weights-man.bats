#!/usr/bin/env bats
# The pages about streams: their examples run.

setup() {
    load lib
}

@test "the examples of omni-inspect(1) run" {
    run_examples omni-inspect.1
    [ -s "$BATS_TEST_TMPDIR/examples/norm.npy" ]
}

@test "the examples of omni-stream(5) run" {
    run_examples omni-stream.5
}
