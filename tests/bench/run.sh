#!/bin/sh
# `make bench`: what this machine can do at most, then what the ops and the stages make of it, at
# the true sizes, printed and kept as tests/bench/results/MACHINE.tsv (the README there says what its
# columns are). Where there is a GPU the same on it, kept as GPU.tsv. Everything runs alone; on a
# busy machine the numbers say little.
# usage: run.sh [cpu|vulkan[:N]]...     (default: cpu, and vulkan if there is a hardware device)
# OMNI_BENCH_SECONDS: for how long each case of an op is repeated (default: 0.35 on the CPU; 0.06 on a
# GPU, which nothing else disturbs).
set -eu
cd "$(dirname "$0")/../.."
build=$(realpath "${OMNI_BUILD:-build}")
model=$(mktemp -d)
trap 'exit 130' INT TERM

# name TEXT: as a file is named: amd-epyc, nvidia-h100-80gb-hbm3.
name() {
    printf '%s' "$1" | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9' - | sed 's/^-*//; s/-*$//'
}

# The devices that omni can use, as -d list has them.
devices() {
    "$build/omni-thinker" -d list </dev/null
}

# The CPU's model and the number of threads; or a GPU's name.
machine() {
    case $1 in
    cpu) name "$({ sed -n 's/^model name[^:]*: //p' /proc/cpuinfo && uname -m; } | head -n 1) $(nproc)" ;;
    vulkan:*) name "$(devices | sed -n "s/^$1 *\\([^,]*\\),.*/\\1/p")" ;;
    *) name "$(devices | sed -n 's/^vulkan:[0-9]* *\([^,]*\),.*/\1/p' | head -n 1)" ;;
    esac
}

title() {
    printf '\n== %s ==\n' "$1"
}

# Everything on one device.
bench() {
    export OMNI_DEVICE="$1"
    case $1 in
    cpu) seconds=0.35 hollow='' ;;
    *) seconds=0.06 hollow=1 ;;
    esac
    seconds=${OMNI_BENCH_SECONDS:-$seconds}
    table=tests/bench/results/$(machine "$1").tsv
    printf '# %s, %s, omni %s\n' "$(machine "$1")" "$(date -u +%F)" \
        "$(git describe --always --dirty 2>/dev/null || true)" >"$OMNI_BENCH_ROWS"

    title "The machine: $1"
    case $1 in
    cpu) "$build/tests/bench/ceilings" ;;
    *:*) "$build/tests/bench/gpu" "${1#*:}" "$model/model.safetensors" ;;
    *) "$build/tests/bench/gpu" -1 "$model/model.safetensors" ;;
    esac

    for op in linear conv dwconv snakebeta attention moe_add; do
        title "op $op"
        "$build/tests/ops/$op" -b -s "$seconds" -p -d "$1"
        "$build/tests/ops/$op" -b -s "$seconds" -d "$1"
    done

    if [ "$1" = cpu ]; then
        title 'Tokenizer'
        OMNI_BUILD=$build tests/bench/tokenize.sh
    fi

    title 'code2wav'
    "$build/tests/bench/code2wav" "$model" "$1"

    title 'talker and code predictor'
    OMNI_BUILD=$build OMNI_BENCH_HOLLOW=$hollow tests/bench/talker.sh -d "$1"

    title 'audio encoder'
    "$build/tests/bench/encode_audio" "$model" "$1"

    cp "$OMNI_BENCH_ROWS" "$table"
    printf '\nkept as %s\n' "$table"
}

OMNI_BENCH_ROWS=$(mktemp)
export OMNI_BENCH_ROWS
trap 'rm -rf "$model" "$OMNI_BENCH_ROWS"' EXIT
"$build/tests/bench/random_model" "$model" tests/bench/true-size/config.json code2wav audio
if [ $# -eq 0 ]; then
    set -- cpu
    if devices | grep '^vulkan' | grep -qv -e 'a software driver' -e '; lacks'; then
        set -- cpu vulkan
    fi
fi
for device in "$@"; do
    bench "$device"
done
