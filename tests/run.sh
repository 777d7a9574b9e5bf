#!/usr/bin/env bash
# Runs the bats files given (default: all), several at a time, shows the TAP of each when it is done, ends with
# "N passed, N failed, N skipped". OMNI_BUILD names the build directory, OMNI_TEST_JOBS how many files run at a
# time (default: one a core, 8 at most).
set -u
cd "$(dirname "$0")/.." || exit
OMNI_BUILD=$(realpath "${OMNI_BUILD:-build}")
cores=$(nproc)
jobs=${OMNI_TEST_JOBS:-$((cores < 8 ? cores : 8))}
export OMNI_BUILD
# Stages of one pipe share the cores: waiting threads sleep instead of spinning.
export OMP_WAIT_POLICY=passive
export LC_ALL=C.UTF-8
# The longest first: a software driver compiles kernels.
if [ $# -eq 0 ]; then
    vulkan=(tests/[0-9]*vulkan*.bats)
    for file in tests/[0-9]*.bats; do
        [[ $file == *vulkan* ]] || set -- "$@" "$file"
    done
    set -- "${vulkan[@]}" "$@"
fi
tap=$(mktemp -d)
trap 'rm -rf "$tap"' EXIT
trap 'exit 130' INT TERM
export tap

# one FILE: runs it, and says it all at once.
one() {
    local to=$tap/${1//\//-}
    bats --tap --timing "$1" >"$to.tap" 2>&1
    echo $? >"$to.status"
    # shellcheck disable=SC2016 # for that shell
    flock "$tap" sh -c 'echo "# $1" && cat "$2"' show "$1" "$to.tap"
}
export -f one
# shellcheck disable=SC2016 # for that shell
printf '%s\n' "$@" | xargs -P "$jobs" -I FILE bash -c 'one "$1"' one FILE

# count PATTERN: lines of all files.
count() {
    cat "$tap"/*.tap | grep -cE "$1"
}
planned=$(cat "$tap"/*.tap | sed -nE 's/^1\.\.([0-9]+)$/\1/p' | awk '{n += $1} END {print n + 0}')
failed=$(count '^not ok')
skipped=$(count '^ok .*# skip')
passed=$(($(count '^ok ') - skipped))
echo "$passed passed, $failed failed, $skipped skipped"
if [ $((passed + failed + skipped)) -ne "${planned:-0}" ] || [ "$passed" -eq 0 ] ||
    [ "$(count '^1\.\.[0-9]+$')" -ne $# ]; then
    echo "tests/run.sh: ${planned:-0} tests were planned" >&2
    exit 1
fi
[ "$failed" -eq 0 ] && ! grep -qv '^0$' "$tap"/*.status
