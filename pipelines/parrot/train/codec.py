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

import parrot
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


class Quantisers(nn.Module):
    """Codebooks [G, V, W] of moving averages (van den Oord et al. 2017, appendix); entries that nobody
    chooses are placed anew on vectors of the batch. Nothing is learnt in forward passes: they give what learn() wants."""

    def __init__(self, decay=0.98):
        super().__init__()
        self.decay = decay
        self.register_buffer("entries", torch.randn(GROUPS, CODEBOOK, WIDTH) * 0.1)
        self.register_buffer("sums", self.entries.clone())
        self.register_buffer("counts", torch.ones(GROUPS, CODEBOOK))

    def nearest(self, group, x):
        """Indices of the entries closest to [N, W]."""
        entries = self.entries[group]
        return torch.argmin(entries.square().sum(1) - 2 * x @ entries.T, dim=1)

    def begin(self, group, x):
        """The first entries of a codebook: vectors [N, W] of the first batch."""
        self.entries[group] = x[torch.randint(len(x), (CODEBOOK,), device=x.device)]
        self.counts[group] = len(x) / CODEBOOK
        self.sums[group] = self.entries[group] * self.counts[group, :, None]

    def seen(self, x, chosen, real, picks):
        """Of vectors [G, N, W], the entries they chose [G, N] and which are real [N]: how many chose each entry,
        their sums, and the vectors at `picks` [V] for entries that have to move."""
        shares = real.to(x.dtype).expand(GROUPS, -1)
        counts = torch.zeros_like(self.counts).scatter_add(1, chosen, shares)
        where = chosen[..., None].expand(-1, -1, WIDTH)
        sums = torch.zeros_like(self.sums).scatter_add(1, where, x * shares[..., None])
        return {"counts": counts, "sums": sums, "fresh": x[:, picks]}

    @torch.no_grad()
    def learn(self, counts, sums, fresh):
        world.total(counts, sums)
        world.as_first(fresh)
        self.counts.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        mean = self.counts.mean(1, keepdim=True)
        dead = self.counts < 0.1 * mean
        self.counts.copy_(torch.where(dead, mean, self.counts))
        self.sums.copy_(torch.where(dead[..., None], fresh * self.counts[..., None], self.sums))
        self.entries.copy_(self.sums / self.counts[..., None])


class Codec(nn.Module):
    def __init__(self, code2wav):
        super().__init__()
        hidden = code2wav.config.hidden_size
        self.encoder = Encoder()
        self.norm = nn.LayerNorm(self.encoder.width)
        self.to_words = nn.Linear(self.encoder.width, WIDTH)
        self.to_sound = nn.Linear(self.encoder.width, WIDTH)
        self.quantisers = Quantisers()
        self.words = nn.Linear(WIDTH, hidden, bias=False)
        self.sound = nn.Linear(WIDTH, hidden, bias=False)
        self.tell = nn.Sequential(nn.Linear(WIDTH, 256), nn.GELU(), nn.Linear(256, 4 * N_PHONEMES))
        self.code2wav = code2wav

    def quantise(self, features, depth=None, begin=False):
        """Features [B, width, T], the last residual code that each utterance keeps, [B] (all of them). Returns hidden
        [B, T, H] for code2wav, codes [G, B T], the vectors they stand for [G, B T, W], what code 0 says about phonemes
        and what it would say if it were not quantised [2, B, T, 4, phonemes]. With `begin` the codebooks are made
        of the features on the way."""
        with torch.autocast(features.device.type, enabled=False):
            return self._quantise(features.transpose(1, 2).float(), depth, begin)

    def _quantise(self, features, depth, begin):
        batch, time, _ = features.shape
        features = self.norm(features)
        left = self.to_words(features).flatten(0, 1), self.to_sound(features).flatten(0, 1)
        taken, codes, vectors = [torch.zeros_like(left[0]), torch.zeros_like(left[1])], [], []
        for group in range(GROUPS):
            kind = 0 if group == 0 else 1
            vectors.append(left[kind] - taken[kind].detach())
            if begin:
                self.quantisers.begin(group, vectors[-1].detach())
            codes.append(self.quantisers.nearest(group, vectors[-1].detach()))
            entry = self.quantisers.entries[group].index_select(0, codes[-1])
            if depth is not None:
                entry = entry * (group <= depth).repeat_interleave(time)[:, None]
            taken[kind] = taken[kind] + entry
        through = [x + (t - x).detach() for x, t in zip(left, taken)]
        hidden = (self.words(through[0]) + self.sound(through[1])).view(batch, time, -1)
        told = self.tell(torch.stack([through[0], left[0]]))
        told = told.view(2, batch, time, 4, N_PHONEMES)
        return hidden, torch.stack(codes), torch.stack(vectors), told

    def commitment(self, vectors, codes, real):
        """How far real [N] vectors [G, N, W] are from their entries, summed over the codes."""
        entries = torch.stack([self.quantisers.entries[g].index_select(0, codes[g]) for g in range(GROUPS)])
        return ((vectors - entries).square().mean(2) * real).sum() / real.sum()

    @torch.no_grad()
    def write_tables(self):
        """Puts the quantisers into code2wav's embedding, as parrot has it."""
        entries = self.quantisers.entries
        tables = torch.cat([self.words(entries[:1]), self.sound(entries[1:])]) * GROUPS
        self.code2wav.code_embedding.weight.copy_(tables.flatten(0, 1))

    def encode(self, sound):
        """Codes [B, G, T]."""
        return self.quantise(self.encoder(sound))[1].unflatten(1, (len(sound), -1)).transpose(0, 1)


def contextualise(code2wav, hidden):
    """code2wav up to 50 columns a second: [B, T, H] to [B, H, 4 T]."""
    window = code2wav.config.sliding_window
    columns = parrot.decode(code2wav.pre_transformer, hidden, axes=1, window=window).transpose(1, 2)
    for blocks in code2wav.upsample:
        for block in blocks:
            columns = block(columns)
    return columns


def sound_of(code2wav, columns):
    """The convolutions of code2wav: [B, H, 4 T] to sound [B, 1920 T - 555], not clamped."""
    for block in code2wav.decoder:
        columns = block(columns)
    return columns[:, 0]
