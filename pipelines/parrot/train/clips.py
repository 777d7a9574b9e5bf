"""Sounds to write down: the teacher's own, as code2wav plays their codes, and parrot's; whole utterances and sentences
put together anew (pieces.py), made worse in many ways."""

import numpy as np
import torch
import torch.nn.functional as F

import batches
import parrot
import spectra
from codes import played, samples_of
from corpus import FRAME, LABELS
from feed import by_length
from pieces import Pieces
from spelling import BLANKS, LONG, STRESS

QUIET = 12000  # samples before a sound, at most
COLUMN, LABEL = 240, FRAME // LABELS  # samples at 24 kHz of a log-mel's column, of a phoneme label
LONGEST = 192  # frames of what is put together
RESTS = (0, 0, 0, 1, 2, 4, 8)  # frames by which a pause is longer than the teacher's
SLIPS = (0, 0.02, 0.05, 0.1, 0.2)  # shares of codes 1 to 15 that are another's
LENGTHS = (48, 64, 96, 128, 192, 256, 384, 512, 768)  # tokens of a batch: few shapes
COLUMNS = (200, 300, 400, 500, 600, 800, 1000, 1300, 1700, 2400)  # of a batch of log-mels
SPOTS = 4  # of a row of the encoder, at which its phonemes are
BANDS, TIME = 24, 30  # of a log-mel that are hidden, at most, twice each


def hearing_batch(chat, rows, mel, columns, answers):
    """What train_thinker.py's hear() takes: `rows` of (ids, labels) whose sounds are log-mels [B, 128, F], of which
    columns [B] (array) are real; `answers`: ids of what they say, CTC's targets [B, N]. Who has more of them than half
    the rows of sound has no target."""
    width = batches.shortest(COLUMNS, -(-mel.shape[-1] // 100) * 100)
    batch = batches.text_batch(rows, batches.shortest(LENGTHS, max(len(ids) for ids, _ in rows)))
    batch["places"] = batches.sound_places(chat, batch["ids"], 13 * width // 100)
    batch["mel"] = F.pad(mel, (0, width - mel.shape[-1]))
    batch["columns"] = torch.from_numpy(columns)
    most = 13 * width // 200
    batch["targets"] = batches.padded([a if len(a) <= most else [] for a in answers], -1, most)
    return batch


def slipped(rows, shares, random):
    """Codes [F, G] of which a share, one for each of the rows, is that of another frame with the same code 0: near to
    what the code predictor does. Code 0 stays."""
    flat = np.concatenate(rows)
    order = np.lexsort((random.random(len(flat)), flat[:, 0]))
    others = np.empty_like(flat)
    others[order] = flat[np.roll(order, 1)]
    wrong = random.random(flat.shape) < np.repeat(shares, [len(row) for row in rows])[:, None]
    wrong[:, 0] = False
    return np.split(np.where(wrong, others, flat), np.cumsum([len(row) for row in rows])[:-1])


def spots(n_rows):
    """Columns (10 ms) of a log-mel at which rows have their phonemes, [n_rows, SPOTS]."""
    row = np.arange(n_rows)[:, None]
    return 100 * (row // 13) + 8 * (row % 13) + 2 * np.arange(SPOTS) + 1


def among(phonemes, some):
    return (phonemes >= some[0]) & (phonemes <= some[-1])


def unmarked(phonemes):
    """Phonemes [B, N] (tensor) without marks: stress becomes what follows, in whose time it is, length what was before.
    Blanks and punctuation are 0."""
    at = torch.arange(phonemes.shape[1], device=phonemes.device)
    own = torch.where(among(phonemes, STRESS), at[-1], at).flip(1).cummin(1).values.flip(1)
    found = phonemes.gather(1, own)
    marks = among(found, STRESS) | among(found, LONG)
    found = found.gather(1, torch.where(marks, 0, at).cummax(1).values)
    return torch.where(among(found, BLANKS), 0, found)


def hidden_in_part(mel, columns, share):
    """SpecAugment (Park et al. 2019): of log-mels [B, 128, F], of which columns [B] (array) are real, bands and
    stretches of time become the mean in a share of the batch."""
    batch, bands, time = mel.shape
    columns = torch.from_numpy(columns).to(mel.device, torch.float32)[:, None]
    random = torch.rand(8, batch, 1, device=mel.device)
    f, t = torch.arange(bands, device=mel.device), torch.arange(time, device=mel.device)
    gone = torch.zeros_like(mel, dtype=torch.bool)
    for i in (0, 4):
        wide = random[i] * BANDS
        first = random[i + 1] * (bands - wide)
        gone |= ((f >= first) & (f < first + wide))[:, :, None]
        long = random[i + 2] * (columns / 10).clamp(max=TIME)
        first = random[i + 3] * (columns - long)
        gone |= ((t >= first) & (t < first + long))[:, None]
    gone &= torch.rand(batch, 1, 1, device=mel.device) < share
    return torch.where(gone, mel.mean((1, 2), keepdim=True), mel)


class Clips:
    """`sources`: "speech" (corpus.Speech), "codes" and "own", parrot's (codes.Codes), which code2wav plays; some may be
    missing."""

    def __init__(self, options, chat, sources, code2wav, random_):
        self.options, self.chat, self.random = options, chat, random_
        self.sources, self.code2wav = sources, code2wav
        self.speech = sources.get("speech")
        self.pieces = {name: Pieces(chat.texts, x, options.held_out) for name, x in sources.items()}
        self.chosen = self.choose()

    def refresh(self):
        """Takes in speech that has come since."""
        if self.speech is not None:
            self.speech.refresh()
            self.pieces["speech"].extend()

    def choose(self):
        """(source, [(text, its frames)] of like length), again and again."""
        others = [name for name in self.sources if name != "own"]
        while True:
            own = "own" in self.sources and self.random.random() < self.options.own_share
            name = "own" if own or not others else self.random.choice(others)
            some = [
                self.pieces[name].some(self.random, self.options.joined, LONGEST, RESTS)[:2]
                for _ in range(8 * self.options.hear)
            ]
            for batch in by_length(some, self.options.hear, lambda row: len(row[1]), self.random):
                yield self.sources[name], batch

    def sound(self, source, frames, slips=(0,)):
        """(sounds [B, samples] at 24 kHz of frames [F] each, how many samples are real [B])"""
        counts = np.array([len(at) for at in frames])
        if source is self.speech:
            return source.sound(batches.padded(frames, -1, counts.max()).numpy()), FRAME * counts
        random = np.random.default_rng(self.random.randrange(1 << 31))
        rows = [source.codes[at].astype(np.int64) for at in frames]
        rows = slipped(rows, random.choice(slips, len(rows)), random)
        return played(self.code2wav, rows, self.options.device), samples_of(counts)

    def roughened(self, sound, n):
        """Quiet before it, another speed, loudness and some noise, and 16 kHz: (log-mel, its columns
        [B], samples of quiet [B], speed)."""
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
        return mel[..., : columns.max()], columns, lead, speed

    def phonemes(self, frames, said, lead, speed, n_rows):
        """What is spoken in rows of the encoder, [B, n_rows, SPOTS], of frames [F] each, if that is said [B];
        see roughened()."""
        at = torch.from_numpy(batches.padded(frames, -1, max(map(len, frames))).numpy()).to(self.speech.labels.device)
        labels = self.speech.labels.view(-1, LABELS)[at.clamp(min=0)].long()
        labels = unmarked((labels * (at >= 0)[..., None]).flatten(1)) * said
        sample = COLUMN * spots(n_rows) / speed - lead[:, None, None]
        label = torch.from_numpy((sample // LABEL).astype(np.int64)).to(labels.device).flatten(1)
        inside = (label >= 0) & (label < labels.shape[1])
        found = labels.gather(1, label.clamp(0, labels.shape[1] - 1)) * inside
        return found.view(len(frames), n_rows, -1).to(torch.uint8)

    @torch.no_grad()
    def batch(self):
        """hearing_batch() of some of them, one in fifty silent, and `phonemes` of its rows, all 0 if nobody knows, and
        whether they are `known` [1]."""
        source, some = next(self.chosen)
        slips = (0,) if source is self.sources.get("own") else SLIPS
        sound, n = self.sound(source, [at for _, at in some], slips)
        answers = [self.chat.encode("" if self.random.random() < 0.02 else text) for text, _ in some]
        said = torch.tensor([[bool(answer)] for answer in answers], device=sound.device)
        mel, columns, lead, speed = self.roughened(sound * said, n)
        if self.options.masks:
            mel = hidden_in_part(mel, columns, self.options.masks)
        rows = [
            batches.sound_row(self.chat, answer, count, self.random)
            for answer, count in zip(answers, parrot.n_rows(torch.from_numpy(columns)).tolist())
        ]
        batch = hearing_batch(self.chat, rows, mel, columns, answers)
        n_rows, known = 13 * batch["mel"].shape[-1] // 100, source is self.speech
        batch["known"] = torch.tensor([float(known)])
        batch["phonemes"] = torch.zeros(len(some), n_rows, SPOTS, dtype=torch.uint8, device=mel.device)
        if known:
            batch["phonemes"] = self.phonemes([at for _, at in some], said, lead, speed, n_rows)
        return batch
