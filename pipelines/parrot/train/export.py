"""The trained parts as a model directory that transformers and omni load.

    python3 export.py --state speech.pt --codec codec.pt MODEL

MODEL holds the tokenizer's files already. Weights are the averaged ones, as bf16. The talker's
sampling is calmer than the release's: a small model's unlikely codes are noise, not variety.
"""

import argparse
import json
import pathlib

import torch

import parrot

SAMPLING = {
    "talker_max_new_tokens": 1024,
    "talker_repetition_penalty": 1.0,
    "talker_temperature": 0.7,
    "talker_top_k": 20,
    "talker_top_p": 0.95,
}


def assemble(folder, state, codec):
    """transformers' model with all trained weights."""
    model, _ = parrot.build(folder)
    model.load_state_dict(state["average"])
    prefix = "code2wav."
    trained = {n[len(prefix) :]: t for n, t in codec["codec"].items() if n.startswith(prefix)}
    model.code2wav.load_state_dict(trained)
    return model


def write(model, folder):
    for module in model.modules():
        module.__dict__.pop("forward", None)  # the training's shortcut
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps(SAMPLING, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=pathlib.Path, required=True)
    parser.add_argument("--codec", type=pathlib.Path, required=True)
    parser.add_argument("model", type=pathlib.Path)
    options = parser.parse_args()
    state, codec = (
        torch.load(path, map_location="cpu", weights_only=True)
        for path in (options.state, options.codec)
    )
    write(assemble(options.model, state, codec), options.model)


if __name__ == "__main__":
    main()
