#!/usr/bin/env bats
# The programs of tests/ops: each op against a double-precision reference, with every instruction
# set this machine has.

setup() {
    load lib
}

ops_program() {
    timeout 300 "$BUILD/tests/ops/$1"
}

@test "op copy" {
    ops_program copy
}

@test "op add" {
    ops_program add
}

@test "op add_scaled" {
    ops_program add_scaled
}

@test "op add_gated" {
    ops_program add_gated
}

@test "op silu_mul" {
    ops_program silu_mul
}

@test "op clamp" {
    ops_program clamp
}

@test "op embed" {
    ops_program embed
}

@test "op embed_add" {
    ops_program embed_add
}

@test "op embed_sum" {
    ops_program embed_sum
}

@test "op rms_norm" {
    ops_program rms_norm
}

@test "op layer_norm" {
    ops_program layer_norm
}

@test "op linear" {
    ops_program linear
}

@test "kernels for quantised weights" {
    ops_program quant
}

@test "op linear_add" {
    ops_program linear_add
}

@test "op norm_linears" {
    ops_program norm_linears
}

@test "op norm_gated" {
    ops_program norm_gated
}

@test "op conv" {
    ops_program conv
}

@test "op conv_snake" {
    ops_program conv_snake
}

@test "op dwconv" {
    ops_program dwconv
}

@test "op im2col" {
    ops_program im2col
}

@test "op snakebeta" {
    ops_program snakebeta
}

@test "op positions" {
    ops_program positions
}

@test "op advance" {
    ops_program advance
}

@test "op rope_table" {
    ops_program rope_table
}

@test "op rope" {
    ops_program rope
}

@test "op kv_write" {
    ops_program kv_write
}

@test "op attention" {
    ops_program attention
}

@test "op self_attention" {
    ops_program self_attention
}

@test "op attention_blocks" {
    ops_program attention_blocks
}

@test "op route" {
    ops_program route
}

@test "op moe_add" {
    ops_program moe_add
}

@test "op moe" {
    ops_program moe
}

@test "op sample" {
    ops_program sample
}

@test "op sample_embed" {
    ops_program sample_embed
}
