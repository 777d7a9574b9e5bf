#!/usr/bin/env bats
# The programs of tests/ops on a Vulkan device: the best there is, in CI Mesa's software driver. The
# validation layer watches, unless OMNI_VULKAN_VALIDATE says no.

# Each compiles many kernels by one thread, so several run at a time, and before the first test.
setup_file() {
    load lib
    driver_leaks
    export OMNI_VULKAN_VALIDATE=${OMNI_VULKAN_VALIDATE-1} BUILD
    # shellcheck disable=SC2016 # for that shell
    sed -n 's/^    vulkan_program //p' "$BATS_TEST_FILENAME" |
        xargs -P "$(nproc)" -I NAME bash -c 'cd "$1"
            timeout 600 "$BUILD/tests/ops/NAME" -d vulkan >NAME.out 2>&1 3>&-
            echo $? >NAME.code' op "$BATS_FILE_TMPDIR"
}

vulkan_program() {
    cat "$BATS_FILE_TMPDIR/$1.out"
    [ "$(cat "$BATS_FILE_TMPDIR/$1.code")" = 0 ]
}

@test "op copy on vulkan" {
    vulkan_program copy
}

@test "op add on vulkan" {
    vulkan_program add
}

@test "op add_scaled on vulkan" {
    vulkan_program add_scaled
}

@test "op add_gated on vulkan" {
    vulkan_program add_gated
}

@test "op silu_mul on vulkan" {
    vulkan_program silu_mul
}

@test "op clamp on vulkan" {
    vulkan_program clamp
}

@test "op embed on vulkan" {
    vulkan_program embed
}

@test "op embed_add on vulkan" {
    vulkan_program embed_add
}

@test "op embed_sum on vulkan" {
    vulkan_program embed_sum
}

@test "op rms_norm on vulkan" {
    vulkan_program rms_norm
}

@test "op layer_norm on vulkan" {
    vulkan_program layer_norm
}

@test "op linear on vulkan" {
    vulkan_program linear
}

@test "op linear_add on vulkan" {
    vulkan_program linear_add
}

@test "op norm_linears on vulkan" {
    vulkan_program norm_linears
}

@test "op norm_gated on vulkan" {
    vulkan_program norm_gated
}

@test "op conv on vulkan" {
    vulkan_program conv
}

@test "op conv_snake on vulkan" {
    vulkan_program conv_snake
}

@test "op dwconv on vulkan" {
    vulkan_program dwconv
}

@test "op im2col on vulkan" {
    vulkan_program im2col
}

@test "op snakebeta on vulkan" {
    vulkan_program snakebeta
}

@test "op positions on vulkan" {
    vulkan_program positions
}

@test "op advance on vulkan" {
    vulkan_program advance
}

@test "op rope_table on vulkan" {
    vulkan_program rope_table
}

@test "op rope on vulkan" {
    vulkan_program rope
}

@test "op kv_write on vulkan" {
    vulkan_program kv_write
}

@test "op attention on vulkan" {
    vulkan_program attention
}

@test "op self_attention on vulkan" {
    vulkan_program self_attention
}

@test "op attention_blocks on vulkan" {
    vulkan_program attention_blocks
}

@test "op route on vulkan" {
    vulkan_program route
}

@test "op moe_add on vulkan" {
    vulkan_program moe_add
}

@test "op moe on vulkan" {
    vulkan_program moe
}

@test "op sample on vulkan" {
    vulkan_program sample
}

@test "op sample_embed on vulkan" {
    vulkan_program sample_embed
}
