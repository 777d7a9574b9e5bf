#!/bin/sh
# On a machine with a GPU: are the kernels other than products right there, and how fast?
# usage: ops.sh [DEVICE]      after `make all test-programs`
set -eu
cd "$(dirname "$0")/../.."
build=${OMNI_BUILD:-build}
device=${1:-vulkan}
status=0
for op in copy add add_scaled add_gated silu_mul clamp embed embed_add embed_sum rms_norm layer_norm \
    snakebeta positions advance rope_table rope kv_write attention self_attention attention_blocks \
    route sample sample_embed; do
    "$build/tests/ops/$op" -d "$device" | grep -E '^(not ok|#)' || true
    "$build/tests/ops/$op" -d "$device" >/dev/null || { status=1 && echo "$op: failed"; }
done
for op in rms_norm layer_norm snakebeta silu_mul rope attention self_attention attention_blocks \
    route sample; do
    echo "== $op"
    "$build/tests/ops/$op" -d "$device" -b
done
exit $status
