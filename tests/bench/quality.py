#!/usr/bin/env python3
"""quality.py [-n STEPS] thinker|talker|predictor MODEL TYPE...: what quantised types do to a component.

MODEL is a checkpoint with that component, for talker and predictor with both: tests/bench/random_model makes one of
the true sizes with random weights (fewer layers in the config do). omni-quantize makes it in each TYPE (bf16, q8_0,
q6_k, q5_k, q4_k, q4_0; of a thinker also q4_k_m), and each works greedily on random input:
    thinker     STEPS prompts, each one token longer than the one before; what comes next
    talker      STEPS / 4 turns of 4 frames; code 0 of each
    predictor   STEPS random states of a talker; the other codes of each
Each is compared with what the checkpoint as it is gives under --precise, as long as all that came before in the
frame or the turn is the same, so that both have seen the same: how many choices agree, and the mean Kullback-Leibler
divergence of the next choice's distribution in nats. The first line is the checkpoint without --precise, what else is
lost. $OMNI_BUILD: where the tools are; $OMNI_DEVICE as usual. Needs numpy."""
import argparse
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).parent.parent.parent
BUILD = pathlib.Path(os.environ.get("OMNI_BUILD", ROOT / "build"))
FRAMES = 4


def tool(name, *args, stdin=b""):
    return subprocess.run([BUILD / name, *map(str, args)], input=stdin, stdout=subprocess.PIPE, check=True).stdout


def stream(lines):
    text = "\n".join(map(json.dumps, lines)).encode()
    return subprocess.run([sys.executable, ROOT / "tests/stream.py"], input=text, stdout=subprocess.PIPE, check=True).stdout


def tensor(turn, name, values, dtype="i32"):
    values = np.asarray(values)
    shape = list(values.shape) if values.ndim == 2 else [len(values)]
    head = {"kind": "tensor", "name": name, "dtype": dtype, "shape": shape, "values": values.ravel().tolist()}
    return head if turn is None else head | {"turn": turn}


def logits_of(out, name):
    return np.load(io.BytesIO(tool("omni-inspect", "-x", name, "-", stdin=out))).astype(np.float64)


def heads_of(out):
    return map(json.loads, tool("omni-inspect", stdin=out).splitlines())


# Of each component: its input, and what comes out: a list of runs, each a list of steps (the choice, all that
# the next step of the run sees of it, the logits).

def thinker_input(config, n, rng):
    ids = rng.integers(0, 256, n + 8).tolist()
    for turn in range(n):
        yield {"kind": "turn", "turn": turn, "continue": False}
        yield tensor(turn, "prompt", ids[:8 + turn])
        yield {"kind": "done", "turn": turn}


def thinker(model, data, *options):
    out = tool("omni-thinker", "-m", model, "-n", 1, "--temp", 0, "--trace", "thinker.logits", *options, stdin=data)
    return [[(int(row.argmax()), None, row)] for row in logits_of(out, "thinker.logits")]


def talker_input(config, n, rng):
    width = config["talker_config"]["thinker_hidden_size"]
    prompt = [config["im_start_token_id"], config["user_token_id"], 198, *range(33), config["im_end_token_id"], 198,
              config["im_start_token_id"], config["assistant_token_id"], 198]
    yield tensor(None, "tts_embed", rng.normal(0, .5, (3, width)), "f32")
    for turn in range(-(-n // FRAMES)):
        yield {"kind": "turn", "turn": turn, "continue": False}
        yield tensor(turn, "prompt", prompt)
        yield tensor(turn, "rows", range(len(prompt)))
        yield tensor(turn, "thinker_embed", rng.normal(0, .5, (len(prompt), width)), "f32")
        for _ in range(FRAMES):
            yield tensor(turn, "thinker_embed", rng.normal(0, .5, (1, width)), "f32")
        yield {"kind": "done", "turn": turn, "reason": "stop"}


def talker(model, data, *options):
    out = tool("omni-talker", "-m", model, "-n", FRAMES, "--temp", 0, "--trace", "talker.logits", *options, stdin=data)
    logits, runs, row = logits_of(out, "talker.logits"), {}, -1
    for head in heads_of(out):
        row += head.get("name") == "talker.logits"
        if head.get("name") == "codes":
            codes = head["values"]
            runs.setdefault(head["turn"], []).append((codes[0], codes, logits[row]))
    return list(runs.values())


def predictor_input(config, n, rng):
    sizes = config["talker_config"]["code_predictor_config"]
    yield {"kind": "turn", "turn": 0, "continue": False}
    for _ in range(n):
        yield tensor(0, "talker_hidden", rng.normal(0, 1, (1, sizes["hidden_size"])).astype("<f4"), "f32")
        yield tensor(0, "code0", [int(rng.integers(sizes["vocab_size"]))])
    yield {"kind": "done", "turn": 0, "reason": "stop"}


def predictor(model, data, *options):
    out = tool("omni-codepred", "-m", model, "--temp", 0, "--trace", "codepred.logits", *options, stdin=data)
    codes = np.load(io.BytesIO(tool("omni-inspect", "-x", "codes", "-", stdin=out)))[:, 1:]
    logits = logits_of(out, "codepred.logits").reshape(*codes.shape, -1)
    return [[(c, c, row) for c, row in zip(*frame)] for frame in zip(codes.tolist(), logits)]


COMPONENTS = {"thinker": (thinker_input, thinker), "talker": (talker_input, talker),
              "predictor": (predictor_input, predictor)}


def log_softmax(x):
    x = x - x.max()
    return x - np.log(np.exp(x).sum())


def compare(want, got):
    """How many choices had the same before them, how many of those agree, and the mean divergence."""
    seen, same, divergence = 0, 0, 0.0
    for a, b in zip(want, got):
        for (choice_a, all_a, x), (choice_b, all_b, y) in zip(a, b):
            p, q = log_softmax(x), log_softmax(y)
            seen += 1
            same += choice_a == choice_b
            divergence += (np.exp(p) * (p - q)).sum()
            if all_a != all_b:
                break
    return seen, same, divergence / seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=32)
    parser.add_argument("component", choices=COMPONENTS)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("types", nargs="+")
    args = parser.parse_args()
    make, work = COMPONENTS[args.component]
    data = stream(make(json.loads((args.model / "config.json").read_text()), args.n, np.random.default_rng(1)))
    want = work(args.model, data, "--precise")
    print(f"{args.component:14} {'compared':>8} {'agree':>8} {'KL, nats':>10}")

    def row(name, got):
        seen, same, divergence = compare(want, got)
        print(f"{name:14} {seen:8} {same / seen:8.2%} {divergence:10.2e}", flush=True)

    row("as it is, fast", work(args.model, data))
    for kind in args.types:
        with tempfile.TemporaryDirectory() as out:
            tool("omni-quantize", "--force", f"--{args.component}={kind}", args.model, out)
            row(kind, work(pathlib.Path(out), data))


if __name__ == "__main__":
    main()
