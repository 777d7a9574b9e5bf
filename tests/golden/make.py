#!/usr/bin/env python3
"""Makes everything in this folder that is not a script: model directories, clips, streams,
`cases`, VERSIONS.

make.py            writes it
make.py --check    makes it again elsewhere and compares with what is here (floats within 1e-6)
"""

import argparse
import pathlib
import platform
import sys
import tempfile
import warnings

import numpy as np
import safetensors
import tokenizers
import torch
import transformers

import cases
import cases_text
import models
import wire
from bench import Bench

HERE = pathlib.Path(__file__).parent
MADE = ["tiny", "odd", "wav", "stream", "cases", "VERSIONS"]


def versions():
    """What made these files; recorded because random generators and kernels may change between
    versions."""
    lines = [f"seed {name} {seed}" for name, seed in models.SEEDS.items()]
    lines += [f"python {platform.python_version()}"]
    lines += [
        f"{module.__name__} {module.__version__}"
        for module in (torch, transformers, tokenizers, safetensors, np)
    ]
    return "\n".join(lines) + "\n"


def make(root):
    for folder in ("stream", "wav"):
        (root / folder).mkdir(exist_ok=True)
    cases_text.write_clips(root / "wav")
    lines = []
    for name in models.SEEDS:
        models.make(name, root / name)
        bench = Bench(name, models.load(root / name), root / name, root / "stream")
        cases.run(bench)
        lines += bench.lines
    (root / "cases").write_text("\n".join(lines) + "\n")
    (root / "VERSIONS").write_text(versions())


def differs(ours, theirs):
    """Why two files are not the same, or None. Streams may differ in float rounding."""
    if ours.read_bytes() == theirs.read_bytes():
        return None
    if ours.suffix in (".in", ".out"):
        mine, other = wire.tensors(ours), wire.tensors(theirs)
        heads = [
            [head for head, _ in wire.read(path) if head["kind"] != "begin"]
            for path in (ours, theirs)
        ]
        if heads[0] != heads[1]:
            return "frames"
        return next(
            (
                f"{key[1]} of turn {key[0]}"
                for key, rows in mine.items()
                if not np.allclose(rows, other[key], rtol=1e-6, atol=1e-6 * np.abs(rows).max())
            ),
            None,
        )
    return "bytes"


def check():
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        make(pathlib.Path(folder))
        names = {
            path.relative_to(root)
            for root in (HERE, pathlib.Path(folder))
            for made in MADE
            for path in [root / made, *(root / made).rglob("*")]
            if path.is_file()
        }
        for name in sorted(names):
            ours, theirs = HERE / name, pathlib.Path(folder) / name
            why = (
                differs(ours, theirs)
                if ours.exists() and theirs.exists()
                else "only one of the two"
            )
            if why:
                print(f"{name}: {why}")
                bad += 1
    print(f"{len(names)} files, {bad} differ")
    return bad > 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", message="Passing `repetition_penalty`")
    if options.check:
        sys.exit(check())
    make(HERE)


if __name__ == "__main__":
    main()
