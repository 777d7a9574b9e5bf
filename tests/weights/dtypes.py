#!/usr/bin/env python3
"""Writes the model directory OUT whose tensors hold the same six values in several dtypes:  dtypes.py OUT SHIFT
SHIFT blanks after the JSON header move the data away from its natural alignment."""
import json
import pathlib
import struct
import sys

VALUES = [0.0, 1.0, -2.5, 65504.0, 2.0**-24, float("inf")]


def bf16(x):
    return struct.pack("<f", x)[2:]


out, shift = pathlib.Path(sys.argv[1]), int(sys.argv[2])
tensors = {"f32": ("F32", b"".join(struct.pack("<f", x) for x in VALUES)),
           "f16": ("F16", b"".join(struct.pack("<e", x) for x in VALUES)),
           "bf16": ("BF16", b"".join(bf16(x) for x in VALUES)),
           "i64": ("I64", bytes(6 * 8)), "f4": ("F4", bytes(3)), "bool": ("BOOL", bytes(6))}
header, data = {"__metadata__": {"format": "pt"}, "none": {"dtype": "F32", "shape": [0, 6], "data_offsets": [0, 0]}}, b""
for name, (dtype, content) in tensors.items():
    header[name] = {"dtype": dtype, "shape": [2, 3], "data_offsets": [len(data), len(data) + len(content)]}
    data += content
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8 + shift)
out.mkdir(parents=True)
(out / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
