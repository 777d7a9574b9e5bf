#!/bin/sh
# `make bench`: what this machine can do at most, then what the ops and the stages make of it, at
# the true sizes, printed and kept as tests/bench/results/MACHINE.tsv (the README there says what its
# columns are). Everything runs alone; on a busy machine the numbers say little.
set -eu
cd "$(dirname "$0")/../.."
build=$(realpath "${OMNI_BUILD:-build}")
model=$(mktemp -d)
trap 'exit 130' INT TERM

# The CPU's model and the number of threads: amd-epyc-2.
machine() {
    { sed -n 's/^model name[^:]*: //p' /proc/cpuinfo && uname -m; } | head -n 1 |
        tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9\n' - | sed "s/-*\$/-$(nproc)/"
}

OMNI_BENCH_ROWS=$(mktemp)
export OMNI_BENCH_ROWS
trap 'rm -rf "$model" "$OMNI_BENCH_ROWS"' EXIT
printf '# %s, %s, omni %s\n' "$(machine)" "$(date -u +%F)" \
    "$(git describe --always --dirty 2>/dev/null || true)" >"$OMNI_BENCH_ROWS"

title() {
    printf '\n== %s ==\n' "$1"
}

title 'The machine'
"$build/tests/bench/ceilings"

for op in linear conv dwconv snakebeta attention moe_add; do
    title "op $op"
    "$build/tests/ops/$op" -b -p
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

table=tests/bench/results/$(machine).tsv
cp "$OMNI_BENCH_ROWS" "$table"
printf '\nkept as %s\n' "$table"
