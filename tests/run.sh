#!/usr/bin/env bash
# Runs the bats files given (default: all), shows TAP, ends with "N passed, N failed, N skipped".
# OMNI_BUILD names the build directory.
set -u
cd "$(dirname "$0")/.." || exit
OMNI_BUILD=$(realpath "${OMNI_BUILD:-build}")
export OMNI_BUILD
# Stages of one pipe share the cores: waiting threads sleep instead of spinning.
export OMP_WAIT_POLICY=passive
export LC_ALL=C.UTF-8
[ $# -gt 0 ] || set -- tests/[0-9]*.bats
tap=$(mktemp)
trap 'rm -f "$tap"' EXIT
bats --tap --timing "$@" | tee "$tap"
status=${PIPESTATUS[0]}
planned=$(grep -oE '^1\.\.[0-9]+' "$tap" | cut -d. -f3)
failed=$(grep -c '^not ok' "$tap")
skipped=$(grep -cE '^ok .*# skip' "$tap")
passed=$(($(grep -c '^ok' "$tap") - skipped))
echo "$passed passed, $failed failed, $skipped skipped"
if [ $((passed + failed + skipped)) -ne "${planned:-0}" ] || [ "$passed" -eq 0 ]; then
    echo "tests/run.sh: ${planned:-0} tests were planned" >&2
    exit 1
fi
exit "$status"
