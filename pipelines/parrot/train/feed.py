"""Batches made beside the training, in processes of their own."""

import itertools
import random

import torch

import world


class Endless(torch.utils.data.IterableDataset):
    def __init__(self, make, seed):
        self.make, self.seed = make, seed

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        random_ = random.Random(f"{self.seed} {world.RANK} {worker.id if worker else 0}")
        return (self.make(random_) for _ in itertools.count())


def feed(make, seed, device, workers):
    """Endless results of make(random.Random)."""
    loader = torch.utils.data.DataLoader(
        Endless(make, seed),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
        pin_memory=device == "cuda",
        prefetch_factor=4 if workers else None,
    )
    return iter(loader)
