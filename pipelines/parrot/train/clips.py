"""Sounds to write down: the teacher's own, as code2wav plays their codes, and parrot's; whole utterances and sentences
put together anew (choices.py), made worse in many ways."""

import numpy as np
import torch
import torch.nn.functional as F

import choices
import spectra
from corpus import FRAME, LABELS
from spelling import BLANKS, LONG, STRESS

COLUMN, LABEL = 240, FRAME // LABELS  # samples at 24 kHz of a log-mel's column, of a phoneme label
SLIPS = (0, 0.02, 0.05, 0.1, 0.2)  # shares of codes 1 to 15 that are another's
SPOTS = 4  # of a row of the encoder, at which its phonemes are
BANDS, TIME = 24, 30  # of a log-mel that are hidden, at most, twice each


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
    """SpecAugment (Park et al. 2019): of log-mels [B, 128, F], of which columns [B] are real (tensor), bands and
    stretches of time become the mean in a share of the batch."""
    batch, bands, time = mel.shape
    columns = columns.float()[:, None]
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
    """`sources`: "speech" (corpus.Speech), "codes", "guessed" and "own" (codes.Codes, once played); some may be
    missing. `hidden`: share of sounds of which a part is hidden."""

    def __init__(self, sources, hidden):
        self.sources, self.hidden = sources, hidden
        self.speech = sources.get("speech")

    def roughened(self, sound, real, lead, room, speed):
        """Log-mel of sounds [B, samples] at 24 kHz, of which `real` [B] are, after `lead` [B] samples of quiet
        (tensors), `room` at most, at another speed, with another loudness and some noise."""
        device = sound.device
        at = torch.arange(sound.shape[1] + room, device=device) - lead[:, None]
        there = (at >= 0) & (at < real[:, None])
        sound = sound.gather(1, at.clamp(0, sound.shape[1] - 1)) * there
        sound = F.interpolate(sound[:, None], scale_factor=speed, mode="linear")[:, 0]
        gain = 10 ** (torch.rand(len(sound), 1, device=device) * 0.8 - 0.6)
        noise = 10 ** (torch.rand(len(sound), 1, device=device) * 2 - 4.5)
        sound = spectra.resample(gain * sound + noise * torch.randn_like(sound), 2, 3)
        return spectra.log_mel(sound)

    def phonemes(self, at, said, lead, speed, n_rows):
        """What is spoken in rows of the encoder, [B, n_rows, SPOTS], of frames [B, F] of the speech, if that is said
        [B, 1]; see roughened()."""
        labels = self.speech.labels.view(-1, LABELS)[at.clamp(min=0)].long()
        labels = unmarked((labels * (at >= 0)[..., None]).flatten(1)) * said
        sample = torch.from_numpy(COLUMN * spots(n_rows) / speed).to(at.device, non_blocking=True) - lead[:, None, None]
        label = sample.div(LABEL, rounding_mode="floor").long().flatten(1)
        inside = (label >= 0) & (label < labels.shape[1])
        found = labels.gather(1, label.clamp(0, labels.shape[1] - 1)) * inside
        return found.view(len(at), n_rows, -1).to(torch.uint8)

    @torch.no_grad()
    def batch(self, chosen):
        """What train_thinker.py's hear() takes, of what choices.Choices chose: log-mels, `phonemes` of their rows, all
        0 if nobody knows, and whether they are `known` [1]."""
        sound = {name: chosen.pop(name) for name in ("source", "at", "real", "lead", "said", "speed")}
        source, room = self.sources[sound.pop("source")], int(sound["lead"].max())
        device, speed = source.pcm.device, sound.pop("speed")
        at, real, lead, said = (tensor.to(device, non_blocking=True) for tensor in sound.values())
        longest = int(chosen["columns"].max())
        mel = self.roughened(source.sound(at) * said, real, lead, room, speed)[..., :longest]
        if self.hidden:
            mel = hidden_in_part(mel, chosen["columns"].to(device, non_blocking=True), self.hidden)
        wide = choices.width(chosen["columns"])
        n_rows, known = 13 * wide // 100, source is self.speech
        phonemes = torch.zeros(len(at), n_rows, SPOTS, dtype=torch.uint8, device=device)
        if known:
            phonemes = self.phonemes(at, said, lead, speed, n_rows)
        mel = F.pad(mel, (0, wide - longest))
        return {**chosen, "mel": mel, "phonemes": phonemes, "known": torch.tensor([float(known)])}
