#!/bin/sh
# Quantised weights on a GPU: are the kernels right there, how fast are they, and the thinker of the released
# size. Its files are holes (tests/weights/sparse.py) in which tests/preload/hollow.c finds random bytes.
# usage: quantised.sh [DEVICE [TYPE...]]      after `make all test-programs`
# TYPEs: of the thinker (default: q8_0 q4_k q4_k_m).
set -eu
cd "$(dirname "$0")/../.."
build=$(realpath "${OMNI_BUILD:-build}")
device=${1:-vulkan}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- q8_0 q4_k q4_k_m
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
status=0

for op in embed embed_add embed_sum sample_embed linear linear_add norm_linears norm_gated moe_add moe; do
    "$build/tests/ops/$op" -d "$device" >"$tmp/log" 2>&1 || status=1
    echo "== $op: $(grep -c '^ok' "$tmp/log") right"
    grep -v '^ok' "$tmp/log" || true
done

echo "== speed"
for op in linear norm_linears moe moe_add; do
    "$build/tests/ops/$op" -d "$device" -b -s 0.2 | grep -E ' (bf16|q[0-9]_[0K]) \[(4096|2048|152064|768)'
done

python3 - <<'END' | python3 tests/stream.py >"$tmp/prompts"
import json
import random

for turn in range(2):
    ids = [random.randrange(150000) for _ in range(512)]
    print(json.dumps(dict(kind="turn", turn=turn)))
    print(json.dumps(dict(kind="tensor", turn=turn, name="prompt", dtype="i32", shape=[512], values=ids)))
    print(json.dumps(dict(kind="done", turn=turn, reason="stop")))
END
for type in "$@"; do
    echo "== thinker in $type: prompts of 512 tokens, 128 tokens each, twice"
    BUILD=$build python3 tests/weights/sparse.py "$tmp/$type" '{}' thinker gguf "$type"
    LD_PRELOAD=$build/tests/preload/hollow.so \
        "$build/omni-thinker" -m "$tmp/$type/thinker.gguf" -d "$device" -v -n 128 <"$tmp/prompts" >/dev/null
done
exit $status
