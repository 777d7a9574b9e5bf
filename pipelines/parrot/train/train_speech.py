"""Teaches thinker, audio encoder, talker and code predictor, all at once.

    python3 train_speech.py --text text.jsonl --codes codes.npz --codec codec.pt --model MODEL
                            --state speech.pt --minutes 9 --plan 20 [--speech DIR]

A step: a batch of texts to repeat (thinker), of sounds to write down (audio encoder, thinker; CTC
beside it, so that the encoder finds the words early), and of texts to say (talker, predictor),
some of them after the very sounds. The sounds are the codes played by code2wav, and with --speech
the teacher's own. --tasks leaves out what need not be taught any more.
"""

import copy
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

import batches
import parrot
import run
import spectra
import tokens
from corpus import Speech
from text import N_HELD_OUT, read

SHORT = 555


def arguments():
    parser = run.arguments(__doc__, plan=20)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--codes", type=pathlib.Path, required=True)
    parser.add_argument("--codec", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True, help="tokenizer files")
    parser.add_argument("--speech", type=pathlib.Path)
    parser.add_argument("--tasks", default="think,hear,talk")
    parser.add_argument("--batch", type=int, default=64, help="utterances to say, a step")
    parser.add_argument("--hear", type=int, default=20, help="of which after their sound")
    parser.add_argument("--texts", type=int, default=64, help="conversations to repeat")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--noise", type=float, default=0.02, help="of the codes fed back")
    parser.add_argument("--held-out", type=int, default=N_HELD_OUT)
    return parser.parse_args()


class Codes:
    """codes.npz: utterance u is codes[start[u] : start[u] + frames[u]] and says line[u]."""

    def __init__(self, path, n_held_out):
        with np.load(path) as stored:
            self.codes, self.frames, self.line = stored["codes"], stored["frames"], stored["line"]
        self.start = np.cumsum(self.frames) - self.frames
        self.taught = np.flatnonzero(self.line >= n_held_out)

    def __getitem__(self, u):
        return self.codes[self.start[u] : self.start[u] + self.frames[u]].astype(np.int64)


class Average:
    """Weights averaged over the last steps: what is exported."""

    def __init__(self, model, decay=0.999):
        self.model, self.decay = copy.deepcopy(model).requires_grad_(False), decay

    def update(self, model, step):
        decay = min(self.decay, (step + 1) / (step + 10))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)

    def state_dict(self):
        return self.model.state_dict()

    def load_state_dict(self, state):
        self.model.load_state_dict(state)


class Training:
    def __init__(self, options):
        self.options, device = options, options.device
        self.tasks = options.tasks.split(",")
        self.model, self.config = parrot.build(options.model)
        self.load_code2wav(
            torch.load(options.codec, map_location="cpu", weights_only=True)["codec"]
        )
        self.model.to(device)
        width = self.config.thinker_config.text_config.hidden_size
        vocabulary = tokens.load(options.model)
        self.ctc = torch.nn.Linear(width, self.config.thinker_config.text_config.vocab_size + 1).to(
            device
        )
        self.average = Average(self.model)
        self.router = parrot.RouterWatch(self.model)
        texts = [line["text"] for line in read(options.text)]
        self.lines = range(options.held_out, len(texts))
        self.chat = batches.Chat(vocabulary, texts)
        self.codes = Codes(options.codes, options.held_out)
        self.speech = Speech(options.speech, device) if options.speech else None
        self.learns = [
            p for p in [*self.model.parameters(), *self.ctc.parameters()] if p.requires_grad
        ]
        decayed = [p for p in self.learns if p.dim() > 1]
        plain = [p for p in self.learns if p.dim() <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}],
            betas=(0.9, 0.98),
        )
        self.run = run.Run(
            options,
            {
                "model": self.model,
                "ctc": self.ctc,
                "average": self.average,
                "optimizer": self.optimizer,
            },
        )
        self.random = batches.new_random(options.seed * 1000003 + self.run.step)

    def load_code2wav(self, state):
        """Frozen here, as is the vision encoder that nothing uses."""
        prefix = "code2wav."
        self.model.code2wav.load_state_dict(
            {name[len(prefix) :]: t for name, t in state.items() if name.startswith(prefix)}
        )
        for name, parameter in self.model.named_parameters():
            if name.startswith(prefix) or ".visual." in name:
                parameter.requires_grad_(False)

    # ---- sounds ----

    @torch.no_grad()
    def played(self, utterances):
        """The codes' own sound: [B, samples] at 24 kHz and how many are real [B]."""
        rows = [self.codes[u] for u in utterances]
        longest = max(map(len, rows))
        codes = np.stack([np.pad(r, ((0, longest - len(r)), (0, 0))) for r in rows])
        codes = torch.from_numpy(codes).transpose(1, 2).to(self.options.device)
        n = torch.tensor([1920 * len(r) - SHORT for r in rows], device=self.options.device)
        return self.model.code2wav(codes).float()[:, 0], n

    def sounds(self, utterances):
        """As played(), some of it replaced by the teacher's own where there is any."""
        sound, n = self.played(utterances)
        if not self.speech or not len(self.speech):
            return sound, n
        own = {int(line): u for u, line in enumerate(self.speech.line)}
        for b, u in enumerate(utterances):
            there = own.get(int(self.codes.line[u]))
            if there is not None and self.random.random() < 0.5:
                frames = int(self.speech.frames[there])
                taken, _ = self.speech.cut(torch.tensor([there]), torch.tensor([0]), frames)
                taken = taken[0, : sound.shape[1]]
                sound[b, : len(taken)], n[b] = taken, len(taken)
        return sound, n

    def roughened(self, sound, n):
        """Another speed, loudness and some noise, and 16 kHz: (log-mel, its columns [B])."""
        speed = self.random.uniform(0.88, 1.12)
        sound = sound * (torch.arange(sound.shape[1], device=sound.device) < n[:, None])
        sound = F.interpolate(sound[:, None], scale_factor=speed, mode="linear")[:, 0]
        gain = 10 ** (torch.rand(len(sound), 1, device=sound.device) * 0.8 - 0.6)
        noise = 10 ** (torch.rand(len(sound), 1, device=sound.device) * 2 - 4.5)
        sound = spectra.resample(gain * sound + noise * torch.randn_like(sound), 2, 3)
        mel = spectra.log_mel(sound)
        columns = ((n * speed).long() * 2 // 3 // 160).clamp(max=mel.shape[-1])
        return mel[..., : int(columns.max())], columns

    # ---- tasks ----

    def think(self):
        ids, labels = batches.text_batch(self.chat, self.lines, self.options.texts, self.random)
        logits, _ = parrot.think(self.model, ids.to(self.options.device))
        return answer_losses(logits, labels.to(self.options.device), "think")

    def hear(self, utterances):
        """(losses, what the talker gets of the sounds, rows of each)"""
        device = self.options.device
        mel, columns = self.roughened(*self.sounds(utterances))
        counts = parrot.n_rows(columns)
        lines = [int(self.codes.line[u]) for u in utterances]
        ids, labels = batches.sound_batch(self.chat, lines, counts.tolist(), self.random)
        ids, labels = ids.to(device), labels.to(device)
        heard = parrot.hear(parrot.audio_tower(self.model), mel, columns)
        real = torch.arange(heard.shape[1], device=device) < counts[:, None]
        places = ids == self.chat["<|audio_pad|>"]
        accept = self.config.talker_config.accept_hidden_layer
        logits, hidden = parrot.think(self.model, ids, heard[real], places, accept)
        losses = answer_losses(logits, labels, "hear")
        losses["ctc"] = self.words_in(heard, counts, lines)
        return losses, hidden[places].detach(), counts.tolist()

    def words_in(self, heard, counts, lines):
        targets = [torch.from_numpy(self.chat.tokens[0][line]).long() for line in lines]
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

    def talk(self, utterances, media, counts):
        users, spoken = [], []
        for b, u in enumerate(utterances):
            line = int(self.codes.line[u])
            kind = "sound" if b < len(counts) else self.random.choice(["text", "text", "none"])
            count = counts[b] if b < len(counts) else 0
            user = batches.user_part(self.chat, line, kind, count, self.random)
            if kind == "text" and self.random.random() < 0.2:  # an earlier turn
                earlier = self.random.choice(self.lines)
                user = batches.user_part(self.chat, earlier, kind, 0, self.random) + user
            users.append(user)
            spoken.append(self.chat.sentence(line, self.random))
        talker = self.config.talker_config
        batch = batches.talk_batch(
            self.chat,
            self.config,
            spoken,
            users,
            [self.codes[u] for u in utterances],
            talker.speaker_id["ethan"],
            self.options.noise,
            self.random,
        ).to(self.options.device)
        return self.talk_losses(batch, media)

    def talk_losses(self, batch, media):
        states = parrot.talk(self.model, batch, media)
        taught = batch.next0 != batches.IGNORED
        states = states[taught]
        code0 = batch.next0[taught]
        logits = self.model.talker.codec_head(states).float()
        losses = {"code0": F.cross_entropy(logits, code0), "code0 right": right(logits, code0)}
        frames = code0 < self.config.code2wav_config.codebook_size
        codes = batch.next[taught][frames]
        logits = parrot.predict(self.model, states[frames], codes).float()
        losses["codes"] = F.cross_entropy(logits.flatten(0, 1), codes[:, 1:].flatten())
        losses["codes right"] = right(logits, codes[:, 1:])
        return losses

    def step(self):
        options = self.options
        run.set_rate(self.optimizer, self.run.rate(options.rate, warm=300))
        losses, media, counts = {}, None, []
        utterances = self.random.choices(self.codes.taught, k=options.batch)
        with torch.autocast(options.device, torch.bfloat16, enabled=options.device == "cuda"):
            if "think" in self.tasks:
                losses.update(self.think())
            if "hear" in self.tasks:
                heard, media, counts = self.hear(utterances[: options.hear])
                losses.update(heard)
            if "talk" in self.tasks:
                losses.update(self.talk(utterances, media, counts))
            losses["router"] = self.router.loss()
        weights = {"think": 1, "hear": 1, "ctc": 0.3, "code0": 1, "codes": 2, "router": 0.01}
        total = sum(weights[name] * loss for name, loss in losses.items() if name in weights)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        losses["norm"] = torch.nn.utils.clip_grad_norm_(self.learns, 1.0)
        self.optimizer.step()
        self.average.update(self.model, self.run.step)
        self.run.note(**losses)

    @torch.no_grad()
    def repeats(self):
        """How many of the held-out sentences the averaged thinker repeats exactly: with the right
        token most likely at each place, greedy choice finds it."""
        exact = 0
        for line in range(self.options.held_out):
            said = self.chat.tokens[0][line].tolist()
            ids, labels = [], []
            prompt = self.chat.turn("user", said) + self.chat.header("assistant")
            batches.answered(self.chat, prompt, said, ids, labels)
            ids = torch.tensor([ids], device=self.options.device)
            labels = torch.tensor(labels, device=self.options.device)[1:]
            chosen = parrot.think(self.average.model, ids)[0][0, :-1].argmax(-1)
            exact += bool(((chosen == labels) | (labels == batches.IGNORED)).all())
        return exact


def right(logits, targets):
    return (logits.detach().argmax(-1) == targets).float().mean()


def answer_losses(logits, labels, name):
    """Cross entropy of the answers, the share of tokens and of whole rows that are right."""
    logits, labels = logits[:, :-1], labels[:, 1:]
    taught = labels != batches.IGNORED
    found = logits[taught].float()
    correct = (logits.detach().argmax(-1) == labels) | ~taught
    return {
        name: F.cross_entropy(found, labels[taught]),
        f"{name} right": right(found, labels[taught]),
        f"{name} whole": correct.all(1).float().mean(),
    }


def main():
    training = Training(arguments())
    if training.options.compile:
        parrot.compile_blocks(training.model)
    while training.run.going():
        training.step()
        if training.speech and training.run.step % 500 == 0:
            training.speech.refresh()
    if "think" in training.tasks:
        print(f"held-out sentences repeated exactly: {training.repeats()}", flush=True)
    training.run.finish()


if __name__ == "__main__":
    main()
