"""Connectionist temporal classification (Graves et al. 2006) as tensor operations of fixed shapes, which a CUDA graph
can hold; torch's own wants lengths on the CPU. Forward and backward variables, and so the gradient, are found in one
recursion of four small operations a row.

B sounds of T rows, N target symbols at most; states S = 2 N + 1: a blank, the first symbol, a blank, ...
"""

import torch

NEVER = -1e30  # the logarithm of nothing: finite, so that differences stay numbers


def recursion(emit, skips):
    """Logarithms [B, T, S] of the probability of all ways that are in state s at row t, from those `emit` [B, T, S] of
    each row's symbol in each state. `skips` [B, S]: 0 where a state may follow the one two before, else NEVER."""
    batch, time, states = emit.shape
    ways = emit.new_full((time + 1, batch, states + 2), NEVER)
    ways[0, :, 1] = 0  # from here the first row comes to the first blank or to the first symbol
    emit = emit.transpose(0, 1)
    for t in range(time):
        stay, step, skip = ways[t, :, 2:], ways[t, :, 1:-1], ways[t, :, :-2]
        came = torch.logaddexp(torch.logaddexp(stay, step), skip + skips)
        torch.add(came, emit[t], out=ways[t + 1, :, 2:])
    return ways[1:, :, 2:].transpose(0, 1)


def skips_of(targets):
    """For recursion(): from symbol to symbol the blank can be left out, unless they are the same."""
    same = torch.zeros_like(targets, dtype=torch.bool)
    same[:, 1:] = targets[:, 1:] == targets[:, :-1]
    skips = torch.full((len(targets), 2 * targets.shape[1] + 1), NEVER, device=targets.device)
    skips[:, 1::2] = skips[:, 1::2].masked_fill(~same, 0.0)
    return skips


class Ways(torch.autograd.Function):
    """-log of the probability [B] of the targets [B, N] (each padded with -1) in the first counts [B] rows of `emit`
    [B, T, S]; 0 where there is no way."""

    @staticmethod
    def forward(ctx, emit, targets, counts):
        batch, time, states = emit.shape
        symbols = (targets >= 0).sum(1)
        last = 2 * symbols  # state
        t, s = torch.arange(time, device=emit.device), torch.arange(states, device=emit.device)
        # The same from the end: an index that turns rows and states round, and turns them back.
        turned_t = (counts[:, None] - 1 - t).clamp(min=0)
        turned_s = (last[:, None] - s).clamp(min=0)
        turn = (turned_t[:, :, None] * states + turned_s[:, None]).flatten(1)
        turned = emit.flatten(1).gather(1, turn).view_as(emit)
        n = torch.arange(targets.shape[1], device=emit.device)
        back = targets.gather(1, (symbols[:, None] - 1 - n).clamp(min=0))
        skips = torch.cat([skips_of(targets), skips_of(back)])
        before, after = recursion(torch.cat([emit, turned]), skips).split(batch)
        after = after.flatten(1).gather(1, turn).view_as(emit)

        end = before.gather(1, (counts - 1).clamp(min=0)[:, None, None].expand(-1, 1, states))[:, 0]
        end = end.gather(1, torch.stack([last, (last - 1).clamp(min=0)], 1))
        all_ways = torch.where(symbols > 0, torch.logaddexp(end[:, 0], end[:, 1]), end[:, 0])
        there = (all_ways > NEVER / 2) & (counts > 0)
        real = there[:, None, None] & (t < counts[:, None])[..., None] & (s <= last[:, None])[:, None]
        share = (before + after - emit - all_ways[:, None, None]).clamp(max=0).exp()
        ctx.save_for_backward(torch.where(real, share, 0.0))
        return torch.where(there, -all_ways, 0.0)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.saved_tensors[0] * gradient[:, None, None], None, None


def loss(logits, targets, counts):
    """Mean over the sounds of the loss a symbol, from logits [B, T, V + 1], the last one the blank's; targets [B, N]
    padded with -1, real rows counts [B]. F.ctc_loss(..., zero_infinity=True) gives the same."""
    logs = logits.float().log_softmax(-1)
    index = targets.clamp(min=0).long()[:, None].expand(-1, logs.shape[1], -1)
    symbols, blank = logs.gather(2, index), logs[..., -1:]
    pairs = torch.stack([blank.expand_as(symbols), symbols], -1).flatten(2)
    losses = Ways.apply(torch.cat([pairs, blank], -1), targets, counts)
    return (losses / (targets >= 0).sum(1).clamp(min=1)).mean()
