"""codes.npz, the speech as encode.py wrote it, and how it sounds."""

import copy
import time

import numpy as np
import torch

import world
from corpus import FRAME, sound_at

SHORT = 555  # samples that code2wav leaves out at the end
AT_ONCE = 2400  # frames that are played together


def samples_of(frames):
    """Samples at 24 kHz that code2wav makes of so many frames (number, array or tensor)."""
    return FRAME * frames - SHORT


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


def alike(which, frames):
    """Utterances in groups of like length, AT_ONCE frames each."""
    which = which[np.argsort(frames[which], kind="stable")]
    return np.split(which, np.flatnonzero(np.diff(np.cumsum(frames[which]) // AT_ONCE)) + 1)


class Codes:
    """Utterance u is codes[start[u] : start[u] + frames[u]], says line[u]; spoken[...] alike are the
    characters of the line in the middle of each frame. With `hours` no more of it than that, chosen by chance, but
    what is held out."""

    def __init__(self, path, n_held_out, hours=None):
        with np.load(path) as stored:
            self.codes, self.spoken = stored["codes"], stored["places"]
            self.frames, self.line = stored["frames"], stored["line"]
        if hours is not None:
            self._keep(hours, n_held_out)
        self.start = np.cumsum(self.frames) - self.frames
        self.taught = np.flatnonzero(self.line >= n_held_out)

    def _keep(self, hours, n_held_out):
        order = np.random.default_rng(1).permutation(len(self.frames))
        order = order[np.argsort(self.line[order] >= n_held_out, kind="stable")]
        kept = np.zeros(len(order), bool)
        kept[order] = np.cumsum(self.frames[order]) <= hours * 3600 * 12.5
        there = np.repeat(kept, self.frames)
        self.codes, self.spoken = self.codes[there], self.spoken[there]
        self.frames, self.line = self.frames[kept], self.line[kept]

    def __getitem__(self, u):
        return self.codes[self.start[u] : self.start[u] + self.frames[u]].astype(np.int64)

    def play(self, code2wav, device, slips=(0,), seed=1):
        """Makes the sound of all on the device, once, as 16-bit samples (`pcm`, as corpus.Speech has it). In an
        utterance that is not held out a share of the codes, one of `slips`, is another's. Each process plays a part, a
        GPU in f16 (56 dB below the sound, measured on a CPU)."""
        began, random = time.time(), np.random.default_rng(seed + world.RANK)
        if device == "cuda":
            code2wav = copy.deepcopy(code2wav).half()
        damage = np.zeros(len(self.frames))
        damage[self.taught] = random.choice(slips, len(self.taught))
        self.pcm = torch.zeros(FRAME * len(self.codes), dtype=torch.int16, device=device)
        parts = [len(self.frames) * rank // world.SIZE for rank in range(world.SIZE + 1)]
        for some in alike(np.arange(*parts[world.RANK :][:2]), self.frames):
            rows = slipped([self[u] for u in some], damage[some], random)
            rows = [np.pad(row, ((0, 1), (0, 0)), "edge") for row in rows]  # for the samples that are left out
            sound = (played(code2wav, rows, device).clamp(-1, 1) * 32767).round().short()
            for u, row in zip(some, sound):
                first, count = FRAME * self.start[u], FRAME * self.frames[u]
                self.pcm[first : first + count] = row[:count]
        ends = np.append(self.start, len(self.codes))
        world.share(self.pcm, [int(FRAME * ends[part]) for part in parts])
        if not world.RANK:
            hours = len(self.codes) / 12.5 / 3600
            print(f"{hours:.2f} hours of codes played in {time.time() - began:.1f} seconds", flush=True)

    def sound(self, at):
        """Sound [B, F * FRAME] in -1..1 of frames at [B, F] (tensor), once played; zeros where that is negative."""
        return sound_at(self.pcm, at)

    @staticmethod
    def samples(frames):
        """How many of them parrot would make of so many frames (number, array or tensor)."""
        return samples_of(frames)


def load_code2wav(model, path):
    """The codec's code2wav into transformers' model."""
    prefix = "code2wav."
    state = torch.load(path, map_location="cpu", weights_only=True)["codec"]
    model.code2wav.load_state_dict(
        {name[len(prefix) :]: t for name, t in state.items() if name.startswith(prefix)}
    )


@torch.no_grad()
def played(code2wav, rows, device):
    """Sound [B, samples] at 24 kHz of codes [F, G] each; of row b samples_of(F) are real."""
    longest = max(map(len, rows))
    codes = np.stack([np.pad(r, ((0, longest - len(r)), (0, 0))) for r in rows])
    return code2wav(torch.from_numpy(codes).transpose(1, 2).to(device)).float()[:, 0]
