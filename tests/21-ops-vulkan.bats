#!/usr/bin/env bats
# The programs of tests/ops on a Vulkan device: the first there is, in CI Mesa's software driver.

setup() {
    load lib
}

vulkan_program() {
    timeout 300 "$BUILD/tests/ops/$1" -d vulkan
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

@test "op advance on vulkan" {
    vulkan_program advance
}
