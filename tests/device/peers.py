#!/usr/bin/env python3
"""What the reference (transformers) takes on this machine's GPU, at the released sizes, in bfloat16, with random
weights: to put beside speed.sh of the same run. One line a figure. Needs torch with CUDA and transformers 5.17.

usage: peers.py [--seconds S] [--device cuda]

Thinker layers are alike, so two of 48 are run and the time of the others is 23 times what the second adds.
"""
import argparse
import json
import pathlib
import time
import warnings

import torch
from transformers import DynamicCache
from transformers.models.qwen3_omni_moe import modeling_qwen3_omni_moe as reference
from transformers.models.qwen3_omni_moe.configuration_qwen3_omni_moe import Qwen3OmniMoeConfig

ROOT = pathlib.Path(__file__).parent.parent
warnings.filterwarnings("ignore")


def make(name, config, device):
    """A module of the reference, weights N(0, 0.02)."""
    config._attn_implementation = "sdpa"
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        module = getattr(reference, name)(config).eval()
    torch.set_default_dtype(before)
    for p in module.parameters():
        p.data.normal_(0, 0.02)
    return module


class Clock:
    def __init__(self, device, seconds):
        self.device, self.seconds = device, seconds

    def wait(self):
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()

    def best(self, work):
        """Seconds of the fastest call of five or more; the first two do not count."""
        work(), work(), self.wait()
        times, end = [], time.monotonic() + self.seconds
        while len(times) < 5 or time.monotonic() < end and len(times) < 50:
            start = time.monotonic()
            work()
            self.wait()
            times.append(time.monotonic() - start)
        return min(times)


def say(what, seconds, rate=""):
    print(f"{what:52}{1e3 * seconds:10.2f} ms  {rate}", flush=True)


def decode(clock, model, config, context, rows=1):
    """A step of `rows` tokens behind `context` tokens."""
    cache = DynamicCache(config=config)
    x = torch.randn(1, max(context, 1), config.hidden_size, dtype=torch.bfloat16, device=clock.device) * 0.02
    if context:
        model(inputs_embeds=x, past_key_values=cache, use_cache=True)
    step = torch.randn(1, rows, config.hidden_size, dtype=torch.bfloat16, device=clock.device) * 0.02

    def work():
        model(inputs_embeds=step, past_key_values=cache, use_cache=True)
        cache.crop(context)

    return clock.best(work)


def thinker(clock, config):
    c = config.thinker_config.text_config
    all_layers, times = c.num_hidden_layers, {}
    for layers in (1, 2):
        c.num_hidden_layers = layers
        model = make("Qwen3OmniMoeThinkerTextModel", c, clock.device)
        for context, rows in ((512, 1), (1024, 1), (0, 512), (0, 2048)):
            times[layers, context, rows] = decode(clock, model, c, context, rows)
        del model
    for context, rows in ((512, 1), (1024, 1), (0, 512), (0, 2048)):
        one, two = times[1, context, rows], times[2, context, rows]
        whole = one + (all_layers - 1) * (two - one)
        what = f"thinker, token after {context}" if rows == 1 else f"thinker, prompt of {rows}"
        say(what + f" ({all_layers} layers, from 2)", whole, f"{rows / whole:.0f} tokens/s")


def talker(clock, config):
    c = config.talker_config.text_config
    say("talker step after 100", decode(clock, make("Qwen3OmniMoeTalkerModel", c, clock.device), c, 100))
    p = config.talker_config.code_predictor_config
    model = make("Qwen3OmniMoeTalkerCodePredictorModel", p, clock.device)
    say("code predictor, 15 steps", 15 * decode(clock, model, p, 8))


def code2wav(clock, config):
    c = config.code2wav_config
    model = make("Qwen3OmniMoeCode2Wav", c, clock.device)
    for frames in (125, 37):
        codes = torch.randint(0, 2048, (1, 16, frames), device=clock.device)
        say(f"code2wav, {frames} frames", clock.best(lambda codes=codes: model(codes)))


def encoder(clock, config):
    c = config.thinker_config.audio_config
    model = make("Qwen3OmniMoeAudioEncoder", c, clock.device)
    mel = torch.randn(c.num_mel_bins, 3000, dtype=torch.bfloat16, device=clock.device)
    lengths = torch.tensor([3000], device=clock.device)
    say("audio encoder, 30 s", clock.best(lambda: model(mel, feature_lens=lengths)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--seconds", type=float, default=1, help="for each figure")
    p.add_argument("--device", default="cuda")
    p.add_argument("parts", nargs="*", default=["encoder", "code2wav", "talker", "thinker"])
    a = p.parse_args()
    config = Qwen3OmniMoeConfig(**json.loads((ROOT / "bench/true-size/config.json").read_text()))
    clock = Clock(a.device, a.seconds)
    if a.device.startswith("cuda"):
        print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    with torch.no_grad():
        for part in a.parts:
            try:
                {"encoder": encoder, "code2wav": code2wav, "talker": talker, "thinker": thinker}[part](clock, config)
            except Exception as e:  # one that cannot run does not hide the others
                print(f"{part}: {type(e).__name__}: {str(e)[:300]}", flush=True)


if __name__ == "__main__":
    main()
