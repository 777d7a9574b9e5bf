"""What `omni-encode-audio --jsonl` sends for lines "N JSON", for frames.py: turn, a clip of N rows,
a note, the message, done."""

import json
import sys

WIDTH = 64  # D of the tiny model


def frame(head, payload=""):
    print(json.dumps(head), payload, sep="\t")


for turn, line in enumerate(sys.stdin):
    rows, message = line.rstrip("\n").split(" ", 1)
    frame({"kind": "turn", "turn": turn, "continue": False})
    if int(rows):
        shape = [int(rows), WIDTH]
        head = {"kind": "tensor", "turn": turn, "name": "audio_embeds", "dtype": "f32", "seq": 0}
        frame({**head, "shape": shape}, "\\0" * (4 * shape[0] * shape[1]))
    frame({"kind": "note", "turn": turn, "from": "test"})
    frame({"kind": "message", "turn": turn}, message)
    frame({"kind": "done", "turn": turn, "reason": "stop", "rows": int(rows)})
