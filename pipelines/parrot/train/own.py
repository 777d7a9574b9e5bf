"""Parrot's own voice as codes, for its ears to learn from: lines of the text as the tools say them.

    python3 own.py --text text.jsonl --model MODEL --lines 20000 OUT/own.npz      needs the tools in PATH

The lines are repeated, as listeners hear them: omni-tokenize -l | omni-thinker | omni-talker, on cores, with the
model's own sampling; the held-out ones too, to judge by. OUT is as encode.py writes it, without places (nobody knows
them): of the lines that the thinker repeats exactly. An hour of speech takes a core two to four minutes.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import numpy as np

from text import N_HELD_OUT, read

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tests/golden"))
import wire

CHUNK = 200  # lines that a pipe says
MOST = 600  # frames of a line


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--lines", type=int, default=20000, help="beside the held-out ones")
    parser.add_argument("--minutes", type=float, default=30, help="no pipe is begun after them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="pipes at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="an own.npz of before, which stays but for what is held out")
    parser.add_argument("out", type=pathlib.Path)
    return parser.parse_args()


def pipe(model, seed, folder, lines):
    """Runs the tools; said.json and codes are in `folder` afterwards."""
    command = f"""
        omni-tokenize -l | omni-thinker -d cpu -j 1 -n 300 >"$0/answers"
        omni-detokenize --json <"$0/answers" >"$0/said.json"
        omni-talker -d cpu -j 1 -n {MOST} -s {seed} <"$0/answers" >"$0/codes"
    """
    environment = {**os.environ, "OMNI_MODEL": str(model)}
    text = "".join(line + "\n" for line in lines)
    subprocess.run(["sh", "-ec", command, folder], input=text.encode(), env=environment, check=True)


def turns(path):
    """{turn: codes [F, 16]} of a stream, of the turns that ended by themselves."""
    ended = {head["turn"] for head, _ in wire.read(path) if head["kind"] == "done" and head["reason"] == "stop"}
    return {turn: rows for (turn, name), rows in wire.tensors(path).items() if name == "codes" and turn in ended}


def say(model, seed, texts, chosen):
    """[(line, codes u8 [F, 16])] of the chosen lines that are repeated exactly."""
    with tempfile.TemporaryDirectory() as folder:
        pipe(model, seed, folder, [texts[line] for line in chosen])
        codes = turns(pathlib.Path(folder, "codes"))
        said = [json.loads(line).get("text", "") for line in pathlib.Path(folder, "said.json").open()]
    same = [turn for turn in codes if said[turn].strip() == texts[chosen[turn]]]
    return [(chosen[turn], codes[turn].astype(np.uint8)) for turn in same]


def taught(path):
    """What is in such a file of lines that are not held out."""
    with np.load(path) as stored:
        codes, frames, line = (stored[name] for name in ("codes", "frames", "line"))
    there = line >= N_HELD_OUT
    return {"codes": codes[np.repeat(there, frames)], "frames": frames[there], "line": line[there]}


def main():
    options = arguments()
    texts = [line["text"] for line in read(options.text)]
    random_ = random.Random(options.seed)
    lines = [*range(N_HELD_OUT), *random_.sample(range(N_HELD_OUT, len(texts)), options.lines)]
    chunks = [lines[i : i + CHUNK] for i in range(0, len(lines), CHUNK)]
    end, model = time.time() + 60 * options.minutes, options.model.resolve()

    def one(number):
        late = time.time() > end
        return [] if late else say(model, options.seed * 100003 + number, texts, chunks[number])

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pipes:
        rows = [row for some in pipes.map(one, range(len(chunks))) for row in some]
    found = {
        "codes": np.concatenate([row for _, row in rows]),
        "frames": np.array([len(row) for _, row in rows]),
        "line": np.array([line for line, _ in rows]),
    }
    codes = len(found["codes"])
    if options.keep:
        found = {name: np.concatenate([found[name], x]) for name, x in taught(options.keep).items()}
    np.savez_compressed(options.out, places=np.zeros(len(found["codes"]), np.uint16), **found)
    print(f"{len(rows)} lines, {codes / 12.5 / 3600:.2f} hours", flush=True)


if __name__ == "__main__":
    main()
