"""Spectrograms, mel filters and resampling in torch: for the codec's ears and losses, and the
log-mel of the audio encoder (spec of Whisper's front end)."""

import functools
import math

import torch


def exact(function):
    """Whatever autocast says, in f32: half a dozen bits less are heard in a spectrogram."""

    @functools.wraps(function)
    def run(sound, *args, **more):
        with torch.autocast(sound.device.type, enabled=False):
            return function(sound.float(), *args, **more)

    return run


def hertz(mel):
    """Slaney's mel scale."""
    return torch.where(mel < 15, 200 * mel / 3, 1000 * torch.exp((mel - 15) * math.log(6.4) / 27))


@functools.cache
def mel_filters(n_mels, n_fft, rate, device):
    """[n_fft / 2 + 1, n_mels], triangles of equal area from 0 to rate / 2."""
    top = 15 + 27 * math.log(rate / 2 / 1000) / math.log(6.4)
    points = hertz(torch.linspace(0, top, n_mels + 2, dtype=torch.float64))
    bins = torch.linspace(0, rate / 2, n_fft // 2 + 1, dtype=torch.float64)[:, None]
    rise = (bins - points[:-2]) / (points[1:-1] - points[:-2])
    fall = (points[2:] - bins) / (points[2:] - points[1:-1])
    filters = torch.minimum(rise, fall).clamp(min=0) * (2 / (points[2:] - points[:-2]))
    return filters.float().to(device)


@functools.cache
def window(n_fft, device):
    return torch.hann_window(n_fft, device=device)


@exact
def spectrum(sound, n_fft, hop):
    """Complex [B, n_fft / 2 + 1, frames] of [B, samples], centred, reflected at the ends."""
    return torch.stft(sound, n_fft, hop, window=window(n_fft, sound.device), return_complex=True)


@exact
def mel(sound, n_fft, hop, n_mels, rate=24000):
    """Magnitudes [B, n_mels, frames]."""
    magnitude = spectrum(sound, n_fft, hop).abs()
    return (magnitude.transpose(1, 2) @ mel_filters(n_mels, n_fft, rate, sound.device)).transpose(1, 2)


@exact
def log_mel(sound):
    """Features of the audio encoder, [B, 128, samples // 160], of 16 kHz sound that is padded
    with zeros at the right; the floor is that of each clip."""
    power = spectrum(sound, 400, 160).abs()[..., :-1] ** 2
    logs = (power.transpose(1, 2) @ mel_filters(128, 400, 16000, sound.device)).transpose(1, 2)
    logs = logs.clamp(min=1e-10).log10()
    return (torch.maximum(logs, logs.amax((1, 2), keepdim=True) - 8) + 4) / 4


@functools.cache
def low_pass(up, down, device, zeros=24):
    """Windowed sinc for resampling by up / down, at the rate between."""
    cut = max(up, down)
    n = torch.arange(-zeros * cut, zeros * cut + 1, dtype=torch.float64)
    taps = torch.sinc(n / cut * 0.95) * torch.hann_window(len(n), False, dtype=torch.float64)
    return (taps * up / taps.sum()).float().to(device)


@functools.cache
def phases(up, down, device):
    """low_pass as a filter for each of the `up` samples that `down` become, [up, 1, reach]; and how
    many samples before those it begins."""
    taps = low_pass(up, down, device)
    middle = len(taps) // 2
    before, after = middle // up, ((up - 1) * down + middle) // up
    into = torch.arange(-before, after + 1, device=device)
    index = torch.arange(up, device=device)[:, None] * down - into * up + middle
    inside = (index >= 0) & (index < len(taps))
    return (taps[index.clamp(0, len(taps) - 1)] * inside)[:, None], before


@exact
def resample(sound, up, down):
    """[B, samples] at up / down times the rate."""
    n, (filters, before) = sound.shape[-1], phases(up, down, sound.device)
    made = -(-n * up // down)
    room = before, (-(-made // up) - 1) * down + filters.shape[-1] - before - n
    blocks = torch.nn.functional.conv1d(torch.nn.functional.pad(sound, room)[:, None], filters, stride=down)
    return blocks.transpose(1, 2).flatten(1)[:, :made]
