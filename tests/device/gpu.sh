#!/bin/sh
# On a machine with a GPU: does the device do what we ask, and what does asking cost?
# usage: gpu.sh [N]      N of vulkan:N (default 0); after `make all test-programs`
set -eu
cd "$(dirname "$0")/../.."
build=${OMNI_BUILD:-build}
n=${1:-0}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
export XDG_CACHE_HOME="$tmp/cache" OMNI_MODEL=tests/golden/tiny

echo "== devices"
"$build/omni-thinker" -d list </dev/null
echo "== bytes, order, recordings, letters, times"
"$build/tests/gpu/core" "$n"
echo "== parts of a recording by other kernels that stay"
"$build/tests/gpu/instead" "$n"
echo "== costs"
head -c 1073741824 /dev/urandom >"$tmp/file"
"$build/tests/bench/gpu" "$n" "$tmp/file"

# The driver has a cache of its own, which would hide ours.
export __GL_SHADER_DISK_CACHE=0
speak() {
    "$build/omni-talker" -n 20 -d "vulkan:$n" "$@" <tests/golden/stream/tiny-talker-audio.in >/dev/null
}
echo "== kernels compiled, then read from disk"
speak -v
ls -l "$XDG_CACHE_HOME/omni"
speak -v
echo "== where the time goes, tiny model"
speak -v -v
