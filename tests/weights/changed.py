"""changed.py FROM OUT drop|f32 NAME...: the checkpoint FROM, bf16 in one file, without these tensors, or with them
as f32."""

import json
import pathlib
import shutil
import struct
import sys

source, out, how, names = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], set(sys.argv[4:])
raw = (source / "model.safetensors").read_bytes()
length = struct.unpack("<Q", raw[:8])[0]
head, data = {}, b""
for name, t in json.loads(raw[8:8 + length]).items():
    if name == "__metadata__" or (name in names and how == "drop"):
        continue
    begin, end = (8 + length + x for x in t["data_offsets"])
    numbers = raw[begin:end]
    if name in names:
        t["dtype"], numbers = "F32", b"".join(b"\0\0" + numbers[i:i + 2] for i in range(0, len(numbers), 2))
    head[name] = t | {"data_offsets": [len(data), len(data) + len(numbers)]}
    data += numbers
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
out.mkdir()
for file in source.iterdir():
    if file.name != "model.safetensors":
        shutil.copy(file, out)
(out / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
