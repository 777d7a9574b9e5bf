#!/bin/sh
# `make bench`: what this machine can do at most, then what the ops and the stages make of it, at
# the true sizes. Everything runs alone; on a busy machine the numbers say little.
set -eu
cd "$(dirname "$0")/../.."
build=$(realpath "${OMNI_BUILD:-build}")
model=$(mktemp -d)
trap 'rm -rf "$model"' EXIT
trap 'exit 130' INT TERM

title() {
    printf '\n== %s ==\n' "$1"
}

title 'The machine'
"$build/tests/bench/ceilings"

for op in linear conv dwconv snakebeta attention moe_add; do
    title "op $op"
    "$build/tests/ops/$op" -b
done

title 'Tokenizer'
OMNI_BUILD=$build tests/bench/tokenize.sh

title 'code2wav'
"$build/tests/bench/random_model" "$model" tests/bench/true-size/config.json code2wav
"$build/tests/bench/code2wav" "$model"

title 'talker and code predictor'
OMNI_BUILD=$build tests/bench/talker.sh

title 'audio encoder'
"$build/tests/bench/random_model" "$model" tests/bench/true-size/config.json audio
"$build/tests/bench/encode_audio" "$model"
