#!/bin/sh
# On a machine with a GPU: are the kernels of matrix products and experts right there, and how fast?
# usage: products.sh [DEVICE]      after `make all test-programs`, best with a GLSLANG that knows
#                                  GL_EXT_bfloat16, see Makefile
set -u
cd "$(dirname "$0")/../.." || exit
build=${OMNI_BUILD:-build}
device=${1:-vulkan}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
for op in linear linear_add norm_linears norm_gated conv conv_snake dwconv im2col moe_add moe; do
    "$build/tests/ops/$op" -d "$device" >"$log" 2>&1 || status=1
    echo "== $op: $(grep -c '^ok' "$log") right"
    grep -v '^ok' "$log"
done
for op in linear norm_linears norm_gated conv dwconv moe_add moe; do
    echo "== $op: speed"
    "$build/tests/ops/$op" -d "$device" -b
done
for op in linear conv moe_add; do
    echo "== $op: speed, precise"
    "$build/tests/ops/$op" -d "$device" -b -p
done
exit $status
