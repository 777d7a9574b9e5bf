#!/usr/bin/env bats
# The programs of tests/ops on a Vulkan device: the best there is, in CI Mesa's software driver. The
# validation layer watches, unless OMNI_VULKAN_VALIDATE says no.

setup() {
    load lib
}

vulkan_program() {
    OMNI_VULKAN_VALIDATE=${OMNI_VULKAN_VALIDATE-1} timeout 300 "$BUILD/tests/ops/$1" -d vulkan
}

@test "op copy on vulkan" {
    vulkan_program copy
}

@test "op add on vulkan" {
    vulkan_program add
}

@test "op rms_norm on vulkan" {
    vulkan_program rms_norm
}

@test "op linear on vulkan" {
    vulkan_program linear
}

@test "op linear_add on vulkan" {
    vulkan_program linear_add
}

@test "op conv on vulkan" {
    vulkan_program conv
}

@test "op dwconv on vulkan" {
    vulkan_program dwconv
}

@test "op im2col on vulkan" {
    vulkan_program im2col
}

@test "op moe_add on vulkan" {
    vulkan_program moe_add
}

@test "op advance on vulkan" {
    vulkan_program advance
}
