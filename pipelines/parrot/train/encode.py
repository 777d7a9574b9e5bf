"""All speech as codes.

    python3 encode.py --speech DIR --model MODEL --codec codec.pt OUT/codes.npz       or with torchrun on several GPUs

OUT holds `codes` u8 [frames, 16], `places` u16 [frames], the character of the line that is spoken then,
`frames` of each utterance, the `line` of text.jsonl it says.
"""

import argparse
import pathlib

import numpy as np
import torch

import sizes
import world
from codec import Codec
from corpus import Speech


@torch.no_grad()
def encode_some(codec, speech, mine, batch=64):
    """What codes.npz holds of the utterances `mine` (tensor). Utterances of like length go together."""
    rows = {}
    for which in mine[torch.argsort(speech.frames[mine])].split(batch):
        longest = int(speech.frames[which].max())
        sound, _ = speech.cut(which, torch.zeros_like(which), longest)
        codes = codec.encode(sound).transpose(1, 2).to(torch.uint8).cpu()
        for u, row in zip(which.tolist(), codes):
            rows[u] = row[: speech.frames[u]].numpy()
    at = [int(speech.start[u]) + np.arange(int(speech.frames[u])) for u in mine]
    return {
        "codes": np.concatenate([rows[u] for u in mine.tolist()]),
        "places": speech.spoken[np.concatenate(at)],
        "frames": speech.frames[mine].numpy(),
        "line": speech.line[mine].numpy(),
    }


def put_together(some, path):
    """What each process has for codes.npz (encode_some()), in one file. All of it, in the first process."""
    parts = [path.with_suffix(f".{rank}.part.npz") for rank in range(world.SIZE)]
    np.savez(parts[world.RANK], **some)
    world.wait()
    if world.RANK:
        return None
    loaded = [dict(np.load(part)) for part in parts]
    stored = {name: np.concatenate([part[name] for part in loaded]) for name in loaded[0]}
    np.savez(parts[0], **stored)
    parts[0].replace(path)
    for part in parts[1:]:
        part.unlink()
    return stored


def write(codec, speech, path):
    """Each process takes the lines that are its own, the first one puts all together."""
    world.as_first(*codec.parameters(), *codec.buffers())
    mine = torch.nonzero(speech.line % world.SIZE == world.RANK)[:, 0]
    stored = put_together(encode_some(codec, speech, mine), path)
    if stored:
        used = [len(np.unique(column)) for column in stored["codes"].T]
        frames, utterances = len(stored["codes"]), len(stored["frames"])
        print(f"{frames} frames, {utterances} utterances, entries used of each codebook: {used}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--speech", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--codec", type=pathlib.Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    speech = Speech(options.speech, world.join(options.device))
    codec = Codec(sizes.healthy_code2wav(sizes.config_from(options.model)))
    state = torch.load(options.codec, map_location="cpu", weights_only=True)
    codec.load_state_dict(state["codec"])
    write(codec.to(options.device), speech, options.out)
    world.leave()


if __name__ == "__main__":
    main()
