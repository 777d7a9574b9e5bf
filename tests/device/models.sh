# shellcheck shell=sh disable=SC2034 # variables are for who reads this
# Read by scripts of this folder, which take [DEVICE [LAYERS]]: $build, $device, $layers, a folder $tmp that is
# gone at the end, and models of the released sizes with random weights in it.
set -eu
cd "$(dirname "$0")/../.."
build=$(realpath "${OMNI_BUILD:-build}")
device=${1:-vulkan}
layers=${2:-48}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

python3 tests/device/layers.py "$layers" >"$tmp/config.json"
hollow=--hollow # tests/preload/hollow.c; empty: a model with its weights on disk
preload=$build/tests/preload/hollow.so

# model NAME COMPONENT...: a checkpoint in $tmp/NAME; a thinker has a tokenizer beside it, any one.
model() {
    name=$1
    shift
    # shellcheck disable=SC2086 # one word or none
    "$build/tests/bench/random_model" $hollow "$tmp/$name" "$tmp/config.json" "$@"
    [ "$1" != thinker ] || cp tests/golden/tiny/vocab.json tests/golden/tiny/merges.txt \
        tests/golden/tiny/tokenizer_config.json "$tmp/$name"
}
