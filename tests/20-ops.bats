#!/usr/bin/env bats
# The programs of tests/ops: each op against a double-precision reference, with every instruction
# set this machine has.

setup() {
    load lib
}

ops_program() {
    timeout 300 "$BUILD/tests/ops/$1"
}

@test "op linear" {
    ops_program linear
}

@test "op linear_add" {
    ops_program linear_add
}

@test "op conv" {
    ops_program conv
}

@test "op dwconv" {
    ops_program dwconv
}

@test "op im2col" {
    ops_program im2col
}

@test "op kv_write" {
    ops_program kv_write
}

@test "op attention" {
    ops_program attention
}

@test "op attention_blocks" {
    ops_program attention_blocks
}

@test "op moe_add" {
    ops_program moe_add
}
