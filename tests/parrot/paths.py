"""The recipe's fast ways through the model give what transformers' own code gives, its CTC what torch's gives, and
sentences put together anew say what they should.

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
import ctc
import export
import models
import parrot
import reference
import spectra
import tokens
from codec import Codec, contextualise, sound_of
from pieces import QUIET, Pieces

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
    spoken = [chat.in_pieces(text) for text in chat.texts]
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
    rows = parrot.talk(model, *(batch[n] for n in batches.TALK))
    for row, own in zip(rows, states):
        near(row[: len(own)], own, "talker rows")
    read, kept = parrot.talked(model, *(batch[n] for n in batches.TALK)), []
    some = [read[:, :30], *read[:, 30:].split(1, 1)]
    again = torch.cat([parrot.go_on(model.talker.model, part, kept) for part in some], 1)
    near(again, rows, "talker rows, one after another")
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


def check_forgetting(model):
    """Dropout changes what is taught, not what is judged."""
    text, ids = parrot.text_model(model), torch.arange(20)[None]
    before = parrot.think(model, ids)
    parrot.forgetful(text, 0.5)
    assert torch.equal(parrot.think(model, ids), before), "dropout in eval mode"
    text.train()
    assert not torch.allclose(parrot.think(model, ids), before), "no dropout in training mode"
    text.eval()
    parrot.forgetful(text, 0.0)


@torch.enable_grad()
def check_ctc():
    """Against torch's, with a sound that is too short, one without text and double symbols."""
    random = torch.Generator().manual_seed(5)
    counts, lengths = torch.tensor([50, 47, 50, 6, 30]), torch.tensor([20, 3, 0, 9, 12])
    logits = (2 * torch.randn(5, 50, 8, generator=random)).requires_grad_()
    targets = torch.randint(0, 7, (5, 20), generator=random)
    targets = torch.where(torch.arange(20) < lengths[:, None], targets, -1)
    loss = ctc.loss(logits, targets, counts)
    logs = logits.log_softmax(-1).transpose(0, 1)
    own = torch.nn.functional.ctc_loss(logs, targets[targets >= 0], counts, lengths, 7, zero_infinity=True)
    near(loss.detach(), own.detach(), "CTC")
    near(torch.autograd.grad(loss, logits)[0], torch.autograd.grad(own, logits)[0], "CTC's gradient")


class Source:
    """Utterances of two frames a character, with a pause before each sentence that follows another."""

    def __init__(self, texts):
        rows = []
        for text in texts:
            second = text.find(". ") + 2 if ". " in text else len(text)
            row = np.repeat(np.arange(len(text)), 2)
            rows.append(np.insert(row[row != second - 1], 2 * (second - 1), [second] * QUIET * (second < len(text))))
        self.spoken, self.line = np.concatenate(rows), np.arange(len(texts))
        self.frames = np.array([len(row) for row in rows])
        self.start = np.cumsum(self.frames) - self.frames


def check_pieces():
    """What is put together has the frames of its characters, one after another, and pauses only between sentences."""
    texts = ["A held-out line.", "The sea. A calm day.", "no end", "Who? We!", "It rains. It pours."]
    source = Source(texts)
    pieces, random_ = Pieces(texts, source, 1), batches.new_random(1)
    spans = zip(texts, source.start, source.frames)
    characters = np.concatenate([np.array(list(t))[source.spoken[a : a + n]] for t, a, n in spans])
    longest = 0
    for _ in range(300):
        text, at, spoken = pieces.joined(random_, 200, (0, 3))
        assert at.min() >= source.frames[0], "held out"
        assert len(at) == len(spoken) and (np.diff(spoken) >= 0).all(), text
        quiet = np.isin(at, [p + i for p in pieces.pauses for i in range(QUIET)])
        said = [text[p] for p in spoken[~quiet]]
        assert said == characters[at[~quiet]].tolist(), text
        starts = np.unique(spoken[quiet])
        assert all(text[i - 2] in ".!?" and text[i - 1] == " " for i in starts), text
        longest = max(longest, len(starts))
    assert longest == 3, "four sentences"
    print("300 texts put together")


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
        check_forgetting(model)
        check_ctc()
        check_pieces()
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
