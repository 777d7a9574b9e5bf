"""Several GPUs at one training: torchrun starts a process a GPU, each with its own batches; gradients
are averaged. Without torchrun there is one process and nothing happens here."""

import os

import torch
import torch.distributed as dist

RANK, SIZE = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def join(device):
    """The device of this process; call it before anything is put on one."""
    if SIZE > 1:
        if device == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if device == "cuda" else "gloo")
    return device


def wait():
    """For all processes."""
    if SIZE > 1:
        dist.barrier()


def leave():
    if SIZE > 1:
        dist.destroy_process_group()


def _together(tensors, action):
    """Runs `action` on all tensors of a kind as one flat tensor and writes the result back."""
    kinds = {}
    for tensor in tensors:
        kinds.setdefault(tensor.dtype, []).append(tensor)
    for same in kinds.values():
        flat = torch.cat([t.reshape(-1) for t in same])
        action(flat)
        parts = flat.split([t.numel() for t in same])
        torch._foreach_copy_(same, [part.view_as(t) for part, t in zip(parts, same)])


@torch.no_grad()
def average_gradients(gradients):
    if SIZE > 1:
        _together(gradients, lambda flat: dist.all_reduce(flat.div_(SIZE)))


@torch.no_grad()
def total(*tensors):
    """Sums over the processes, in place."""
    if SIZE > 1:
        for tensor in tensors:
            dist.all_reduce(tensor)


@torch.no_grad()
def share(tensor, edges):
    """Of a flat tensor each process has made elements edges[rank] to edges[rank + 1]: now all have all of it."""
    if SIZE > 1:
        for rank in range(SIZE):
            piece = tensor[edges[rank] : edges[rank + 1]]
            dist.broadcast(piece.view(torch.uint8), rank)  # NCCL knows no 16-bit integers


@torch.no_grad()
def as_first(*tensors):
    """The first process's values, in place."""
    if SIZE > 1 and tensors:
        _together([t.data for t in tensors], lambda flat: dist.broadcast(flat, 0))
