"""The omni stream (man omni-stream.5) in Python: frames out, frames in.

A frame is a msgpack array of three: the head's length (always uint32), the head (a map) and the
payload (always bin32). The fixed widths are written by hand here, because a msgpack library picks
the shortest form.
"""

import struct

import msgpack
import numpy as np

DTYPES = {
    "f32": np.dtype("<f4"),
    "i32": np.dtype("<i4"),
    "u16": np.dtype("<u2"),
    "u8": np.dtype("u1"),
}


def fnv1a64(data):
    """FNV-1a, 64 bits, as 16 hex digits: the config hash of a begin frame."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return f"{value:016x}"


class Writer:
    """Writes one stream. `close` (or leaving the `with` block) adds the end frame."""

    def __init__(self, path, begin):
        self.file = open(path, "wb")
        self.count = 0
        self.seq = {}
        self.frame({"kind": "begin", "omni": 1, **begin})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.frame({"kind": "end", "frames": self.count})
        self.file.close()

    def frame(self, head, payload=b""):
        packed = msgpack.packb(head)
        self.file.write(b"\x93" + struct.pack(">BI", 0xCE, len(packed)) + packed)
        self.file.write(struct.pack(">BI", 0xC6, len(payload)) + payload)
        self.count += 1

    def turn(self, turn, again=False, **options):
        self.frame({"kind": "turn", "turn": turn, "continue": again, **options})

    def tensor(self, turn, name, values):
        """One tensor frame; `turn` None for what belongs to no turn. Integers go out as i32, the
        rest as f32."""
        values = np.asarray(values)
        dtype = "i32" if values.dtype.kind in "iu" else "f32"
        head = {"kind": "tensor"} if turn is None else {"kind": "tensor", "turn": turn}
        seq = self.seq.get((turn, name), 0)
        self.seq[turn, name] = seq + 1
        head.update(name=name, dtype=dtype, shape=list(values.shape), seq=seq)
        self.frame(head, np.ascontiguousarray(values, DTYPES[dtype]).tobytes())

    def text(self, turn, text):
        self.frame({"kind": "text", "turn": turn}, text.encode())

    def done(self, turn, reason, **counts):
        self.frame({"kind": "done", "turn": turn, "reason": reason, **counts})


def read(path):
    """Yields (head, payload) of every frame; a tensor's payload comes as an array."""
    with open(path, "rb") as file:
        while start := file.read(6):
            if len(start) != 6 or start[:2] != b"\x93\xce":
                raise ValueError(f"{path}: not a frame")
            head = msgpack.unpackb(file.read(struct.unpack(">I", start[2:])[0]))
            mark, length = struct.unpack(">BI", file.read(5))
            payload = file.read(length)
            if mark != 0xC6 or len(payload) != length:
                raise ValueError(f"{path}: payload cut short")
            if head["kind"] == "tensor":
                payload = np.frombuffer(payload, DTYPES[head["dtype"]]).reshape(head["shape"])
            yield head, payload


def tensors(path):
    """{(turn, name): rows concatenated} of a stream."""
    rows = {}
    for head, payload in read(path):
        if head["kind"] == "tensor":
            rows.setdefault((head.get("turn"), head["name"]), []).append(payload)
    return {key: np.concatenate(parts) for key, parts in rows.items()}
