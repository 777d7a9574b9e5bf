"""The teacher's voice in torch, for many utterances at once: VITS (Kim, Kong and Son 2021,
https://arxiv.org/abs/2106.06103) as Piper exports it, reading only.

    voice = Voice("teacher/voice.npz", "cuda", torch.float16)
    reading = voice.read(ids, lengths, width=0.3, length=1.0)    ids [B, T], lengths [B]
    sound = voice.say(reading, int(reading.frames.max()), noise=0.3)

Everything is [B, channels, T phonemes or F frames of HOP samples at 22,050 Hz]; masks are 1 where an
utterance is. Nothing waits for the device except who asks for the number of frames.
"""

import math
import typing

import numpy as np
import torch
import torch.nn.functional as F

HOP, RATE = 256, 22050
WIDTH, HEADS, WINDOW = 192, 2, 4  # of the text encoder; how far its relative positions reach
BINS, BOUND, LEAST = 10, 5.0, 1e-3  # of the splines: pieces, where they end, least width and slope
STRIDES = (8, 8, 4)  # of the decoder
DILATIONS = ((1, 2), (2, 6), (3, 12))  # of its residual blocks of kernel 3, 5, 7


class Reading(typing.NamedTuple):
    """What is said and how long, before it sounds."""

    mean: torch.Tensor  # [B, 192, T]
    log_scale: torch.Tensor  # [B, 192, T]
    ends: torch.Tensor  # [B, T] of the phonemes, in frames
    frames: torch.Tensor  # [B]


def mask_of(lengths, longest):
    """[B, 1, longest]"""
    return (torch.arange(longest, device=lengths.device) < lengths[:, None])[:, None].float()


def spline(y, widths, heights, slopes):
    """The inverse of a monotonic rational-quadratic spline (Durkan et al. 2019), the identity beyond
    BOUND. y [B, T]; widths, heights [B, T, BINS], slopes [B, T, BINS - 1], unnormalised."""

    def knots(raw):
        pieces = LEAST + (1 - LEAST * BINS) * raw.softmax(-1)
        inner = 2 * BOUND * pieces.cumsum(-1)[..., :-1] - BOUND
        return F.pad(F.pad(inner, (1, 0), value=-BOUND), (0, 1), value=BOUND)

    xs, ys = knots(widths), knots(heights)
    slopes = F.pad(LEAST + F.softplus(slopes), (1, 1), value=1.0)
    inside = y.clamp(-BOUND, BOUND)
    piece = (inside[..., None] >= ys[..., 1:-1]).sum(-1, keepdim=True)

    def at(values, offset=0):
        return values.gather(-1, piece + offset)[..., 0]

    width, height = at(xs, 1) - at(xs), at(ys, 1) - at(ys)
    slope, next_slope, mean = at(slopes), at(slopes, 1), height / width
    up = inside - at(ys)
    bend = up * (slope + next_slope - 2 * mean)
    a, b, c = bend + height * (mean - slope), height * slope - bend, -mean * up
    root = 2 * c / (-b - (b * b - 4 * a * c).clamp(min=0).sqrt())
    return torch.where(y.abs() <= BOUND, root * width + at(xs), y)


class Voice:
    def __init__(self, path, device="cpu", dtype=torch.float32):
        """`dtype`: of the decoder; the rest is f32."""
        with np.load(path) as stored:
            weights = {name: torch.from_numpy(stored[name]).to(device) for name in stored}
        self.weights = {
            name: w[:, :, None].to(dtype, memory_format=torch.channels_last)  # [out, in, 1, kernel]
            if name.startswith("dec.") and w.dim() == 3
            else w.to(dtype if name.startswith("dec.") else torch.float32)
            for name, w in weights.items()
        }
        self.dtype = dtype

    def conv(self, x, name, dilation=1, groups=1):
        """As long as x."""
        weight = self.weights[f"{name}.weight"]
        padding = (weight.shape[-1] - 1) // 2 * dilation
        bias = self.weights.get(f"{name}.bias")
        if weight.dim() == 3:
            return F.conv1d(x, weight, bias, 1, padding, dilation, groups)
        return F.conv2d(x, weight, bias, 1, (0, padding), (1, dilation), groups)

    def norm(self, x, name):
        gamma, beta = self.weights[f"{name}.gamma"], self.weights[f"{name}.beta"]
        return F.layer_norm(x.transpose(1, 2), gamma.shape, gamma, beta).transpose(1, 2)

    def attend(self, x, mask, name):
        """Every phoneme to every other; those within WINDOW have keys and values of their distance."""
        b, t = x.shape[0], x.shape[2]
        q, k, v = (self.conv(x, f"{name}.conv_{of}").view(b, HEADS, -1, t).transpose(2, 3) for of in "qkv")
        q = q / math.sqrt(q.shape[-1])
        row = torch.arange(t, device=x.device)
        distance = row - row[:, None] + WINDOW  # [T, T]
        close = (distance >= 0) & (distance <= 2 * WINDOW)
        by_distance = q @ self.weights[f"{name}.emb_rel_k"][0].T  # [B, heads, T, 2 * WINDOW + 1]
        index = distance.clamp(0, 2 * WINDOW).expand(b, HEADS, t, t)
        scores = q @ k.transpose(2, 3) + by_distance.gather(3, index) * close
        scores = scores.masked_fill((mask.transpose(1, 2) * mask)[:, None] == 0, -1e4)
        p = scores.softmax(-1)
        near = row[:, None] + torch.arange(-WINDOW, WINDOW + 1, device=x.device)  # [T, 2 * WINDOW + 1]
        p_near = p.gather(3, near.clamp(0, t - 1).expand(b, HEADS, t, -1)) * ((near >= 0) & (near < t))
        out = p @ v + p_near @ self.weights[f"{name}.emb_rel_v"][0]
        return self.conv(out.transpose(2, 3).reshape(b, -1, t), f"{name}.conv_o")

    def encode(self, ids, mask):
        """Phonemes: (states, mean and log of the scale of what they become), each [B, 192, T]."""
        x = F.embedding(ids, self.weights["enc_p.emb.weight"]).transpose(1, 2) * math.sqrt(WIDTH) * mask
        for layer in range(6):
            name = "enc_p.encoder.{}." + str(layer)
            x = self.norm(x + self.attend(x, mask, name.format("attn_layers")), name.format("norm_layers_1"))
            y = self.conv(x * mask, name.format("ffn_layers") + ".conv_1").relu()
            y = self.conv(y * mask, name.format("ffn_layers") + ".conv_2") * mask
            x = self.norm(x + y, name.format("norm_layers_2"))
        x = x * mask
        return x, *(self.conv(x, "enc_p.proj") * mask).split(WIDTH, 1)

    def dilated(self, x, mask, name):
        """Depthwise convolutions that see ever further."""
        for i in range(3):
            y = self.conv(x * mask, f"{name}.convs_sep.{i}", 3**i, WIDTH)
            y = F.gelu(self.norm(y, f"{name}.norms_1.{i}"))
            y = F.gelu(self.norm(self.conv(y, f"{name}.convs_1x1.{i}"), f"{name}.norms_2.{i}"))
            x = x + y
        return x * mask

    def durations(self, x, mask, width):
        """Seconds' logarithm of each phoneme, by chance of `width`: [B, 1, T]."""
        x = self.dilated(self.conv(x, "dp.pre"), mask, "dp.convs")
        x = self.conv(x, "dp.proj") * mask
        z = torch.randn(x.shape[0], 2, x.shape[2], device=x.device) * width * mask
        for flow in (7, 5, 3):
            kept, moved = z.flip(1).split(1, 1)
            name = f"dp.flows.{flow}"
            h = self.dilated(self.conv(kept, f"{name}.pre") + x, mask, f"{name}.convs")
            h = (self.conv(h, f"{name}.proj") * mask).transpose(1, 2)
            widths, heights, slopes = h.split((BINS, BINS, BINS - 1), 2)
            scale = math.sqrt(WIDTH)
            moved = spline(moved[:, 0], widths / scale, heights / scale, slopes)[:, None]
            z = torch.cat((kept, moved), 1) * mask
        z = (z.flip(1) - self.weights["dp.flows.0.m"]) * self.weights["dp.flows.0.scale"] * mask
        return z[:, :1]

    @torch.no_grad()
    def read(self, ids, lengths, width, length):
        mask = mask_of(lengths, ids.shape[1])
        x, mean, log_scale = self.encode(ids, mask)
        frames = (self.durations(x, mask, width).exp() * mask * length).ceil()[:, 0]
        ends = frames.cumsum(1).long()
        return Reading(mean, log_scale, ends, ends[:, -1].clamp(min=1))

    def unmix(self, x, mask):
        """The flow from what phonemes are to what the decoder reads, backwards."""
        for flow in (6, 4, 2, 0):
            kept, moved = x.flip(1).chunk(2, 1)
            name = f"flow.flows.{flow}"
            h, skipped = self.conv(kept, f"{name}.pre") * mask, 0
            for i in range(4):
                a, b = self.conv(h, f"{name}.enc.in_layers.{i}").chunk(2, 1)
                more = self.conv(a.tanh() * b.sigmoid(), f"{name}.enc.res_skip_layers.{i}")
                if i < 3:
                    h = (h + more[:, :WIDTH]) * mask
                skipped = skipped + more[:, -WIDTH:]
            moved = (moved - self.conv(skipped * mask, f"{name}.post")) * mask
            x = torch.cat((kept, moved), 1)
        return x * mask

    def decode(self, x):
        """HiFi-GAN (Kong, Kim and Bae 2020): [B, 192, F] to [B, F * HOP]. Two-dimensional convolutions
        of one row, channels innermost: what tensor cores read."""
        x = x[:, :, None].to(self.dtype, memory_format=torch.channels_last)
        x = self.conv(x, "dec.conv_pre")
        for stage, stride in enumerate(STRIDES):
            name = f"dec.ups.{stage}"
            weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
            padding = (0, (weight.shape[-1] - stride) // 2)
            x = F.conv_transpose2d(F.leaky_relu(x, 0.1), weight, bias, (1, stride), padding)
            x = self.blocks(x, 3 * stage)
        return self.conv(F.leaky_relu(x, 0.01), "dec.conv_post")[:, 0, 0].float().tanh()

    def blocks(self, x, first):
        """The mean of what a stage's residual blocks make; in place, for these are the largest tensors."""
        active, total = F.leaky_relu(x, 0.1), None
        for number, dilations in enumerate(DILATIONS, first):
            name = f"dec.resblocks.{number}.convs"
            y = self.conv(active, f"{name}.0", dilations[0]).add_(x)
            y = self.conv(F.leaky_relu(y, 0.1), f"{name}.1", dilations[1]).add_(y)
            total = y if total is None else total.add_(y)
        return total.div_(len(DILATIONS))

    @torch.no_grad()
    def say(self, reading, n_frames, noise):
        """[B, n_frames * HOP]; an utterance is its first reading.frames * HOP samples."""
        mask = mask_of(reading.frames, n_frames)
        frame = torch.arange(n_frames, device=mask.device).expand(len(mask), -1).contiguous()
        phoneme = torch.searchsorted(reading.ends, frame, right=True)
        phoneme = phoneme.clamp(max=reading.ends.shape[1] - 1)[:, None].expand(-1, WIDTH, -1)
        mean, log_scale = reading.mean.gather(2, phoneme), reading.log_scale.gather(2, phoneme)
        x = mean + torch.randn_like(mean) * log_scale.exp() * noise
        return self.decode(self.unmix(x * mask, mask))
