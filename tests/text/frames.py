"""A stream of the frames on stdin: a line each, the head as JSON, a tab, the payload, in which
\\xHH, \\0, \\n and \\t stand for bytes.

    frames.py [--flush]         --flush: each frame leaves at once
"""

import json
import re
import struct
import sys

ESCAPES = {b"0": b"\0", b"n": b"\n", b"t": b"\t"}


def pack(value):
    """msgpack, always in the widest form."""
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xd3" + struct.pack(">q", value)
    if isinstance(value, str):
        return b"\xdb" + struct.pack(">I", len(value.encode())) + value.encode()
    if isinstance(value, list):
        return b"\xdc" + struct.pack(">H", len(value)) + b"".join(map(pack, value))
    pairs = b"".join(pack(k) + pack(v) for k, v in value.items())
    return b"\xde" + struct.pack(">H", len(value)) + pairs


def unescape(payload):
    def byte(match):
        what = match[1]
        return bytes([int(what[1:], 16)]) if what[:1] == b"x" else ESCAPES[what]

    return re.sub(rb"\\(x..|.)", byte, payload)


def write(head, payload=b""):
    data = pack(head)
    out = sys.stdout.buffer
    out.write(b"\x93\xce" + struct.pack(">I", len(data)) + data)
    out.write(b"\xc6" + struct.pack(">I", len(payload)) + payload)
    if "--flush" in sys.argv:
        out.flush()


write({"kind": "begin", "omni": 1, "producer": "test"})
count = 1
for line in sys.stdin.buffer:
    head, _, payload = line.rstrip(b"\n").partition(b"\t")
    write(json.loads(head), unescape(payload))
    count += 1
write({"kind": "end", "frames": count})
