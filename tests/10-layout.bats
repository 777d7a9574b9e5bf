#!/usr/bin/env bats
# The shape of the source tree: an op's files, the order of the rooms, sizes of files.

setup() {
    load lib
    cd "$ROOT" || return
}

# Fails and shows the lines on stdin, if there are any.
nothing() {
    ! grep .
}

@test "each op has its source, test, prototype and test line" {
    while read -r op; do
        for file in common/ops/"$op".c tests/ops/"$op".c; do
            [ -f "$file" ] || echo "$op: no $file"
        done
        grep -q "^void op_$op(" common/ops/ops.h || echo "$op: no prototype in ops.h"
        grep -q "ops_program $op\$" tests/20-ops.bats || echo "$op: not in tests/20-ops.bats"
    done <common/ops/ops.def | nothing
}

@test "each prototype of ops.h is in ops.def" {
    sed -n 's/^void op_\([a-z_0-9]*\)(.*/\1/p' common/ops/ops.h |
        grep -vxF -f common/ops/ops.def | nothing
}

# Prints FILE: ROOM for each room that FILE includes and may not.
# Arguments: the room's directory, then the rooms to its left.
forbidden() {
    local room=$1
    shift
    grep -rEo '^#include "(common/[a-z0-9]+|tools)/' --include='*.[ch]' "$room" |
        sed 's/#include "//' | sort -u | grep -vE ":($(IFS='|' && echo "$*"))/\$"
}

@test "a room includes only rooms to its left" {
    rooms=(common/base common/wire common/weights "common/text common/sound" common/gpu common/ops
        common/nn tools)
    left=()
    for rank in "${rooms[@]}"; do
        for room in $rank; do
            if [ -d "$room" ]; then forbidden "$room" "$room" "${left[@]}" || true; fi
        done
        read -ra names <<<"$rank"
        left+=("${names[@]}")
    done | nothing
}

@test "sources include only what the rooms hold" {
    for room in common/*/ tools/; do
        grep -rE '^#include "' --include='*.[ch]' "$room" |
            grep -vE '#include "(common/[a-z]+/|tools/|shaders/)' || true
    done | nothing
}

@test "a tool's main is under 150 lines" {
    for main in tools/omni-*.c; do
        if [ -f "$main" ]; then echo "$(wc -l <"$main") $main"; fi
    done | awk '$1 >= 150' | nothing
}

@test "a file is under 500 lines" {
    git ls-files '*.c' '*.h' '*.comp' '*.sh' '*.py' '*.bats' 'pipelines/omni-*' | while read -r file; do
        if [ -f "$file" ]; then echo "$(wc -l <"$file") $file"; fi
    done | awk '$1 >= 500' | nothing
}
