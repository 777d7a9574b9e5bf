"""Batches made beside the training, in processes of their own."""

import random

import torch

import world


class Endless(torch.utils.data.IterableDataset):
    def __init__(self, make, seed):
        self.make, self.seed = make, seed

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        random_ = random.Random(f"{self.seed} {world.RANK} {worker.id if worker else 0}")
        while True:
            yield from self.make(random_)


def feed(make, seed, device, workers):
    """What make(random.Random) yields, again and again."""
    loader = torch.utils.data.DataLoader(
        Endless(make, seed),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
        pin_memory=device == "cuda",
        prefetch_factor=8 if workers else None,
    )
    return iter(loader)


def by_length(rows, size, length, random_):
    """Rows sorted into batches of like length, in any order; what is left over is left out, whatever its length."""
    rows = sorted(random_.sample(rows, len(rows) // size * size), key=length)
    batches = [rows[i : i + size] for i in range(0, len(rows), size)]
    random_.shuffle(batches)
    return batches
