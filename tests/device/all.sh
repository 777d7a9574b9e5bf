#!/bin/bash
# Is everything right on this machine's GPU? Ops, device, the goldens with tools of this build and, where there is a
# python with torch, the released sizes against the reference; one table. Needs no bats.
# usage: all.sh [DEVICE [CHECK...]]     after `make all test-programs`; CHECKs are patterns of names, or of kinds:
# core, op, golden, truesize
set -u
cd "$(dirname "$0")/../.." || exit
build=$(realpath "${OMNI_BUILD:-build}")
python=${OMNI_PYTHON:-python3}
device=${1:-vulkan}
shift || true
[ $# -gt 0 ] || set -- '*'
golden=$PWD/tests/golden
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export PATH=$build:$PWD/pipelines:$PATH OMNI_DEVICE=$device XDG_CACHE_HOME=${XDG_CACHE_HOME:-$work/cache}

# op NAME: its tests, and how many of them are right.
op() {
    "$build/tests/ops/$1" -d "$device" >"$work/out-$1" 2>&1
    local code=$?
    grep -E '^(not ok|#)' "$work/out-$1"
    echo "$(grep -c '^ok' "$work/out-$1") right"
    return $code
}

core() {
    "$build/tests/gpu/core" "$(case $device in *:*) echo "${device#*:}" ;; *) echo -1 ;; esac)" >"$work/out-core" 2>&1
    local code=$?
    grep -v '^ok' "$work/out-core"
    return $code
}

# golden NAME: one line of tests/golden/cases, with --precise.
golden() {
    local name model tool tolerance arguments precise=--precise
    IFS=$'\t' read -r name model tool tolerance arguments < <(grep "^$1	" "$golden/cases")
    local in=$golden/stream/$name.in
    [ -e "$in" ] || in=/dev/null
    case $tool in
    sh) tool='' precise='' ;;
    omni-tokenize) precise='' ;;
    esac
    OMNI_MODEL=$golden/$model timeout 120 bash -c "cd '$golden' && $tool $precise $arguments" <"$in" >"$work/$name" &&
        omni-inspect --subset -c "$golden/stream/$name.out" --tol "$tolerance" "$work/$name" && echo "as the reference"
}

truesize() {
    "$python" -c 'import torch, transformers, msgpack' 2>/dev/null || { echo 'no torch, transformers, msgpack' && return 77; }
    "$python" tests/device/truesize.py --bin "$build" -d "$device" | tee "$work/out-truesize" | tail -n 1
    return "${PIPESTATUS[0]}"
}

# one KIND NAME: runs it and writes its line of the table to $work/lines.
one() {
    local start=$EPOCHREALTIME said code state=ok
    said=$("$1" "$2" 2>&1)
    code=$?
    [ $code -eq 0 ] || state=FAILED
    [ $code -ne 77 ] || state=skipped
    printf '%-8s %6.1f s  %-7s %-28s %s\n' $state \
        "$(echo "${EPOCHREALTIME/,/.} ${start/,/.}" | awk '{print $1 - $2}')" "$1" "$2" \
        "$(echo "$said" | tail -n 1 | cut -c 1-80)" | tee -a "$work/lines"
    [ $state != FAILED ] || echo "$said" | sed 's/^/    /' | tail -n 20 | tee -a "$work/failures"
}
export -f one op core golden truesize
export build python device golden work

{
    echo 'core core'
    for program in "$build"/tests/ops/*; do
        case $program in *.[do]) ;; *) echo "op ${program##*/}" ;; esac
    done
    cut -f 1 "$golden/cases" | sed 's/^/golden /'
    echo 'truesize truesize'
} | while read -r kind name; do
    # shellcheck disable=SC2254 # patterns
    for pattern in "$@"; do case $name in $pattern) echo "$kind $name" && continue 2 ;; esac; done
    # shellcheck disable=SC2254
    for pattern in "$@"; do case $kind in $pattern) echo "$kind $name" && break ;; esac; done
done >"$work/checks"
[ -s "$work/checks" ] || { echo "all.sh: no check is called $*" >&2 && exit 64; }
omni-thinker -d list </dev/null
# shellcheck disable=SC2016 # for that shell
xargs -L 1 -P "${JOBS:-6}" bash -c 'one "$1" "$2"' one <"$work/checks"
printf '\n%s of %s right, %s skipped, %s wrong\n' "$(grep -c ^ok "$work/lines")" "$(wc -l <"$work/checks")" \
    "$(grep -c ^skipped "$work/lines")" "$(grep -c ^FAILED "$work/lines")"
! grep -q ^FAILED "$work/lines"
