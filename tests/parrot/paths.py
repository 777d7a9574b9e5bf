"""The recipe's fast ways through the model give what transformers' own code gives.

python3 paths.py        needs torch, transformers, tokenizers, regex; tiny sizes, random weights
"""

import os
import pathlib
import sys
import tempfile

os.environ["PARROT_TINY"] = "1"
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "pipelines/parrot/train"), str(ROOT / "tests/golden")]

import numpy as np
import torch

import batches
import export
import models
import parrot
import reference
import spectra
import tokens
from codec import Codec, contextualise, sound_of

TEXTS = ["The sea was calm that morning.", "One, two, three!"]


def near(a, b, what, tolerance=2e-4):
    error = float((a - b).norm() / b.norm())
    print(f"{what}: relative difference {error:.1e}")
    assert error < tolerance, what


def check_hearing(model):
    """Two clips at once, against one after the other."""
    random = torch.Generator().manual_seed(1)
    clips = [torch.randn(1, n, generator=random) for n in (16000 * 2 + 700, 16000 * 9)]
    mels = [spectra.log_mel(clip)[0] for clip in clips]
    batch = torch.stack([torch.nn.functional.pad(m, (0, 900 - m.shape[1])) for m in mels])
    counts = torch.tensor([m.shape[1] for m in mels])
    tower = parrot.audio_tower(model)
    rows = parrot.hear(tower, batch, counts)
    for b, m in enumerate(mels):
        alone = tower(m, feature_lens=counts[b : b + 1]).last_hidden_state
        near(rows[b, : parrot.n_rows(counts[b])], alone, f"audio rows of clip {b}")


def check_thinking(model, chat):
    rows = batches.text_rows(chat, range(2), 3, batches.new_random(1))
    ids = batches.text_batch(rows, max(len(row) for row, _ in rows))["ids"]
    logits = parrot.think(model, ids)
    for row, made in zip(ids, logits):
        own = model.thinker(input_ids=row[None]).logits[0]
        near(made, own, "thinker logits")


def check_talking(model, config, chat):
    """What the talker says freely, taught: the same states at every row, the same residual codes
    the likeliest."""
    spoken = [chat.spoken_as_is(line) for line in range(len(chat.texts))]
    users = [chat.turn("user", ids) for ids, _ in spoken]
    codes, states = [], []
    for user, ids in zip(users, spoken):
        ids = ids[0]
        prompt = user + chat.header("assistant")
        said, _, tape = reference.talk(model, prompt + ids, len(prompt), 12)
        codes.append(np.array(said))
        states.append(torch.from_numpy(tape["talker.norm"]))
    talk_rows = [
        batches.talk_rows(
            chat,
            config,
            said,
            user,
            c.astype(np.uint8),
            np.zeros(len(c), np.int64),
            config.talker_config.speaker_id["ethan"],
        )
        for said, user, c in zip(spoken, users, codes)
    ]
    batch = batches.talk_batch(talk_rows, [0.0], 64, batches.new_random(1))
    rows = parrot.talk(model, *(batch[n] for n in ("text", "media", "special", "speaks", "fed")))
    for row, own in zip(rows, states):
        near(row[: len(own)], own, "talker rows")
    frames = batch["before"] >= 0
    chosen = rows.flatten(0, 1)[batch["before"][frames]]
    wanted = batch["codes"][frames]
    residual = parrot.predict(model, chosen, wanted).argmax(-1)
    assert torch.equal(residual, wanted[:, 1:].long()), "residual codes"
    print(f"{int(frames.sum())} frames: residual codes are those of generate()")


def check_codec(config):
    """The quantisers' sum is what code2wav reads from its tables."""
    codec = Codec(models_code2wav(config))
    codec.write_tables()
    sound = torch.randn(2, 1920 * 6, generator=torch.Generator().manual_seed(2)) * 0.1
    hidden, codes = codec.quantise(codec.encoder(sound))[0], codec.encode(sound)
    made = sound_of(codec.code2wav, contextualise(codec.code2wav, hidden)).clamp(-1, 1)
    near(made, codec.code2wav(codes)[:, 0], "sound of quantised features")


def models_code2wav(config):
    import sizes

    return sizes.healthy_code2wav(config)


@torch.no_grad()
def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tokens.Learnt(tokens.learn(TEXTS * 50 + CORPUS, 512)).write(folder, False)
        model, config = parrot.build(folder)
        models.fill(model, 1)
        model.eval()
        chat = batches.Chat(tokens.load(folder), TEXTS)
        check_codec(config)
        check_hearing(model)
        check_thinking(model, chat)
        check_talking(model, config, chat)
        export.write(model, folder)
        again = models.load(folder)
        ids = torch.tensor([chat.turn("user", chat.encode(TEXTS[0]))])
        near(
            parrot.think(model.float(), ids),
            again.thinker(input_ids=ids).logits,
            "saved and loaded",
        )


CORPUS = [
    "There were three of them in it: a man who had worked on the water all his life, his daughter,",
    "and a dog that did not like the sea at all. What do you see? she asked. I see nothing but the",
    "sky and the water, he said. It will be a long day. Then tell me a story, so that time passes.",
    "Once there was a bird that could speak. It sat in the window of a house by the harbour and sang",
]

if __name__ == "__main__":
    main()
