"""All speech as codes.

    python3 encode.py --speech DIR --model MODEL --codec codec.pt OUT/codes.npz

OUT holds `codes` u8 [frames, 16], `places` u16 [frames], the character of the line that is spoken then,
`frames` of each utterance, the `line` of text.jsonl it says.
"""

import argparse
import pathlib

import numpy as np
import torch

import sizes
from codec import Codec
from corpus import Speech


@torch.no_grad()
def encode_all(codec, speech, batch=64):
    """u8 [frames, G], utterance after utterance. Utterances of like length go together."""
    rows = [None] * len(speech)
    for which in torch.argsort(speech.frames).split(batch):
        longest = int(speech.frames[which].max())
        sound, _ = speech.cut(which, torch.zeros_like(which), longest)
        codes = codec.encode(sound).transpose(1, 2).to(torch.uint8).cpu()
        for u, row in zip(which.tolist(), codes):
            rows[u] = row[: speech.frames[u]]
    return torch.cat(rows).numpy()


def write(codec, speech, path):
    codes = encode_all(codec, speech)
    np.savez(
        path,
        codes=codes,
        places=speech.places[:, 2],
        frames=speech.frames.numpy(),
        line=speech.line.numpy(),
    )
    used = [len(np.unique(column)) for column in codes.T]
    print(f"{len(codes)} frames, {len(speech)} utterances, entries used of each codebook: {used}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--speech", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--codec", type=pathlib.Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    speech = Speech(options.speech, options.device)
    codec = Codec(sizes.healthy_code2wav(sizes.config_from(options.model)))
    state = torch.load(options.codec, map_location="cpu", weights_only=True)
    codec.load_state_dict(state["codec"])
    write(codec.to(options.device), speech, options.out)


if __name__ == "__main__":
    main()
