"""Teaches the thinker to repeat text and, with the audio encoder, to write down what it hears.

    python3 train_thinker.py --text text.jsonl --model MODEL --state thinker.pt --minutes 9 --plan 20
                             [--speech DIR] [--codes codes.npz --codec codec.pt] [--keep-embeddings]

A step: a batch of texts to repeat and of sounds to write down (in the first part of the plan CTC beside it, so that
the encoder finds the words early). Sounds are the teacher's own and, with --codes, as code2wav plays them.
With --keep-embeddings the token embeddings stay the averaged ones of the checkpoint: the
talker, which reads them too, is taught at the same time.
"""

import pathlib

import numpy as np
import torch
import torch.nn.functional as F

import batches
import parrot
import run
import spectra
import tokens
import world
from average import Average
from codes import Codes, load_code2wav, played, samples_of
from corpus import FRAME, Speech
from feed import by_length, feed
from graphed import Graphed
from text import N_HELD_OUT, read

QUIET = 12000  # samples before a sound, at most
WEIGHTS = {"think": 1, "hear": 1, "ctc": 0.3, "router": 0.01}
LENGTHS = (48, 64, 96, 128, 192, 256, 384, 512, 768)  # tokens of a batch: few shapes
COLUMNS = (200, 300, 400, 500, 600, 800, 1000, 1300, 1700, 2400)  # of a batch of log-mels


def arguments():
    parser = run.arguments(__doc__, plan=20)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="tokenizer files")
    parser.add_argument("--speech", type=pathlib.Path)
    parser.add_argument("--codes", type=pathlib.Path)
    parser.add_argument("--codec", type=pathlib.Path)
    parser.add_argument("--keep-embeddings", action="store_true")
    parser.add_argument("--texts", type=int, default=64, help="conversations to repeat, a step")
    parser.add_argument("--hear", type=int, default=48, help="utterances to write down, a step")
    parser.add_argument("--ctc", type=float, default=0.5, help="share of the plan with CTC")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--workers", type=int, default=4, help="processes that make batches")
    parser.add_argument("--held-out", type=int, default=N_HELD_OUT)
    return parser.parse_args()


class Training:
    def __init__(self, options):
        self.options, device = options, world.join(options.device)
        torch.manual_seed(options.seed)
        self.model, self.config = parrot.build(options.model)
        self.codes = None
        if options.codes:
            self.codes = Codes(options.codes, options.held_out)
            load_code2wav(self.model, options.codec)
        self.model.to(device).requires_grad_(False)
        for part in (parrot.text_model(self.model), parrot.audio_tower(self.model)):
            part.requires_grad_(True)
        self.model.thinker.lm_head.requires_grad_(True)
        text = self.config.thinker_config.text_config
        self.ctc = torch.nn.Linear(text.hidden_size, text.vocab_size + 1).to(device)
        self.average = Average(self.model.thinker)
        self.router = parrot.RouterWatch(self.model.thinker)
        texts = [line["text"] for line in read(options.text)]
        self.chat = batches.Chat(tokens.load(options.model), texts)
        self.lines = range(options.held_out, len(texts))
        self.speech = Speech(options.speech, device) if options.speech else None
        self.learns = [
            p for p in [*self.model.parameters(), *self.ctc.parameters()] if p.requires_grad
        ]
        self.optimizer = run.adamw(self.learns)
        parts = {"thinker": self.model.thinker, "ctc": self.ctc, "average": self.average}
        self.run = run.Run(options, {**parts, "optimizer": self.optimizer})
        run.no_gradients(self.learns)
        if options.keep_embeddings:
            own = parrot.text_of(self.average.model).embed_tokens.weight
            kept = parrot.text_model(self.model).embed_tokens.weight
            kept.requires_grad_(False).copy_(own).grad = None
            self.learns = [p for p in self.learns if p is not kept]
        self.random = batches.new_random(options.seed * 1000003 + self.run.step + world.RANK)
        seed = f"{options.seed} {self.run.step}"
        self.conversations = feed(self.texts, seed, device, options.workers)
        self.clips = self.utterances()
        self.repeat = Graphed(self.think, self.learns, device)
        self.write = Graphed(self.hear, self.learns, device)
        self.spell = Graphed(self.hear_and_spell, self.learns, device, plain=True)

    def texts(self, random_):
        """Some batches of conversations, away from the GPU."""
        size = self.options.texts
        rows = batches.text_rows(self.chat, self.lines, 8 * size, random_)
        rows = [row for row in rows if len(row[0]) <= LENGTHS[-1]]
        for batch in by_length(rows, size, lambda row: len(row[0]), random_):
            yield batches.text_batch(batch, batches.shortest(LENGTHS, len(batch[-1][0])))

    # ---- sounds ----

    def utterances(self):
        """(played by the codec?, utterances of like length), again and again."""
        while True:
            size, codec = self.options.hear, self.codes is not None
            if codec and self.speech:
                codec = self.random.random() < 0.5
            taught = self.codes.taught if codec else self.speech.taught.numpy()
            frames = self.codes.frames if codec else self.speech.frames.numpy()
            which = self.random.choices(taught, k=8 * size)
            for batch in by_length(which, size, lambda u: frames[u], self.random):
                yield codec, batch

    def sounds(self):
        """([B, samples] at 24 kHz, how many are real [B], the lines they say)"""
        codec, which = next(self.clips)
        if codec:
            sound = played(self.model.code2wav, [self.codes[u] for u in which], self.options.device)
            return sound, samples_of(self.codes.frames[which]), self.codes.line[which].tolist()
        which = torch.tensor(np.array(which))
        frames = self.speech.frames[which]
        sound, _ = self.speech.cut(which, torch.zeros_like(which), int(frames.max()))
        return sound, FRAME * frames.numpy(), self.speech.line[which].tolist()

    def roughened(self, sound, n):
        """Quiet before it, another speed, loudness and some noise, and 16 kHz: (log-mel, its columns
        [B])."""
        device, speed = sound.device, self.random.uniform(0.85, 1.15)
        lead = np.array([max(0, int(self.random.uniform(-QUIET, QUIET))) for _ in n])
        at = torch.arange(sound.shape[1] + int(lead.max()), device=device)
        at = at - torch.from_numpy(lead).to(device)[:, None]
        real = (at >= 0) & (at < torch.from_numpy(n).to(device)[:, None])
        sound = sound.gather(1, at.clamp(0, sound.shape[1] - 1)) * real
        sound = F.interpolate(sound[:, None], scale_factor=speed, mode="linear")[:, 0]
        gain = 10 ** (torch.rand(len(sound), 1, device=device) * 0.8 - 0.6)
        noise = 10 ** (torch.rand(len(sound), 1, device=device) * 2 - 4.5)
        sound = spectra.resample(gain * sound + noise * torch.randn_like(sound), 2, 3)
        mel = spectra.log_mel(sound)
        columns = parrot.n_columns(((n + lead) * speed).astype(int))
        columns = columns.clip(max=mel.shape[-1])
        return mel[..., : columns.max()], columns

    @torch.no_grad()
    def clip_batch(self):
        """(the tensors that hear() takes, the lines)"""
        sound, n, lines = self.sounds()
        lines = [None if self.random.random() < 0.02 else line for line in lines]
        said = torch.tensor([[line is not None] for line in lines])
        mel, columns = self.roughened(sound * said.to(sound.device), n)
        width = batches.shortest(COLUMNS, -(-mel.shape[-1] // 100) * 100)
        counts = [int(c) for c in parrot.n_rows(torch.from_numpy(columns))]
        rows = [
            batches.sound_row(self.chat, line, count, self.random)
            for line, count in zip(lines, counts)
        ]
        longest = max(len(ids) for ids, _ in rows)
        batch = batches.text_batch(rows, batches.shortest(LENGTHS, longest))
        batch["places"] = batches.sound_places(self.chat, batch["ids"], 13 * width // 100)
        batch["mel"] = F.pad(mel, (0, width - mel.shape[-1]))
        batch["columns"] = torch.from_numpy(columns)
        return batch, lines

    # ---- tasks ----

    def autocast(self):
        device = self.options.device
        return torch.autocast(device, torch.bfloat16, device == "cuda", cache_enabled=False)

    def think(self, ids, labels):
        with self.autocast():
            losses = answer_losses(parrot.think(self.model, ids), labels, "think")
            losses["router"] = self.router.loss()
        return run.weighted(losses, WEIGHTS)

    def heard(self, ids, labels, places, mel, columns):
        heard = parrot.hear(parrot.audio_tower(self.model), mel, columns)
        logits = parrot.think(self.model, ids, heard.flatten(0, 1), places)
        return heard, {**answer_losses(logits, labels, "hear"), "router": self.router.loss()}

    def hear(self, **batch):
        with self.autocast():
            return run.weighted(self.heard(**batch)[1], WEIGHTS)

    def hear_and_spell(self, **batch):
        with self.autocast():
            heard, losses = self.heard(**batch)
        losses["ctc"] = self.words_in(heard, parrot.n_rows(batch["columns"]), self.lines_heard)
        return run.weighted(losses, WEIGHTS)

    def words_in(self, heard, counts, lines):
        targets = [torch.tensor(self.chat.answer(line), dtype=torch.long) for line in lines]
        logs = self.ctc(heard.float()).log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(
            logs,
            torch.cat(targets).to(heard.device),
            counts,
            torch.tensor([len(t) for t in targets], device=heard.device),
            blank=logs.shape[-1] - 1,
            zero_infinity=True,
        )

    def step(self):
        run.set_rate(self.optimizer, self.run.rate(self.options.rate, warm=300))
        losses = dict(self.repeat(next(self.conversations)))
        if self.speech or self.codes:
            batch, self.lines_heard = self.clip_batch()
            early = self.run.progress < self.options.ctc
            losses.update((self.spell if early else self.write)(batch))
        losses.pop("total")
        norm = run.follow(self.optimizer, self.learns)
        self.run.note(**losses, norm=norm)
        self.average.update(self.model.thinker, self.run.step)

    @torch.no_grad()
    def repeats(self):
        """How many of the held-out sentences the averaged thinker repeats exactly: with the right
        token most likely at each place, greedy choice finds it."""
        self.model.thinker.load_state_dict(self.average.state_dict())
        exact = 0
        for line in range(self.options.held_out):
            said = self.chat.tokens[0][line].tolist()
            ids, labels = [], []
            prompt = self.chat.turn("user", said) + self.chat.header("assistant")
            batches.answered(self.chat, prompt, said, ids, labels)
            ids = torch.tensor([ids], device=self.options.device)
            labels = torch.tensor(labels, device=self.options.device)[1:]
            chosen = parrot.think(self.model, ids)[0, :-1].argmax(-1)
            exact += bool(((chosen == labels) | (labels == batches.IGNORED)).all())
        return exact


def answer_losses(logits, labels, name):
    """Cross entropy of the answers, the share of tokens and of whole rows that are right."""
    logits, labels = logits[:, :-1], labels[:, 1:]
    correct = (logits.detach().argmax(-1) == labels) | (labels == run.IGNORED)
    loss, right = run.cross_entropy(logits.flatten(0, 1), labels.flatten())
    return {name: loss, f"{name} right": right, f"{name} whole": correct.all(1).float().mean()}


def main():
    training = Training(arguments())
    while training.run.going():
        training.step()
        if training.speech and training.run.step % 500 == 0:
            training.speech.refresh()
    training.run.finish()
    print(f"held-out sentences repeated exactly: {training.repeats()}", flush=True)


if __name__ == "__main__":
    main()
