#!/usr/bin/env python3
"""JSON lines in, a stream (man omni-stream.5) out: what tests feed to stages.

Each line is a frame's head. Three keys do not go into the head: `values`, the numbers of a tensor (dtype defaults to
i32, shape to one row, seq to the next; one number stands for all), `payload`, a string, and `hex`, bytes behind it.
A begin frame goes before, unless the first line is one, and an end frame behind, unless the last line is one. With
--part neither: what is piped on behind another part.
"""
import json
import math
import struct
import sys

CODES = {"f32": "f", "i32": "i", "u16": "H", "u8": "B", "bf16": "H", "f16": "e"}


def packed(value):
    """msgpack, always in the widest form."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return struct.pack(">BQ", 0xCF, value) if value >= 0 else struct.pack(">Bq", 0xD3, value)
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, str):
        return struct.pack(">BI", 0xDB, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return struct.pack(">BI", 0xDD, len(value)) + b"".join(map(packed, value))
    return struct.pack(">BI", 0xDF, len(value)) + b"".join(packed(k) + packed(v) for k, v in value.items())


def frame(head, payload=b""):
    head = packed(head)
    return struct.pack(">BBI", 0x93, 0xCE, len(head)) + head + struct.pack(">BI", 0xC6, len(payload)) + payload


def tensor(head, seqs):
    """Takes `values` out of a tensor's head, completes it; returns the payload."""
    values = head.pop("values")
    head.setdefault("dtype", "i32")
    if not isinstance(values, list):
        values = [values] * math.prod(head["shape"])
    head.setdefault("shape", [len(values)])
    key = head.get("turn"), head["name"]
    head.setdefault("seq", seqs.get(key, 0))
    seqs[key] = head["seq"] + 1
    return struct.pack(f"<{len(values)}{CODES[head['dtype']]}", *values)


def main():
    heads = [json.loads(line) for line in sys.stdin if line.strip()]
    whole = "--part" not in sys.argv
    if whole and (not heads or heads[0]["kind"] != "begin"):
        heads.insert(0, {"kind": "begin", "omni": 1, "producer": "test", "version": "0"})
    if whole and heads[-1]["kind"] != "end":
        heads.append({"kind": "end", "frames": len(heads)})
    seqs = {}
    for head in heads:
        payload = head.pop("payload", "").encode() + bytes.fromhex(head.pop("hex", ""))
        if "values" in head:
            payload = tensor(head, seqs)
        sys.stdout.buffer.write(frame(head, payload))


if __name__ == "__main__":
    main()
