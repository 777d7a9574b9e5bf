"""Teaches the thinker to repeat text and, with the audio encoder, to write down what it hears.

    python3 train_thinker.py --text text.jsonl --model MODEL --state thinker.pt --minutes 9 --plan 20
                             [--speech DIR] [--codes codes.npz --codec codec.pt] [--keep-embeddings]

A step: a batch of texts to repeat and of sounds to write down (CTC beside it, so that the encoder
finds the words early). Sounds are the teacher's own and, with --codes, as code2wav plays them.
With --keep-embeddings the token embeddings stay the averaged ones of the checkpoint: the
talker, which reads them too, is taught at the same time.
"""

import pathlib

import torch
import torch.nn.functional as F

import batches
import parrot
import run
import spectra
import tokens
import world
from average import Average
from codes import SHORT, Codes, load_code2wav, played
from corpus import Speech
from feed import feed
from text import N_HELD_OUT, read

QUIET = 12000  # samples before a sound, at most
WEIGHTS = {"think": 1, "hear": 1, "ctc": 0.3, "router": 0.01}


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
        if options.keep_embeddings:
            own = parrot.text_of(self.average.model).embed_tokens.weight
            parrot.text_model(self.model).embed_tokens.weight.requires_grad_(False).copy_(own)
        self.random = batches.new_random(options.seed * 1000003 + self.run.step + world.RANK)
        self.conversations = feed(
            lambda random_: batches.text_batch(self.chat, self.lines, options.texts, random_),
            f"{options.seed} {self.run.step}",
            device,
            options.workers,
        )

    # ---- sounds ----

    def sounds(self):
        """([B, samples] at 24 kHz, how many are real [B], the lines they say): some utterances of the
        teacher, or of the codec if there is one."""
        size = self.options.hear
        if self.codes and (not self.speech or self.random.random() < 0.5):
            which = self.random.choices(self.codes.taught, k=size)
            sound = played(self.model.code2wav, [self.codes[u] for u in which], self.options.device)
            n = [1920 * int(self.codes.frames[u]) - SHORT for u in which]
            return sound, n, [int(self.codes.line[u]) for u in which]
        which = self.speech.taught[torch.randint(len(self.speech.taught), (size,))]
        frames = self.speech.frames[which]
        sound, _ = self.speech.cut(which, torch.zeros_like(which), int(frames.max()))
        return sound, (1920 * frames).tolist(), self.speech.line[which].tolist()

    def roughened(self, sound, n):
        """Quiet before it, another speed, loudness and some noise, and 16 kHz: (log-mel, its columns
        [B])."""
        speed = self.random.uniform(0.85, 1.15)
        n = torch.tensor(n, device=sound.device)
        lead = (torch.rand(len(n), device=sound.device) * 2 - 1).clamp(min=0) * QUIET
        at = torch.arange(sound.shape[1] + QUIET, device=sound.device) - lead.long()[:, None]
        real = (at >= 0) & (at < n[:, None])
        sound, n = sound.gather(1, at.clamp(0, sound.shape[1] - 1)) * real, n + lead.long()
        sound = F.interpolate(sound[:, None], scale_factor=speed, mode="linear")[:, 0]
        gain = 10 ** (torch.rand(len(sound), 1, device=sound.device) * 0.8 - 0.6)
        noise = 10 ** (torch.rand(len(sound), 1, device=sound.device) * 2 - 4.5)
        sound = spectra.resample(gain * sound + noise * torch.randn_like(sound), 2, 3)
        mel = spectra.log_mel(sound)
        columns = ((n * speed).long() * 2 // 3 // 160).clamp(max=mel.shape[-1])
        return mel[..., : int(columns.max())], columns

    # ---- tasks ----

    def think(self):
        ids, labels = next(self.conversations)
        logits, _ = parrot.think(self.model, ids.to(self.options.device, non_blocking=True))
        return answer_losses(logits, labels.to(self.options.device), "think")

    def hear(self):
        device = self.options.device
        with torch.no_grad():
            sound, n, lines = self.sounds()
            lines = [None if self.random.random() < 0.02 else line for line in lines]
            sound = sound * torch.tensor([[line is not None] for line in lines], device=device)
            mel, columns = self.roughened(sound, n)
        counts = parrot.n_rows(columns)
        ids, labels = batches.sound_batch(self.chat, lines, counts.tolist(), self.random)
        ids, labels = ids.to(device), labels.to(device)
        heard = parrot.hear(parrot.audio_tower(self.model), mel, columns)
        real = torch.arange(heard.shape[1], device=device) < counts[:, None]
        places = ids == self.chat["<|audio_pad|>"]
        logits, _ = parrot.think(self.model, ids, heard[real], places)
        losses = answer_losses(logits, labels, "hear")
        losses["ctc"] = self.words_in(heard, counts, lines)
        return losses

    def words_in(self, heard, counts, lines):
        targets = [torch.tensor(self.chat.answer(line), dtype=torch.long) for line in lines]
        lengths = torch.tensor([len(t) for t in targets])
        with torch.autocast(self.options.device, enabled=False):
            logs = self.ctc(heard.float()).log_softmax(-1).transpose(0, 1)
            return F.ctc_loss(
                logs,
                torch.cat(targets).to(heard.device),
                counts,
                lengths.to(heard.device),
                blank=logs.shape[-1] - 1,
                zero_infinity=True,
            )

    def step(self):
        options = self.options
        run.set_rate(self.optimizer, self.run.rate(options.rate, warm=300))
        with torch.autocast(options.device, torch.bfloat16, enabled=options.device == "cuda"):
            losses = self.think()
            if self.speech or self.codes:
                losses.update(self.hear())
            losses["router"] = self.router.loss()
        self.run.note(**losses, **run.learn(self.optimizer, self.learns, losses, WEIGHTS))
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
            chosen = parrot.think(self.model, ids)[0][0, :-1].argmax(-1)
            exact += bool(((chosen == labels) | (labels == batches.IGNORED)).all())
        return exact


def answer_losses(logits, labels, name):
    """Cross entropy of the answers, the share of tokens and of whole rows that are right."""
    logits, labels = logits[:, :-1], labels[:, 1:]
    taught = labels != batches.IGNORED
    found = logits[taught].float()
    correct = (logits.detach().argmax(-1) == labels) | ~taught
    return {
        name: F.cross_entropy(found, labels[taught]),
        f"{name} right": run.right(found, labels[taught]),
        f"{name} whole": correct.all(1).float().mean(),
    }


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
