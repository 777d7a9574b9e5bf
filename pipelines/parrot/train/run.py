"""What every training program does: run for some minutes, go on where the last run stopped, say
how it goes.

Learning rates follow the clock, not a count of steps: `progress` is the share of the planned
minutes (--plan, over all runs) that has been used, so any machine gets through the whole schedule.
With several processes (world.py) the first one's clock counts, and it alone writes.
"""

import argparse
import json
import math
import os
import pathlib
import time

import torch
import torch.nn.functional as F

import world

IGNORED = -100  # a target that is none
CLOCK = 10  # steps between two looks at it


def arguments(description, plan):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--state", type=pathlib.Path, required=True, help="checkpoint of this stage"
    )
    parser.add_argument("--minutes", type=float, default=9, help="of this run")
    parser.add_argument("--plan", type=float, default=plan, help="minutes of all runs together")
    parser.add_argument("--end", type=float, help="of run and plan, seconds since 1970, whatever their minutes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=pathlib.Path, help="JSON lines")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


class Run:
    """`parts`: what the checkpoint holds, each with state_dict(). One may be missing in it: a
    lighter checkpoint that travelled (carry.py) has no optimisers. `settle`: the first steps, in which only what
    is not there learns."""

    def __init__(self, options, parts, settle=0):
        self.options, self.parts, self.settle = options, parts, settle
        self.step, self.used, self.calm = 0, 0.0, False
        if options.device == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        if options.state.exists():
            self.load()
        for part in parts.values():
            if isinstance(part, torch.nn.Module):
                world.as_first(*part.parameters(), *part.buffers())
        torch.manual_seed(options.seed + self.step + 1009 * world.RANK)
        self.start = self.said = self.saved = time.time()
        if options.end:
            options.minutes = max(0.01, (options.end - self.start) / 60)
            options.plan = self.used / 60 + options.minutes
        self.sums, self.count, self.now, self.waited = {}, 0, None, 0.0

    def load(self):
        state = torch.load(self.options.state, map_location=self.options.device, weights_only=True)
        self.step, self.used = state["step"], state["used"]
        for name, part in self.parts.items():
            stored = state.get(name, state.get("average") if name in ("thinker", "talker") else None)
            if stored is not None:
                part.load_state_dict(stored)
        print(f"goes on at step {self.step}, {self.used / 60:.1f} minutes in", flush=True)

    def save(self):
        self.saved = time.time()
        if world.RANK:
            return
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state.update(step=self.step, used=self.used + time.time() - self.start)
        part = self.options.state.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.options.state)

    def look_at_clock(self):
        passed = time.time() - self.start
        now = torch.tensor(
            [(self.used + passed) / (60 * self.options.plan), passed / (60 * self.options.minutes)],
            device=self.options.device,
        )
        world.as_first(now)
        self.now = now.tolist()

    @property
    def progress(self):
        return min(1.0, self.now[0])

    def rate(self, peak, warm=200, floor=0.05):
        """Learning rate now: a linear start, another one for what was still before, then half a cosine over the plan."""
        step = self.step - (self.settle if self.settled else 0)
        wave = 0.5 * (1 + math.cos(math.pi * self.progress))
        return peak * min(1.0, (step + 1) / warm) * (floor + (1 - floor) * wave)

    @property
    def settled(self):
        """The first steps are over."""
        return self.step >= self.settle

    def grows_calm(self, share):
        """True once, when the last `share` of the plan begins, in which nothing is hidden or forgotten any more: a
        small model has enough to do."""
        if self.calm or self.progress < 1 - share:
            return False
        self.calm = True
        if not world.RANK:
            print(f"calm from step {self.step} on", flush=True)
        return True

    def hold_still(self, model):
        """The model stays as it is in the next follow(), while these steps last."""
        if not self.settled:
            torch._foreach_zero_([p.grad for p in model.parameters() if p.grad is not None])

    def going(self):
        """True until the minutes of this run, or the plan, are used up; saves now and then."""
        if time.time() - self.saved > 120:
            self.save()
        if self.now is None or self.step % CLOCK == 0:
            self.look_at_clock()
        return self.progress < 1 and self.now[1] < 1

    def next(self, feed):
        """The next batch of a feed (feed.py); say() tells for what share of the time one had to wait for them."""
        began = time.time()
        batch = next(feed)
        self.waited += time.time() - began
        return batch

    def note(self, **losses):
        """Call once a step, with tensors; prints means every ten seconds."""
        self.step += 1
        self.count += 1
        for name, value in losses.items():
            total, count = self.sums.get(name, (0, 0))
            self.sums[name] = total + torch.as_tensor(value).detach().float(), count + 1
        if time.time() - self.said > 10:
            self.say()

    def say(self):
        seconds = time.time() - self.said
        if not world.RANK:
            self._write(seconds)
        self.sums, self.count, self.waited, self.said = {}, 0, 0.0, time.time()

    def _write(self, seconds):
        line = {"step": self.step, "minutes": round((self.used + time.time() - self.start) / 60, 2)}
        line.update({k: round(float(total) / n, 4) for k, (total, n) in self.sums.items()})
        line["steps/s"] = round(self.count / seconds, 2)
        if self.waited:
            line["waited"] = round(self.waited / seconds, 3)
        print(json.dumps(line), flush=True)
        if self.options.log:
            with self.options.log.open("a") as log:
                print(json.dumps(line), file=log)

    def finish(self):
        if self.count:
            self.say()
        self.save()


def set_rate(optimizer, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("scale", 1)


def adamw(parameters, decay=0.02):
    """AdamW that leaves vectors alone."""
    return torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
            {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98),
        fused=parameters[0].is_cuda,
    )


def follow(optimizer, parameters, most=1.0):
    """One step down the gradients that are there, which begin anew; how steep it was."""
    gradients = [p.grad for p in parameters]
    world.average_gradients(gradients)
    norm = torch.nn.utils.clip_grad_norm_(parameters, most)
    optimizer.step()
    torch._foreach_zero_(gradients)
    return norm


def no_gradients(parameters):
    """Gradients of zero, which then stay where they are."""
    for p in parameters:
        p.grad = torch.zeros_like(p)


def weighted(losses, weights):
    """The losses and, as "total", what is followed."""
    total = sum(weights[name] * loss for name, loss in losses.items() if name in weights)
    return {**losses, "total": total}


def cross_entropy(logits, targets):
    """(mean over the rows [N, V] that have a target, 0 if none has; share of them whose target is the likeliest)"""
    targets = targets.long()
    taught = targets != IGNORED
    right = (logits.detach().argmax(-1) == targets) & taught
    count = taught.sum().clamp(min=1)
    loss = F.cross_entropy(logits.float(), targets, ignore_index=IGNORED, reduction="sum")
    return loss / count, right.sum() / count
