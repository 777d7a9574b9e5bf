#!/usr/bin/env python3
"""Makes hostile streams, for any program that reads one (see every_hostile in lib.bash).

  hostile.py OUT                     streams whose frames are broken
  hostile.py OUT NAME DTYPE SIZE...  whole streams whose turn 0 has a bad tensor NAME; DTYPE and SIZE... are what
                                     the program expects

Each becomes a file OUT/CASE, and a line "CASE<tab>exit code" on stdout: 76, the stream broke its protocol, or
65, a bad value in the data.
"""
import itertools
import pathlib
import struct
import sys

from stream import packed as pack

DTYPE_SIZES = {"f32": 4, "bf16": 2, "f16": 2, "i32": 4, "u16": 2, "u8": 1}


def raw(head, payload=b"", head_len=None, payload_len=None, mark=0xC6):
    """A frame around head bytes, with lengths that may lie."""
    head_len = len(head) if head_len is None else head_len
    payload_len = len(payload) if payload_len is None else payload_len
    return struct.pack(">BBI", 0x93, 0xCE, head_len) + head + struct.pack(">BI", mark, payload_len) + payload


def frame(payload=b"", **head):
    return raw(pack(head), payload)


BEGIN = frame(kind="begin", omni=1, producer="hostile", version="0")
TURN = frame(kind="turn", turn=0, **{"continue": False})


def tensor(payload=b"", **changes):
    """A tensor frame of four bytes, changed."""
    head = {"kind": "tensor", "turn": 0, "name": "x", "dtype": "u8", "shape": [4], "seq": 0}
    head.update(changes)
    return frame(payload or bytes(4), **{k: v for k, v in head.items() if v is not ...})


def frames():
    """case, exit code, the bytes after begin and turn"""
    good = pack({"kind": "note", "turn": 0})
    yield "text", 76, b"Hello, world. This is no stream.\n"
    yield "wav", 76, b"RIFF\xff\xff\xff\xffWAVEfmt "
    yield "zeros", 76, bytes(64)
    yield "array-of-two", 76, b"\x92" + raw(good)[1:]
    yield "length-narrow", 76, b"\x93\xcd" + struct.pack(">H", len(good)) + good + b"\xc6\0\0\0\0"
    yield "length-signed", 76, b"\x93\xd2" + raw(good)[2:]
    yield "head-empty", 76, raw(b"")
    yield "head-over-limit", 76, raw(pack({"kind": "note", "x": "x" * 65536}))
    yield "head-all-ones", 76, raw(good, head_len=2**32 - 1)
    yield "head-longer", 76, raw(good, head_len=len(good) + 5)
    yield "head-shorter", 76, raw(good, head_len=len(good) - 1)
    yield "head-two-values", 76, raw(good + b"\xc0")
    yield "head-array", 76, raw(pack(["kind", "note"]))
    yield "head-string", 76, raw(pack("note"))
    yield "head-number", 76, raw(b"\x07")
    yield "head-never-used-byte", 76, raw(b"\xc1" * 8)
    yield "head-half-a-map", 76, raw(b"\x83" + good[5:])
    yield "head-map-of-4g", 76, raw(b"\xdf\xff\xff\xff\xff" + good[5:])
    yield "head-array-of-4g", 76, raw(b"\x81\xa1x\xdd\xff\xff\xff\xff")
    yield "head-array-of-16m", 76, raw(b"\x81\xa1x\xdd\x01\x00\x00\x00")
    yield "head-string-of-4g", 76, raw(b"\x81\xa4kind\xdb\xff\xff\xff\xff")
    yield "head-bytes-of-4g", 76, raw(b"\x81\xa1x\xc6\xff\xff\xff\xff")
    yield "head-extension-of-4g", 76, raw(b"\x81\xa1x\xc9\xff\xff\xff\xff\x01")
    yield "head-deep-arrays", 76, raw(b"\x81\xa1x" + b"\x91" * 65000)
    yield "head-deep-maps", 76, raw(b"\x81\xa1x" * 20000)
    yield "no-kind", 76, frame(turn=0)
    yield "no-keys", 76, raw(b"\x80")
    yield "kind-by-number", 76, raw(b"\x81\x01\xa4note")
    for name, turn in ("negative", -1), ("huge", 2**64 - 1), ("string", "0"), ("real", 0.5), ("null", None):
        yield "turn-" + name, 76, frame(kind="note", turn=turn)
    yield "payload-no-bytes", 76, raw(good, mark=0xDB)
    yield "payload-narrow", 76, raw(good)[:-5] + b"\xc4\x00"
    yield "payload-missing", 76, raw(good)[:-5]
    yield "payload-over-limit", 76, raw(pack({"kind": "text", "turn": 0}), payload_len=2**30 + 1)
    yield "payload-all-ones", 76, raw(pack({"kind": "text", "turn": 0}), payload_len=2**32 - 1)
    yield "payload-promised", 76, raw(pack({"kind": "text", "turn": 0}), b"abc", payload_len=2**30)
    yield "tensor-no-name", 65, tensor(name=...)
    yield "tensor-name-empty", 65, tensor(name="")
    yield "tensor-name-long", 65, tensor(name="x" * 128)
    yield "tensor-name-nul", 65, tensor(name="a\0b")
    yield "tensor-name-number", 65, tensor(name=7)
    yield "tensor-no-dtype", 65, tensor(dtype=...)
    yield "tensor-dtype-unknown", 65, tensor(dtype="f64")
    yield "tensor-dtype-long", 65, tensor(dtype="f" * 500)
    yield "tensor-dtype-number", 65, tensor(dtype=0)
    yield "tensor-dtype-other", 65, tensor(dtype="f32")
    yield "tensor-no-shape", 65, tensor(shape=...)
    yield "tensor-shape-number", 65, tensor(shape=4)
    yield "tensor-shape-map", 65, tensor(shape={})
    yield "tensor-shape-negative", 65, tensor(shape=[-4])
    yield "tensor-shape-real", 65, tensor(shape=[4.0])
    yield "tensor-shape-strings", 65, tensor(shape=["4"])
    yield "tensor-shape-short", 65, tensor(shape=[3])
    yield "tensor-shape-long", 65, tensor(shape=[5])
    yield "tensor-shape-rank-9", 65, tensor(shape=[4] + [1] * 8)
    yield "tensor-shape-overflow", 65, tensor(shape=[2**32, 2**32])
    yield "tensor-shape-overflow-to-4", 65, tensor(shape=[2**63 + 2, 2], dtype="u8")
    yield "tensor-shape-bytes-overflow", 65, tensor(shape=[2**62 + 1], dtype="f32")
    yield "tensor-shape-huge", 65, tensor(shape=[2**64 - 1])


def starts():
    """case, exit code, the whole file"""
    yield "nothing", 76, b""
    yield "no-begin", 76, TURN
    yield "begin-of-version-2", 76, frame(kind="begin", omni=2)
    yield "begin-without-version", 76, frame(kind="begin")
    yield "two-begins", 76, BEGIN + BEGIN
    yield "no-end", 76, BEGIN + TURN
    yield "turn-again", 76, BEGIN + TURN + TURN
    yield "turn-back", 76, BEGIN + frame(kind="turn", turn=5) + TURN
    yield "end-miscounts", 76, BEGIN + frame(kind="end", frames=7)
    yield "end-without-count", 76, BEGIN + frame(kind="end")


def tensors(name, dtype, sizes):
    """Whole streams with one bad tensor: case, exit code, the whole file."""
    size = DTYPE_SIZES[dtype]
    other = next(d for d in DTYPE_SIZES if d != dtype and DTYPE_SIZES[d] == size) if size > 1 else "u16"

    def stream(shape, kind=dtype, fill=b"\0"):
        count = DTYPE_SIZES[kind]
        for n in shape:
            count *= n
        body = frame((fill * count)[:count], kind="tensor", turn=0, name=name, dtype=kind, shape=shape, seq=0)
        return BEGIN + TURN + body + frame(kind="done", turn=0, reason="stop") + frame(kind="end", frames=4)

    yield "dtype", 65, stream(sizes, other)
    yield "one-dimension-more", 65, stream(sizes + [2])
    yield "no-dimension", 65, stream([])
    if len(sizes) > 1:
        yield "one-dimension-less", 65, stream(sizes[:-1])
        yield "wider", 65, stream(sizes[:-1] + [sizes[-1] + 1])
        yield "no-columns", 65, stream(sizes[:-1] + [0])
    if dtype == "i32":
        yield "ids-negative", 65, stream(sizes, fill=b"\xff")
        yield "ids-huge", 65, stream(sizes, fill=b"\xff\xff\xff\x7f")


def main(out, *expected):
    out.mkdir(parents=True, exist_ok=True)
    if expected:
        cases = tensors(expected[0], expected[1], [int(n) for n in expected[2:]])
    else:
        cases = itertools.chain(starts(), ((c, code, BEGIN + TURN + data) for c, code, data in frames()))
    for case, code, data in cases:
        (out / case).write_bytes(data)
        print(case, code, sep="\t")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
