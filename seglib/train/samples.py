"""Which samples a step sees, and their augmentation: functions of seed and step, whatever the number of processes."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

Sample = tuple[Tensor, Tensor]


def derived_seed(*parts: int | str) -> int:
    """A seed of its own for everything that is drawn: 63 bits of a hash, the same on every machine."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


class Order:
    """The order of the samples: one permutation after the other, each drawn from seed and epoch alone.

    A step takes the next `size` places of this sequence, and so may end one epoch and begin the next; no sample is left
    out, and a data set smaller than a batch will do.

    Args:
        samples: how many there are.
        size: images in one step, of all processes together.
        seed: of the run.
    """

    def __init__(self, samples: int, *, size: int, seed: int):
        self.samples, self.size, self.seed = samples, size, seed
        self._epoch, self._permutation = -1, []

    def step(self, step: int) -> list[tuple[int, int]]:
        """Epoch and index of each sample of a step, counted from 0."""
        return [self._at(place) for place in range(step * self.size, (step + 1) * self.size)]

    def _at(self, place: int) -> tuple[int, int]:
        epoch, i = divmod(place, self.samples)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derived_seed(self.seed, "epoch", epoch))
            self._epoch, self._permutation = epoch, torch.randperm(self.samples, generator=generator).tolist()
        return epoch, self._permutation[i]


class ProcessBatches:
    """For a DataLoader: this process's part of each step, from `start` on.

    Process r of P takes the r-th of P equal parts: together they see what one process would see with P times the batch.
    """

    def __init__(self, order: Order, *, start: int, stop: int, process: int, processes: int):
        self.order, self.start, self.stop = order, start, stop
        self.process, self.processes = process, processes

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        each = self.order.size // self.processes
        for step in range(self.start, self.stop):
            yield self.order.step(step)[self.process * each : (self.process + 1) * each]

    def __len__(self) -> int:
        return self.stop - self.start


class Samples(Dataset):
    """A data set by (epoch, index), checked and augmented; chance is drawn from seed, epoch and index alone."""

    def __init__(self, dataset: Any, *, seed: int, augment: Callable[[Tensor, Tensor], Sample] | None = None):
        self.dataset, self.seed, self.augment = dataset, seed, augment

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, keys: list[tuple[int, int]]) -> list[Sample]:
        indices = [index for _, index in keys]
        many = getattr(self.dataset, "__getitems__", None)
        samples = many(indices) if many else [self.dataset[index] for index in indices]
        return [self._prepared(*key, *sample) for key, sample in zip(keys, samples, strict=True)]

    def _prepared(self, epoch: int, index: int, image: Tensor, target: Tensor) -> Sample:
        _check(self.dataset, index, image, target)
        if self.augment is None:
            return image, target
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(self.seed, "augment", epoch, index))
            return self.augment(image, target)


def collate(samples: list[Sample]) -> Sample:
    """Images `N 3 H W` and targets `N H W` of samples of one size.

    Raises:
        ValueError: samples of different sizes.
    """
    sizes = sorted({tuple(image.shape[1:]) for image, _ in samples})
    if len(sizes) > 1:
        raise ValueError(
            f"the images of a batch are of different sizes, {', '.join(f'{h} x {w}' for h, w in sizes)}: give the "
            "recipe a crop, or batch_size=1"
        )
    images, targets = zip(*samples, strict=True)
    return torch.stack(images), torch.stack(targets)


def _check(dataset: Any, index: int, image: Tensor, target: Tensor) -> None:
    """Name the sample that a network or a loss would choke on, deep in a kernel and without its index."""
    where = f"sample {index} of {type(dataset).__name__}"
    if image.ndim != 3 or image.dtype != torch.float32 or target.dtype != torch.int64:
        raise ValueError(
            f"{where} must be an image, float32 3 H W, and a target, int64 H W; got {image.dtype} "
            f"{tuple(image.shape)} and {target.dtype} {tuple(target.shape)}"
        )
    if image.shape[1:] != target.shape:
        raise ValueError(f"{where}: an image of {tuple(image.shape[1:])} has a target of {tuple(target.shape)}")
    wrong = (target < 0) | (target >= len(dataset.classes))
    if dataset.ignore_index is not None:
        wrong &= target != dataset.ignore_index
    if wrong.any():
        raise ValueError(
            f"{where} has the label {int(target[wrong][0])}; there are {len(dataset.classes)} classes, from 0 on, and "
            f"ignore_index is {dataset.ignore_index}"
        )
