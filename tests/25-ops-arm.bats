#!/usr/bin/env bats
# The NEON kernels: the op tests built for 64-bit ARM and run by qemu. Where the machine is ARM,
# 20-ops.bats has run them already.

# Says why nothing can be run here, if so. Older bats count a skip in setup_file() as a failure.
missing() {
    local program
    [ "$(uname -m)" != aarch64 ] || echo "this is ARM"
    for program in aarch64-linux-gnu-gcc qemu-aarch64; do
        command -v "$program" >/dev/null || echo "no $program"
    done
}

setup_file() {
    load lib
    cd "$ROOT" || return
    ARM=$BUILD/aarch64
    export ARM
    [ -z "$(missing)" ] || return 0
    room=(common/base/{arena,die,err}.c common/wire/tensor.c common/weights/quant{,_fit}.c common/gpu/*.c common/ops/*.c
        common/ops/cpu/kernels.c)
    tests=(tests/ops/{linear,linear_add,conv,dwconv,attention,attention_blocks,moe_add,quant}.c)
    options=(-s -j2 B="$ARM" CC=aarch64-linux-gnu-gcc CFLAGS=-O2 LDFLAGS=-static stage_src=
        pkg_cflags="-idirafter /usr/include" pkg_libs="$ARM/vulkan.o -lm"
        library_src="${room[*]}" test_src="${tests[*]}")
    make "${options[@]}" "$ARM/libomni.a"
    # Of Vulkan the names are enough: the CPU calls none of it.
    aarch64-linux-gnu-nm "$ARM/libomni.a" | awk '$1 == "U" && $2 ~ /^vk/ { print $2 }' | sort -u |
        sed 's/.*/void &(void);\nvoid &(void) {\n    __builtin_trap();\n}/' |
        aarch64-linux-gnu-gcc -x c -c -o "$ARM/vulkan.o" -
    make "${options[@]}" test-programs
}

setup() {
    load lib
    local why
    why=$(missing | head -n 1)
    [ -z "$why" ] || skip "$why"
}

# The emulator is slow; a program that is stopped before its end fails.
arm_program() {
    timeout 600 qemu-aarch64 "$ARM/tests/ops/$1"
}

@test "kernels for quantised weights on ARM" {
    arm_program quant
}

@test "op linear on ARM" {
    arm_program linear
}

@test "op linear_add on ARM" {
    arm_program linear_add
}

@test "op conv on ARM" {
    arm_program conv
}

@test "op dwconv on ARM" {
    arm_program dwconv
}

@test "op attention on ARM" {
    arm_program attention
}

@test "op attention_blocks on ARM" {
    arm_program attention_blocks
}

@test "op moe_add on ARM" {
    arm_program moe_add
}
