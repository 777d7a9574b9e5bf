#!/usr/bin/env python3
"""Blocks of quantised weights, compared with what PyPI's gguf makes of them.

quant.py PROGRAM        random blocks of every type through tests/weights/quant: the same bits as
                        gguf's, both ways for q8_0 and q4_0. Exits 77 where there is no gguf.
quant.py --golden       prints quant.golden: blocks and the hash of their numbers as gguf has them.
"""
import hashlib
import subprocess
import sys

BLOCKS = 512
# Where the binary16 numbers of a block are, and how long it is.
HALVES = {"q8_0": ((0,), 34), "q4_0": ((0,), 18), "q4_K": ((0, 2), 144), "q5_K": ((0, 2), 176), "q6_K": ((208,), 210)}


def imports():
    sys.path.pop(0)  # this directory has a gguf.py of its own
    try:
        import gguf
        import numpy
    except ImportError:
        sys.exit(77)
    return gguf, numpy


def random_blocks(np, rng, name, n):
    """Any bytes are a block, but its scales must be finite."""
    halves, size = HALVES[name]
    blocks = rng.integers(0, 256, (n, size), dtype=np.uint8)
    for at in halves:
        blocks[:, at : at + 2] = rng.normal(0, 0.01, n).astype(np.float16).view(np.uint8).reshape(n, 2)
    blocks[0, halves[0] : halves[0] + 2] = (1, 0)  # a subnormal
    blocks[-1, halves[0] : halves[0] + 2] = (0, 0x80)  # -0
    return blocks


def widened(gguf, name, blocks):
    kind = getattr(gguf.GGMLQuantizationType, name.upper().replace("_k", "_K"))
    return gguf.quants.dequantize(blocks, kind).astype("<f4").tobytes()


def through(program, way, name, data):
    return subprocess.run([program, way, name], input=data, stdout=subprocess.PIPE, check=True).stdout


def compare(program):
    gguf, np = imports()
    rng = np.random.default_rng(1)
    wrong = 0

    def expect(what, got, want):
        nonlocal wrong
        print(what, "same bits" if got == want else "DIFFERS")
        wrong += got != want

    for name in HALVES:
        blocks = random_blocks(np, rng, name, BLOCKS)
        expect(f"widen {name}", through(program, "widen", name, blocks.tobytes()), widened(gguf, name, blocks))
    x = rng.normal(0, 1, (BLOCKS, 256)).astype(np.float32) * np.exp(rng.normal(0, 3, (BLOCKS, 1))).astype(np.float32)
    x[0] = 0
    x[1, ::2] = 0.5
    x[2] = np.float32(1e-30)
    for name in ("q8_0", "q4_0"):
        want = gguf.quants.quantize(x, getattr(gguf.GGMLQuantizationType, name.upper()))
        expect(f"narrow {name}", through(program, "narrow", name, x.tobytes()), want.tobytes())
    for name in ("f16", "bf16"):
        want = gguf.quants.quantize(x, getattr(gguf.GGMLQuantizationType, name.upper()))
        expect(f"narrow {name}", through(program, "narrow", name, x.tobytes()), want.tobytes())
    sys.exit(wrong > 0)


def golden():
    gguf, np = imports()
    rng = np.random.default_rng(2)
    for name in HALVES:
        blocks = random_blocks(np, rng, name, 2)
        digest = hashlib.sha256(widened(gguf, name, blocks)).hexdigest()
        print(name, blocks.tobytes().hex(), digest)


if __name__ == "__main__":
    golden() if sys.argv[1] == "--golden" else compare(sys.argv[1])
