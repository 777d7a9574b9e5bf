"""The trained parts as a model directory that transformers and omni load.

    python3 export.py --thinker thinker.pt --talker talker.pt --codec codec.pt [--gain DB] MODEL

MODEL holds the tokenizer's files already. Weights are the averaged ones, as bf16. The talker's
sampling is calmer than the release's: a small model's unlikely codes are noise, not variety. A codec's
sound is quieter than the teacher's: --gain makes it as loud.
"""

import argparse
import json
import pathlib

import torch

import parrot
from codes import load_code2wav

SAMPLING = {
    "talker_max_new_tokens": 1024,
    "talker_repetition_penalty": 1.0,
    "talker_temperature": 0.7,
    "talker_top_k": 20,
    "talker_top_p": 0.95,
}


def averaged(folder, thinker, talker):
    """transformers' model with the averaged weights of these two states."""
    model, _ = parrot.build(folder, thinker)
    for part, path in ((model.thinker, thinker), (model.talker, talker)):
        part.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["average"])
    return model


def assemble(folder, thinker, talker, codec):
    """The same with all trained weights."""
    model = averaged(folder, thinker, talker)
    load_code2wav(model, codec)
    return model


def amplify(model, decibels):
    """The last convolution makes the sound."""
    conv = model.code2wav.decoder[-1].conv
    for parameter in (conv.weight, conv.bias):
        parameter.data *= 10 ** (decibels / 20)


def write(model, folder):
    for module in model.modules():
        module.__dict__.pop("forward", None)  # the training's shortcut
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps(SAMPLING, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser()
    for name in ("--thinker", "--talker", "--codec"):
        parser.add_argument(name, type=pathlib.Path, required=True)
    parser.add_argument("--gain", type=float, default=0.0, help="decibels")
    parser.add_argument("model", type=pathlib.Path)
    options = parser.parse_args()
    model = assemble(options.model, options.thinker, options.talker, options.codec)
    amplify(model, options.gain)
    write(model, options.model)


if __name__ == "__main__":
    main()
