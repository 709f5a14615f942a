"""How often each class occurs, and the weights that make up for it.

Median frequency balancing is of Eigen and Fergus, "Predicting Depth, Surface Normals and Semantic Labels with a Common
Multi-Scale Convolutional Architecture", ICCV 2015, https://arxiv.org/abs/1411.4734; SegNet is
trained with it.
"""

import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm.auto import tqdm


def class_frequencies(
    dataset: Dataset, num_classes: int | None = None, ignore_index: int | None = None, progress: bool = False
) -> Tensor:
    """Share of the labelled pixels that each class has: float64 `K`, adding up to 1.

    Arguments and errors are those of `median_frequency_weights`.
    """
    counts, _ = _count(dataset, num_classes, ignore_index, progress)
    return counts / counts.sum()


def median_frequency_weights(
    dataset: Dataset, num_classes: int | None = None, ignore_index: int | None = None, progress: bool = False
) -> Tensor:
    """Weights of the classes for the loss: the median of all frequencies, divided by the class's own.

    freq(c) is the number of pixels of class c divided by the number of labelled pixels in pictures where c is present.
    A class that fills a third of the few pictures it is in is not rare by that measure.

    Args:
        dataset: gives (image, target) by index. Targets are read without its `transform` where it has a method
            `target(index)`.
        num_classes: K; None takes the number of `dataset.classes`.
        ignore_index: id of pixels that do not count; None takes `dataset.ignore_index`, if there is one.
        progress: with a progress bar.

    Returns:
        float32 `K`. A class without a pixel has weight 0, and the median does not count it.

    Raises:
        ValueError: K is not known, a target has other ids, or no pixel is labelled.
    """
    counts, pixels_where_present = _count(dataset, num_classes, ignore_index, progress)
    present = counts > 0
    frequencies = counts[present] / pixels_where_present[present]
    weights = torch.zeros(len(counts), dtype=torch.float64)
    weights[present] = frequencies.quantile(0.5) / frequencies
    return weights.float()


def _count(
    dataset: Dataset, num_classes: int | None, ignore_index: int | None, progress: bool
) -> tuple[Tensor, Tensor]:
    """Pixels of each class, and labelled pixels of all pictures with that class; float64 K each, which is exact."""
    if num_classes is None:
        if not hasattr(dataset, "classes"):
            raise ValueError(f"{type(dataset).__name__} has no classes; give num_classes=")
        num_classes = len(dataset.classes)
    if ignore_index is None:
        ignore_index = getattr(dataset, "ignore_index", None)
    target_of = getattr(dataset, "target", None) or (lambda i: dataset[i][1])
    counts = torch.zeros(num_classes, dtype=torch.float64)
    pixels_where_present = torch.zeros(num_classes, dtype=torch.float64)
    for i in tqdm(range(len(dataset)), desc="class frequencies", unit="picture", disable=not progress):
        target = target_of(i).flatten()
        if ignore_index is not None:
            target = target[target != ignore_index]
        if len(target) == 0:
            continue
        low, high = (int(x) for x in torch.aminmax(target))
        if low < 0 or high >= num_classes:
            raise ValueError(
                f"target {i} has ids from {low} to {high}, and {num_classes} classes go from 0 to {num_classes - 1}; "
                "give num_classes= or ignore_index="
            )
        here = torch.bincount(target, minlength=num_classes)
        counts += here
        pixels_where_present[here > 0] += len(target)
    if not counts.any():
        raise ValueError(f"no pixel of {dataset!r} is labelled")
    return counts, pixels_where_present
