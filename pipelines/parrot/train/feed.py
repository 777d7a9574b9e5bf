"""Batches made beside the training, in processes of their own."""

import random

import torch

import world

ALIGNED = 16  # bytes


class Packed:
    """A dict on its way between processes, its tensors as one: each of them would cost a file descriptor and some
    tenths of a millisecond."""

    def __init__(self, batch):
        tensors = {name: x for name, x in batch.items() if torch.is_tensor(x)}
        self.rest = {name: x for name, x in batch.items() if name not in tensors}
        self.kinds = [(name, x.dtype, x.shape, x.nbytes) for name, x in tensors.items()]
        parts = [(x.contiguous().view(-1).view(torch.uint8), -x.nbytes % ALIGNED) for x in tensors.values()]
        self.flat = torch.cat([torch.nn.functional.pad(part, (0, more)) for part, more in parts])

    def pin_memory(self):
        self.flat = self.flat.pin_memory()
        return self

    def unpacked(self):
        batch, at = dict(self.rest), 0
        for name, dtype, shape, size in self.kinds:
            batch[name] = self.flat[at : at + size].view(dtype).view(shape)
            at += size + -size % ALIGNED
        return batch


class Endless(torch.utils.data.IterableDataset):
    def __init__(self, make, seed):
        self.make, self.seed = make, seed

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        random_ = random.Random(f"{self.seed} {world.RANK} {worker.id if worker else 0}")
        while True:
            yield from map(Packed, self.make(random_))


def feed(make, seed, device, workers):
    """The dicts that make(random.Random) yields, again and again."""
    loader = torch.utils.data.DataLoader(
        Endless(make, seed),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
        pin_memory=device == "cuda",
        prefetch_factor=8 if workers else None,
    )
    return map(Packed.unpacked, iter(loader))


def by_length(rows, size, length, random_):
    """Rows sorted into batches of like length, in any order; what is left over is left out, whatever its length."""
    rows = sorted(random_.sample(rows, len(rows) // size * size), key=length)
    batches = [rows[i : i + size] for i in range(0, len(rows), size)]
    random_.shuffle(batches)
    return batches
