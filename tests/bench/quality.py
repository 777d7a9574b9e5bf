#!/usr/bin/env python3
"""quality.py [-n FRAMES] MODEL TYPE...: what quantised types do to the code predictor.

MODEL is a checkpoint with talker and code predictor: tests/bench/random_model makes one of the true sizes with
random weights (in the config one talker layer is enough). omni-quantize makes it in each TYPE (bf16, q8_0,
q6_k, q5_k, q4_k, q4_0), and omni-codepred predicts the
codes of FRAMES random talker states with it, greedily. Each is compared with what the checkpoint as it is
gives under --precise, code by code as long as the codes before it in the frame are the same, so that both
have seen the same: how many codes agree, and the mean Kullback-Leibler divergence of the next code's
distribution in nats. The first line is the checkpoint without --precise, what else is lost.
$OMNI_BUILD: where the tools are; $OMNI_DEVICE as usual. Needs numpy."""
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


def tool(name, *args, stdin=b""):
    return subprocess.run([BUILD / name, *map(str, args)], input=stdin, stdout=subprocess.PIPE, check=True).stdout


def states(config, frames):
    """A stream of random talker states and first codes."""
    predictor = config["talker_config"]["code_predictor_config"]
    rng = np.random.default_rng(1)
    lines = [{"kind": "turn", "turn": 0, "continue": False}]
    for _ in range(frames):
        hidden = rng.normal(0, 1, predictor["hidden_size"]).astype("<f4")
        lines.append({"kind": "tensor", "turn": 0, "name": "talker_hidden", "dtype": "f32",
                      "shape": [1, len(hidden)], "values": hidden.tolist()})
        lines.append({"kind": "tensor", "turn": 0, "name": "code0", "values": [int(rng.integers(predictor["vocab_size"]))]})
    lines.append({"kind": "done", "turn": 0, "reason": "stop"})
    text = "\n".join(map(json.dumps, lines)).encode()
    return subprocess.run([sys.executable, ROOT / "tests/stream.py"], input=text, stdout=subprocess.PIPE, check=True).stdout


def predict(model, stream, *options):
    """Codes [F, G - 1] and the logits [F, G - 1, V] that they were drawn from."""
    out = tool("omni-codepred", "-m", model, "--temp", 0, "--trace", "codepred.logits", *options, stdin=stream)
    codes, logits = (np.load(io.BytesIO(tool("omni-inspect", "-x", name, "-", stdin=out)))
                     for name in ("codes", "codepred.logits"))
    codes = codes[:, 1:]
    return codes, logits.reshape(*codes.shape, -1).astype(np.float64)


def log_softmax(x):
    x = x - x.max()
    return x - np.log(np.exp(x).sum())


def compare(want, got):
    """How many codes had the same before them, how many of those agree, and the mean divergence."""
    seen, same, divergence = 0, 0, 0.0
    for codes_a, codes_b, logits_a, logits_b in zip(want[0], got[0], want[1], got[1]):
        for a, b, x, y in zip(codes_a, codes_b, logits_a, logits_b):
            p, q = log_softmax(x), log_softmax(y)
            seen += 1
            same += a == b
            divergence += (np.exp(p) * (p - q)).sum()
            if a != b:
                break
    return seen, same, divergence / seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=32)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("types", nargs="+")
    args = parser.parse_args()
    stream = states(json.loads((args.model / "config.json").read_text()), args.n)
    want = predict(args.model, stream, "--precise")
    print(f"{'type':14} {'compared':>8} {'agree':>8} {'KL, nats':>10}")

    def row(name, got):
        seen, same, divergence = compare(want, got)
        print(f"{name:14} {seen:8} {same / seen:8.2%} {divergence:10.2e}", flush=True)

    row("as it is, fast", predict(args.model, stream))
    for kind in args.types:
        with tempfile.TemporaryDirectory() as out:
            tool("omni-quantize", "--force", f"--predictor={kind}", args.model, out)
            row(kind, predict(out, stream))


if __name__ == "__main__":
    main()
