"""The speech that synth.py wrote, whole on the training device, as 16-bit samples."""

import concurrent.futures
import functools
import pathlib

import numpy as np
import torch

from text import N_HELD_OUT

FRAME, LABELS = 1920, 4  # samples and phoneme labels of 80 ms
READERS = 4  # threads


def stored(path, names):
    """Arrays of a file of synth.py."""
    with np.load(path) as shard:
        return {name: shard[name] for name in names}


def sound_at(pcm, at):
    """Sound [B, F * FRAME] in -1..1 of frames at [B, F] of 16-bit samples, zeros where that is negative."""
    sound = pcm.view(-1, FRAME)[at.clamp(min=0)].float() / 32767
    return (sound * (at >= 0)[..., None]).flatten(1)


class Speech:
    """Utterance u: pcm[start[u] : start[u] + frames[u] * FRAME], labels alike, text line[u]; places
    [frames, LABELS] of all, the characters being spoken."""

    def __init__(self, folder, device):
        self.folder, self.device = pathlib.Path(folder), device
        self.read = set()
        self.pcm = torch.zeros(0, dtype=torch.int16, device=device)
        self.labels = torch.zeros(0, dtype=torch.uint8, device=device)
        self.places = np.zeros((0, LABELS), np.uint16)
        self.start = torch.zeros(0, dtype=torch.long)  # in frames
        self.frames = torch.zeros(0, dtype=torch.long)
        self.line = torch.zeros(0, dtype=torch.long)
        self.refresh()

    def refresh(self):
        """Takes in shards that have come since. The sound, by far the most, is never there twice but for what was there
        before."""
        new = [p for p in sorted(self.folder.glob("[0-9]*[0-9].npz")) if p not in self.read]
        if not new:
            return
        self.read.update(new)
        read = functools.partial(stored, names=("pcm", "labels", "line", "places"))
        with concurrent.futures.ThreadPoolExecutor(READERS) as readers:
            ends = [shard["ends"] for shard in readers.map(functools.partial(stored, names=["ends"]), new)]
            at, pcm = len(self.pcm), self.pcm.new_empty(len(self.pcm) + sum(int(e[-1]) for e in ends))
            pcm[:at] = self.pcm
            labels, lines, places = [self.labels], [self.line], [self.places]
            for i in range(0, len(new), 4 * READERS):
                for shard in readers.map(read, new[i : i + 4 * READERS]):
                    pcm[at : at + len(shard["pcm"])] = torch.from_numpy(shard["pcm"]).to(self.device)
                    at += len(shard["pcm"])
                    labels.append(torch.from_numpy(shard["labels"]).to(self.device))
                    lines.append(torch.from_numpy(shard["line"]))
                    places.append(shard["places"].reshape(-1, LABELS))
        frames = [torch.from_numpy(np.diff(e, prepend=0) // FRAME) for e in ends]
        self.pcm, self.labels = pcm, torch.cat(labels)
        self.frames, self.line = torch.cat([self.frames, *frames]), torch.cat(lines)
        self.places = np.concatenate(places)
        self.start = torch.cumsum(self.frames, 0) - self.frames
        self.taught = torch.nonzero(self.line >= N_HELD_OUT)[:, 0]

    def __len__(self):
        return len(self.frames)

    @property
    def spoken(self):
        """The character in the middle of each frame."""
        return self.places[:, LABELS // 2]

    @property
    def hours(self):
        return len(self.pcm) / FRAME / 12.5 / 3600

    def cut(self, which, first, n_frames):
        """Sound [B, n_frames * FRAME] in -1..1 and labels [B, n_frames * LABELS] of utterances
        `which` from frame `first` on (tensors [B]); zeros after an utterance's end."""
        left = (self.frames[which] - first).clamp(max=n_frames).to(self.device)
        at = (self.start[which] + first).to(self.device)
        return (
            self._rows(self.pcm, at, left, n_frames, FRAME).float() / 32767,
            self._rows(self.labels, at, left, n_frames, LABELS).long(),
        )

    def sound(self, at):
        """Sound [B, F * FRAME] in -1..1 of frames at [B, F] (tensor), zeros where that is negative."""
        return sound_at(self.pcm, at)

    @staticmethod
    def samples(frames):
        """How many of them are real in so many frames (number, array or tensor)."""
        return FRAME * frames

    @staticmethod
    def _rows(flat, at, left, n_frames, size):
        steps = torch.arange(n_frames * size, device=flat.device)
        index = (at[:, None] * size + steps).clamp(max=len(flat) - 1)
        return flat[index] * (steps < left[:, None] * size)

    def batch(self, size, n_frames):
        """A random cut of `size` utterances that are not held out: (sound, labels, frames that
        are real [B], which ones of all they begin with [B])."""
        which = self.taught[torch.randint(len(self.taught), (size,))]
        room = (self.frames[which] - n_frames).clamp(min=0)
        first = (torch.rand(size) * (room + 1)).long()
        sound, labels = self.cut(which, first, n_frames)
        return sound, labels, (self.frames[which] - first).clamp(max=n_frames), self.start[which] + first
