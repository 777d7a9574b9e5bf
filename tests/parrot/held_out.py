"""The held-out sentences and how the teacher says them, for repeat.sh and score.py.

    python3 held_out.py text.jsonl SPEECH OUT     SPEECH: from synth.py --lines 100

OUT gets texts.txt, a sentence a line, and 0.wav, 1.wav, ... in that order.
"""

import json
import pathlib
import sys

import numpy as np
import soundfile

RATE = 24000


def utterances(folder):
    """{line of text.jsonl: samples i16}"""
    found = {}
    for path in sorted(folder.glob("[0-9]*[0-9].npz")):
        with np.load(path) as shard:
            pieces = np.split(shard["pcm"], shard["ends"][:-1])
            found.update(zip(shard["line"].tolist(), pieces, strict=True))
    return found


def main():
    text, speech, out = map(pathlib.Path, sys.argv[1:])
    lines = [json.loads(line) for line in text.open()]
    said = utterances(speech)
    out.mkdir(parents=True, exist_ok=True)
    chosen = [n for n, line in enumerate(lines) if line["split"] == "held-out"]
    (out / "texts.txt").write_text("".join(lines[n]["text"] + "\n" for n in chosen))
    for i, n in enumerate(chosen):
        soundfile.write(out / f"{i}.wav", said[n], RATE)


if __name__ == "__main__":
    main()
