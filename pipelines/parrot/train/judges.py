"""What the codec is measured by: mel distances, and two kinds of discriminators, as in HiFi-GAN
(Kong et al. 2020: periods) and EnCodec/DAC (complex spectrograms)."""

import torch
import torch.nn.functional as F
from torch import nn

import spectra

MELS = (
    (64, 16, 10),
    (128, 32, 20),
    (256, 64, 40),
    (512, 128, 80),
    (1024, 256, 100),
    (2048, 512, 160),
)
FLOOR = 1e-4


def mel_distance(a, b):
    """Mean absolute difference of log and linear mels over several resolutions, [B, samples]."""
    total = 0
    for n_fft, hop, n_mels in MELS:
        x, y = (spectra.mel(s, n_fft, hop, n_mels).clamp(min=FLOOR) for s in (a, b))
        total = total + (x.log10() - y.log10()).abs().mean() + (x - y).abs().mean() / 10
    return total / len(MELS)


class ByPeriod(nn.Module):
    """Looks at every period-th sample."""

    def __init__(self, period, widths=(32, 128, 256, 256)):
        super().__init__()
        self.period = period
        ins = (1, *widths)
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(i, o, (5, 1), (3, 1), (2, 0)))
            for i, o in zip(ins, widths)
        )
        self.last = nn.utils.parametrizations.weight_norm(
            nn.Conv2d(widths[-1], 1, (3, 1), 1, (1, 0))
        )

    def forward(self, sound):
        x = F.pad(sound, (0, -sound.shape[1] % self.period))
        return features(x.view(len(x), 1, -1, self.period), self.layers, self.last)


class BySpectrum(nn.Module):
    """Looks at a complex spectrogram."""

    def __init__(self, n_fft, width=32):
        super().__init__()
        self.n_fft = n_fft
        shapes = [(2, 1), (width, 2), (width, 2), (width, 1)]
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(i, width, (3, 9), (1, stride), (1, 4)))
            for i, stride in shapes
        )
        self.last = nn.utils.parametrizations.weight_norm(nn.Conv2d(width, 1, 3, 1, 1))

    def forward(self, sound):
        spectrum = spectra.spectrum(sound, self.n_fft, self.n_fft // 4)
        x = torch.view_as_real(spectrum).permute(0, 3, 2, 1).contiguous()
        return features(x, self.layers, self.last)


def features(x, layers, last):
    """[output of each layer, the verdict last]"""
    seen = []
    for layer in layers:
        x = F.leaky_relu(layer(x), 0.1)
        seen.append(x)
    return [*seen, last(x)]


class Judges(nn.Module):
    def __init__(self):
        super().__init__()
        self.judges = nn.ModuleList(
            [*(ByPeriod(p) for p in (2, 3, 5, 7, 11)), *(BySpectrum(n) for n in (512, 1024, 2048))]
        )

    def forward(self, sound):
        return [judge(sound) for judge in self.judges]


def judge_loss(real, made):
    """Least squares: 1 for what is real, 0 for what is made."""
    return sum(
        (1 - r[-1].float()).square().mean() + m[-1].float().square().mean()
        for r, m in zip(real, made)
    ) / len(real)


def maker_losses(real, made):
    """(how far from being taken for real, distance of the layers' features)"""
    fooled = sum((1 - m[-1].float()).square().mean() for m in made) / len(made)
    apart = sum(
        (a.detach() - b).abs().mean() / (a.detach().abs().mean() + 1e-3)
        for r, m in zip(real, made)
        for a, b in zip(r[:-1], m[:-1])
    )
    return fooled, apart / sum(len(r) - 1 for r in real)
