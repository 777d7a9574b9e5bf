"""codes.npz, the speech as encode.py wrote it, and how it sounds."""

import numpy as np
import torch

from corpus import FRAME

SHORT = 555  # samples that code2wav leaves out at the end


def samples_of(frames):
    """Samples at 24 kHz that code2wav makes of so many frames (number, array or tensor)."""
    return FRAME * frames - SHORT


class Codes:
    """Utterance u is codes[start[u] : start[u] + frames[u]], says line[u]; spoken[...] alike are the
    characters of the line in the middle of each frame."""

    def __init__(self, path, n_held_out):
        with np.load(path) as stored:
            self.codes, self.spoken = stored["codes"], stored["places"]
            self.frames, self.line = stored["frames"], stored["line"]
        self.start = np.cumsum(self.frames) - self.frames
        self.taught = np.flatnonzero(self.line >= n_held_out)

    def __getitem__(self, u):
        return self.codes[self.start[u] : self.start[u] + self.frames[u]].astype(np.int64)


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
