#!/bin/sh
# On a machine with a GPU: a frame of speech at the released sizes, kernel by kernel and with parts as
# kernels that stay (OMNI_RESIDENT, man omni): the same codes? how fast is each? which is chosen?
# Needs 7 GB in $TMPDIR.
# usage: resident.sh [DEVICE]      after `make all test-programs`
set -eu
cd "$(dirname "$0")/../.."
build=$(realpath "${OMNI_BUILD:-build}")
device=${1:-vulkan}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
export OMNI_BUILD="$build" XDG_CACHE_HOME="$tmp/cache"

echo "== talker and code predictor, 50 frames, drawn"
for form in 0 yes auto; do
    echo "OMNI_RESIDENT=$form"
    OMNI_RESIDENT=$form OMNI_BENCH_STREAM="$tmp/$form" tests/bench/talker.sh -d "$device" -s 5
    "$build/omni-inspect" -x codes "$tmp/$form" >"$tmp/$form.npy"
done
tail -n +1 "$XDG_CACHE_HOME"/omni/*-step-* || true
for form in yes auto; do
    cmp "$tmp/0.npy" "$tmp/$form.npy" && echo "$form: the same codes"
done
