"""Run a network over a data set and count."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from seglib.metrics.confusion import Segmentation


class Metric(Protocol):
    """What `evaluate` feeds: anything with these three.

    `needs`, where a metric has it, names the method of the data set whose answer `update` takes beside the prediction
    and the truth: "instances", whose answer is `(map H W, sizes)`, or "distance", a map H W.
    """

    def reset(self) -> None:
        """Forget everything counted."""

    def update(self, prediction: Tensor, target: Tensor, *more: Any) -> None:
        """Count some pictures."""

    def compute(self) -> Any:
        """The result."""


def evaluate(
    model: nn.Module,
    dataset: Any,
    *,
    batch_size: int = 16,
    metrics: Mapping[str, Metric] | None = None,
    device: torch.device | str | None = None,
    progress: bool = False,
    limit: int | None = None,
) -> dict[str, Any]:
    """Predict every picture of a data set and measure.

    The network runs in eval mode and without gradients; afterwards each of its modules is in the mode that it was in
    before. Pictures go through `seglib.data.normalise`. Where logits are smaller than the picture, as a U-Net without
    padding returns them, they are those of its middle, and the truth is cropped to it (an odd difference leaves the
    larger margin at the bottom and on the right).

    Args:
        model: images N 3 H W, normalised, to logits N K h w.
        dataset: has `len()`, and at i `(image, target)`: float32 3 H W from 0 to 1, and integers H W. Sizes may differ
            from picture to picture. For `IoUBySize` it has `instances(i) -> (instances H W, sizes)`, for
            `AccuracyByDistance` `distance(i) -> H W`.
        batch_size: pictures at once; neighbours of different sizes are not put together.
        metrics: name to metric; they are emptied first. None for `{"segmentation": Segmentation(K)}`, with the
            data set's `ignore_index` and `classes` where it has them.
        device: where to compute; the network is moved there and stays. None for where it is.
        progress: show a bar.
        limit: only the first so many pictures; None for all.

    Returns:
        Name to what the metric's `compute` returns.

    Raises:
        TypeError: a metric needs what the data set lacks, or pictures are not floating point.
        ValueError: no pictures, a batch size or limit below 1, logits that are no such or NaN; without `metrics`, a
            network with fewer classes than the data set.
    """
    for name, value in {"batch_size": batch_size, "limit": limit}.items():
        if value is not None and value < 1:
            raise ValueError(f"{name}={value} must be 1 or more")
    number = len(dataset) if limit is None else min(limit, len(dataset))
    if number == 0:
        raise ValueError("the data set has no pictures; nothing can be measured")
    needs = {name: getattr(metric, "needs", None) for name, metric in (metrics or {}).items()}
    for name, need in needs.items():
        if need is not None and not hasattr(dataset, need):
            raise TypeError(
                f"the metric {name!r}, {type(metrics[name]).__name__}, needs {type(dataset).__name__}.{need}(i), which "
                "that data set does not have; leave the metric out"
            )
    for metric in (metrics or {}).values():
        metric.reset()
    device = _device(model, device)
    model.to(device)
    with _eval_mode(model), tqdm(total=number, unit="picture", disable=not progress) as bar:
        for first, images, targets in _batches(dataset, number, batch_size):
            prediction, num_classes = _predict(model, images.to(device), first)
            size = prediction.shape[1:]
            targets = _crop(targets, size).to(device)
            if metrics is None:
                metrics = {"segmentation": _default(dataset, num_classes)}
            indices = range(first, first + len(images))
            more = {need: _extra(dataset, need, indices, size) for need in set(needs.values()) - {None}}
            for name, metric in metrics.items():
                metric.update(prediction, targets, *more.get(needs.get(name), ()))
            bar.update(len(images))
    return {name: metric.compute() for name, metric in metrics.items()}


def _device(model: nn.Module, device: torch.device | str | None) -> torch.device:
    if device is not None:
        return torch.device(device)
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


@contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}  # each its own: parts of a network may be frozen
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _batches(dataset: Any, number: int, batch_size: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Index of the first picture, images N 3 H W, targets N H W."""
    images, targets = [], []
    for i in range(number):
        image, target = dataset[i]
        image, target = torch.as_tensor(image), torch.as_tensor(target)
        if not image.is_floating_point():
            raise TypeError(f"image {i} is of {image.dtype}; give floating point from 0 to 1: bytes divided by 255")
        if image.ndim != 3 or tuple(target.shape) != tuple(image.shape[1:]):
            raise ValueError(
                f"item {i} has an image of shape {tuple(image.shape)} and a target of shape {tuple(target.shape)}; "
                "give 3 H W and H W"
            )
        if images and (len(images) == batch_size or image.shape != images[0].shape):
            yield i - len(images), torch.stack(images), torch.stack(targets)
            images, targets = [], []
        images.append(image)
        targets.append(target)
    yield number - len(images), torch.stack(images), torch.stack(targets)


def _predict(model: nn.Module, images: Tensor, first: int) -> tuple[Tensor, int]:
    """Classes N h w, and K."""
    from seglib.data import normalise

    with torch.inference_mode():
        logits = model(normalise(images))
        if not isinstance(logits, Tensor) or logits.ndim != 4 or len(logits) != len(images):
            got = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
            raise ValueError(f"the network returned {got} for images {tuple(images.shape)}; logits are N K h w")
        if any(small > large for small, large in zip(logits.shape[2:], images.shape[2:], strict=True)):
            raise ValueError(
                f"the network returned logits {tuple(logits.shape)}, larger than its images {tuple(images.shape)}"
            )
        if (wrong := logits.isnan().flatten(1).any(1)).any():
            i = first + int(wrong.nonzero()[0])
            raise ValueError(
                f"the network returned NaN for picture {i}; its weights are broken, or did training diverge?"
            )
        return logits.argmax(1), logits.shape[1]


def _crop(maps: Any, size: tuple[int, int]) -> Any:
    """The middle of maps ... H W, tensor or array."""
    (h, w), (H, W) = size, maps.shape[-2:]
    top, left = (H - h) // 2, (W - w) // 2
    return maps[..., top : top + h, left : left + w]


def _extra(dataset: Any, need: str, indices: range, size: tuple[int, int]) -> tuple[Any, ...]:
    """What `update` takes beside prediction and truth, of some pictures, cropped as they are."""
    answers = [getattr(dataset, need)(i) for i in indices]
    if need == "instances":
        maps, sizes = zip(*answers, strict=True)
        return _stack(maps, size), sizes
    return (_stack(answers, size),)


def _stack(maps: Any, size: tuple[int, int]) -> np.ndarray:
    return np.stack([_crop(x.cpu().numpy() if isinstance(x, Tensor) else np.asarray(x), size) for x in maps])


def _default(dataset: Any, num_classes: int) -> Segmentation:
    classes = getattr(dataset, "classes", None)
    if classes is not None and len(classes) > num_classes:
        raise ValueError(
            f"the network has {num_classes} classes and {type(dataset).__name__} {len(classes)}, {', '.join(classes)}: "
            "give a network that was made for this data set, or metrics= with classes of your own"
        )
    names = classes if classes is not None and len(classes) == num_classes else None
    return Segmentation(num_classes, ignore_index=getattr(dataset, "ignore_index", None), classes=names)
