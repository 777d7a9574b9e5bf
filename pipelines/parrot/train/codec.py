"""The codec: speech to 16 codes a frame, and back with transformers' own Qwen3OmniMoeCode2Wav.

Only code2wav goes into parrot; the encoder and the quantisers stay in the recipe. Code 0 is a
quantiser of its own that must also tell the phonemes of its 80 ms (as Mimi's first codebook
follows a speech model, Defossez et al. 2024: here the teacher's own alignment is at hand), codes
1..15 are residual quantisers of the rest. code2wav takes the mean of 16 embeddings, so each table
is 16 times the quantiser's entries, projected.
"""

import torch
import torch.nn.functional as F
from torch import nn

import spectra
import world
from sizes import CODEBOOK, GROUPS

WIDTH = 64  # of a quantiser's entries
N_MELS, N_FFT, HOP = 100, 1024, 240  # 100 columns a second
N_PHONEMES = 256


class ConvNeXt(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x):
        y = self.norm(self.depthwise(x).transpose(1, 2))
        return x + (self.scale * self.narrow(F.gelu(self.wide(y)))).transpose(1, 2)


class Encoder(nn.Module):
    """Sound [B, frames * 1920] to [B, width, frames]. Looks both ways."""

    def __init__(self, widths=(192, 256, 384, 384), depths=(2, 2, 1, 2)):
        super().__init__()
        layers = [nn.Conv1d(N_MELS, widths[0], 5, padding=2)]
        for i, (width, depth) in enumerate(zip(widths, depths)):
            layers += [ConvNeXt(width) for _ in range(depth)]
            if i + 1 < len(widths):
                layers.append(nn.Conv1d(width, widths[i + 1], 2, stride=2))
        self.layers = nn.Sequential(*layers)
        self.width = widths[-1]

    def forward(self, sound):
        mel = spectra.mel(sound, N_FFT, HOP, N_MELS)[..., :-1]
        return self.layers(mel.clamp(min=1e-4).log())


class Quantiser(nn.Module):
    """One codebook of moving averages (van den Oord et al. 2017, appendix); entries that nobody
    chooses are placed anew on vectors of the batch."""

    def __init__(self, width=WIDTH, size=CODEBOOK, decay=0.98):
        super().__init__()
        self.decay, self.begun = decay, False
        self.register_buffer("entries", torch.randn(size, width) * 0.1)
        self.register_buffer("sums", self.entries.clone())
        self.register_buffer("counts", torch.ones(size))
        self.register_buffer("started", torch.zeros(()))

    def nearest(self, x):
        """Indices of the closest entries to [N, width]."""
        return torch.argmin(self.entries.square().sum(1) - 2 * x @ self.entries.T, dim=1)

    @torch.no_grad()
    def learn(self, x, chosen):
        self.begun = self.begun or bool(self.started)  # asks the GPU once only
        if not self.begun:
            self.entries.copy_(x[torch.randint(len(x), (len(self.entries),), device=x.device)])
            world.as_first(self.entries)
            self.counts.fill_(len(x) / len(self.entries))
            self.sums.copy_(self.entries * self.counts[:, None])
            self.started.fill_(1)
            return
        counts = torch.bincount(chosen, minlength=len(self.entries)).to(x.dtype)
        sums = torch.zeros_like(self.sums).index_add_(0, chosen, x)
        world.total(counts, sums)
        self.counts.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        dead = self.counts < 0.1 * self.counts.mean()
        fresh = x[torch.randint(len(x), (len(dead),), device=x.device)]
        world.as_first(fresh)
        self.counts.copy_(torch.where(dead, self.counts.mean(), self.counts))
        self.sums.copy_(torch.where(dead[:, None], fresh * self.counts[:, None], self.sums))
        self.entries.copy_(self.sums / self.counts[:, None])

    def forward(self, x, real):
        """(the entries closest to [N, width], their indices); in training it learns from those
        vectors that are `real` [N]."""
        if self.training:
            kept = x[real]
            self.learn(kept, self.nearest(kept))
        chosen = self.nearest(x)
        return self.entries[chosen], chosen


class Codec(nn.Module):
    def __init__(self, code2wav):
        super().__init__()
        hidden = code2wav.config.hidden_size
        self.encoder = Encoder()
        self.norm = nn.LayerNorm(self.encoder.width)
        self.to_words = nn.Linear(self.encoder.width, WIDTH)
        self.to_sound = nn.Linear(self.encoder.width, WIDTH)
        self.quantisers = nn.ModuleList(Quantiser() for _ in range(GROUPS))
        self.words = nn.Linear(WIDTH, hidden, bias=False)
        self.sound = nn.Linear(WIDTH, hidden, bias=False)
        self.tell = nn.Sequential(nn.Linear(WIDTH, 256), nn.GELU(), nn.Linear(256, 4 * N_PHONEMES))
        self.code2wav = code2wav

    def quantise(self, features, real=None):
        """Features [B, width, T], real [B, T] bool or None: (hidden [B, T, H] for code2wav, codes
        [B, G, T], commitment loss, what code 0 says about phonemes and what it would say if it
        were not quantised, [2, B, T, 4, phonemes])."""
        with torch.autocast(features.device.type, enabled=False):
            return self._quantise(features.transpose(1, 2).float(), real)

    def _quantise(self, features, real):
        batch, time, _ = features.shape
        real = torch.ones(batch, time, device=features.device).bool() if real is None else real
        weight = real.flatten().float() / real.sum()
        depth = self._depths(batch, features.device).repeat_interleave(time)
        features = self.norm(features)
        left = self.to_words(features).flatten(0, 1), self.to_sound(features).flatten(0, 1)
        taken, codes, commitment = [torch.zeros_like(left[0]), torch.zeros_like(left[1])], [], 0
        for group, quantiser in enumerate(self.quantisers):
            kind = 0 if group == 0 else 1
            target = left[kind] - taken[kind].detach()
            entry, chosen = quantiser(target.detach(), real.flatten())
            commitment = commitment + (weight * (target - entry).square().mean(1)).sum()
            entry = entry * (group <= depth)[:, None]
            taken[kind] = taken[kind] + entry
            codes.append(chosen)
        through = [x + (t - x).detach() for x, t in zip(left, taken)]
        hidden = (self.words(through[0]) + self.sound(through[1])).view(batch, time, -1)
        told = self.tell(torch.stack([through[0], left[0]]))
        told = told.view(2, batch, time, 4, N_PHONEMES)
        return (
            hidden,
            torch.stack(codes).view(GROUPS, batch, time).transpose(0, 1),
            commitment,
            told,
        )

    def _depths(self, batch, device):
        """The last residual code each utterance keeps: all, or in half of them, in training, a
        random number, so that the first codes carry the most."""
        depth = torch.full((batch,), GROUPS, device=device)
        if self.training:
            some = torch.randint(1, GROUPS, (batch,), device=device)
            depth = torch.where(torch.rand(batch, device=device) < 0.5, some, depth)
        return depth

    @torch.no_grad()
    def write_tables(self):
        """Puts the quantisers into code2wav's embedding, as parrot has it."""
        tables = [
            (self.words if group == 0 else self.sound)(quantiser.entries) * GROUPS
            for group, quantiser in enumerate(self.quantisers)
        ]
        self.code2wav.code_embedding.weight.copy_(torch.cat(tables))

    def encode(self, sound):
        """Codes [B, G, T]; in eval mode."""
        return self.quantise(self.encoder(sound))[1]


def contextualise(code2wav, hidden):
    """code2wav up to 50 columns a second: [B, T, H] to [B, H, 4 T]."""
    columns = code2wav.pre_transformer(inputs_embeds=hidden).last_hidden_state.transpose(1, 2)
    for blocks in code2wav.upsample:
        for block in blocks:
            columns = block(columns)
    return columns


def sound_of(code2wav, columns):
    """The convolutions of code2wav: [B, H, 4 T] to sound [B, 1920 T - 555], not clamped."""
    for block in code2wav.decoder:
        columns = block(columns)
    return columns[:, 0]
