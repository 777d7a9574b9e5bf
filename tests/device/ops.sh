#!/bin/sh
# On a machine with a GPU: are the kernels other than products right there, and how fast?
# usage: ops.sh [DEVICE]      after `make all test-programs`
set -eu
cd "$(dirname "$0")/../.."
build=${OMNI_BUILD:-build}
device=${1:-vulkan}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM
status=0
for op in copy add add_scaled add_gated silu_mul clamp embed embed_add embed_sum rms_norm layer_norm \
    snakebeta positions advance rope_table rope kv_write attention self_attention attention_blocks \
    route sample sample_embed; do
    "$build/tests/ops/$op" -d "$device" >"$log" 2>&1 || { status=1 && echo "$op: failed"; }
    grep -E '^(not ok|#)' "$log" || true
done
for op in rms_norm layer_norm snakebeta silu_mul rope attention self_attention attention_blocks \
    route sample; do
    echo "== $op"
    "$build/tests/ops/$op" -d "$device" -b
done
exit $status
