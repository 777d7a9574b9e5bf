"""Says a sentence greedily with transformers and with the tools, in f32: the same text, the same
codes, the same sound?

    OMNI_MODEL=DIR OMNI_BUILD=build python3 same.py SENTENCE [FRAMES]
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/golden"))

import models
import numpy as np
import torch
from transformers import AutoTokenizer

MODEL = pathlib.Path(os.environ["OMNI_MODEL"])
BUILD = os.environ.get("OMNI_BUILD", str(ROOT / "build"))
ANSWER = 40  # tokens at most


def by_transformers(sentence, limit):
    """(text ids, codes [F, G], wave)"""
    model, tokenizer = models.load(MODEL), AutoTokenizer.from_pretrained(MODEL)
    prompt = f"<|im_start|>user\n{sentence}<|im_end|>\n<|im_start|>assistant\n"
    ids = torch.tensor([tokenizer(prompt).input_ids])
    codes = []
    model.code2wav.register_forward_pre_hook(
        lambda module, args: codes.append(args[0][0].T.numpy())
    )
    sequences, wave = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        speaker="Ethan",
        thinker_max_new_tokens=ANSWER,
        thinker_eos_token_id=model.config.im_end_token_id,
        thinker_do_sample=False,
        talker_max_new_tokens=limit,
        talker_do_sample=False,
        talker_repetition_penalty=1.0,
    )
    said = [t for t in sequences[0, ids.shape[1] :].tolist() if t != model.config.im_end_token_id]
    return said, np.concatenate(codes), wave[0, 0].numpy()


def by_omni(sentence, limit):
    with tempfile.TemporaryDirectory() as folder:
        pipe = (
            f"omni-tokenize | omni-thinker --precise -n {ANSWER} | tee answer |"
            f" omni-talker --compat --precise --temp 0 --rep 1 -n {limit} | tee codes |"
            " omni-code2wav --precise --compat --raw f32 >wave;"
            " omni-inspect -x tokens answer >tokens.npy; omni-inspect -x codes codes >codes.npy"
        )
        subprocess.run(
            ["sh", "-ec", pipe],
            cwd=folder,
            input=sentence.encode(),
            check=True,
            env={
                **os.environ,
                "PATH": f"{os.path.realpath(BUILD)}:{os.environ['PATH']}",
                "OMNI_MODEL": str(MODEL.resolve()),
                "OMNI_DEVICE": "cpu",
            },
        )
        out = pathlib.Path(folder)
        return (
            np.load(out / "tokens.npy").ravel().tolist(),
            np.load(out / "codes.npy"),
            np.fromfile(out / "wave", np.float32),
        )


@torch.no_grad()
def main():
    sentence, limit = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 40
    theirs, ours = by_transformers(sentence, limit), by_omni(sentence, limit)
    result = {
        "tokens": len(theirs[0]),
        "same tokens": theirs[0][: len(ours[0])] == ours[0],
        "frames": len(theirs[1]),
        "same codes": np.array_equal(theirs[1], ours[1]),
        "samples": len(theirs[2]),
        "sound differs by": (
            float(np.linalg.norm(theirs[2] - ours[2]) / np.linalg.norm(theirs[2]))
            if len(theirs[2]) == len(ours[2])
            else "its length"
        ),
    }
    print(json.dumps(result, indent=1))
    return not (result["same tokens"] and result["same codes"])


if __name__ == "__main__":
    sys.exit(main())
