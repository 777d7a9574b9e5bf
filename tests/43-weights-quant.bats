#!/usr/bin/env bats
# Types of weights: the numbers that blocks stand for are ggml's, and blocks made here are as near
# to their numbers as ggml's.

setup() {
    load lib
    Q=$BUILD/tests/weights/quant
    T=$BATS_TEST_TMPDIR
}

# bytes HEX: as they are.
bytes() {
    python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))' "$1"
}

@test "blocks of every type stand for the numbers that gguf has for them" {
    local name hex hash n=0
    while read -r name hex hash; do
        bytes "$hex" | "$Q" widen "$name" | sha256sum >"$T/hash"
        echo "$name: want $hash, got $(cat "$T/hash")"
        [ "$(cut -d ' ' -f 1 "$T/hash")" = "$hash" ]
        n=$((n + 1))
    done <"$ROOT/tests/weights/quant.golden"
    [ "$n" -eq 5 ]
}

@test "random blocks are gguf's bit for bit; q8_0 and q4_0 both ways" {
    local python code=0
    python=$(command -v "${OMNI_PYTHON:-python3}")
    PYTHONDONTWRITEBYTECODE=1 "$python" "$ROOT/tests/weights/quant.py" "$Q" || code=$?
    [ "$code" -ne 77 ] || skip "no python with gguf (see OMNI_PYTHON)"
    [ "$code" -eq 0 ]
}

@test "all of binary16 is read and written exactly" {
    python3 -c '
import struct, sys
sys.stdout.buffer.write(struct.pack("<65536H", *range(65536)))' >"$T/halves"
    "$Q" widen f16 <"$T/halves" >"$T/wide"
    "$Q" narrow f16 <"$T/wide" >"$T/again"
    python3 - "$T/halves" "$T/wide" "$T/again" <<'EOF'
import struct, sys
halves, wide, again = (open(f, "rb").read() for f in sys.argv[1:])
for i, (want, got, h) in enumerate(zip(struct.unpack("<65536e", halves), struct.unpack("<65536f", wide), struct.unpack("<65536H", again))):
    assert got == want or want != want and got != got, (i, want, got)
    assert h == i or want != want, (i, h)
EOF
    python3 - "$Q" <<'EOF'
import random, struct, subprocess, sys
random.seed(1)
x = [random.uniform(-1, 1) * 10.0 ** random.uniform(-9, 4.8) for _ in range(65536)]
x[:4] = [1 + 2.0**-11, 1 + 3 * 2.0**-11, 2.0**-25, 3 * 2.0**-25]
x = struct.unpack("<65536f", struct.pack("<65536f", *x))
got = subprocess.run([sys.argv[1], "narrow", "f16"], input=struct.pack("<65536f", *x), stdout=-1, check=True).stdout
want = struct.pack("<65536e", *x)
assert got == want
EOF
}

# error TYPE MOST COSINE: of normal random numbers.
error() {
    local mse cosine
    read -r mse cosine <<<"$("$Q" error "$1")"
    echo "$1: mse $mse, at most $2; cosine $cosine, at least $3"
    python3 -c 'import sys; a = [float(v) for v in sys.argv[1:]]; sys.exit(not (a[0] <= a[1] and a[2] >= a[3]))' \
        "$mse" "$2" "$cosine" "$3"
}

# The bounds of q4_K, q5_K and q6_K are what ggml's own quantiser makes of the same numbers (version
# 0.25.3, ggml_quantize_chunk() without importances).
@test "stored numbers are near enough" {
    error q8_0 3.5e-5 0.999
    error q4_0 7.5e-3 0.996
    error q4_K 5.074e-3 0.99745
    error q5_K 1.306e-3 0.99934
    error q6_K 3.147e-4 0.99984
    error bf16 3e-6 0.99999
    error f16 5e-8 0.99999
}
