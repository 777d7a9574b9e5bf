#!/bin/sh
# On a machine with a GPU: are the kernels of matrix products and experts right there, and how fast?
# usage: products.sh [DEVICE]      after `make all test-programs`
set -eu
cd "$(dirname "$0")/../.."
build=${OMNI_BUILD:-build}
device=${1:-vulkan}
status=0
for op in linear linear_add conv dwconv im2col moe_add; do
    echo "== $op: test"
    "$build/tests/ops/$op" -d "$device" | grep -v '^ok' || true
    "$build/tests/ops/$op" -d "$device" >/dev/null || status=1
done
for op in linear conv dwconv moe_add; do
    echo "== $op: speed"
    "$build/tests/ops/$op" -d "$device" -b
done
exit $status
