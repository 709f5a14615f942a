"""The FCN paper's four: pixel accuracy, mean accuracy, mean IoU and frequency-weighted IoU.

Jonathan Long, Evan Shelhamer, Trevor Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015,
https://arxiv.org/abs/1411.4038, section 5, "Metrics". With n_ij the number of pixels of class i predicted as class j
and t_i = sum_j n_ij the number of pixels of class i:

    pixel accuracy          sum_i n_ii / sum_i t_i
    mean accuracy           mean over i of  n_ii / t_i
    mean IoU                mean over i of  n_ii / (t_i + sum_j n_ji - n_ii)
    frequency-weighted IoU  sum_i t_i n_ii / (t_i + sum_j n_ji - n_ii)  /  sum_k t_k

The paper does not say what happens to a class without pixels. Here:

- a class that is in the truth counts in every mean;
- a class that is predicted but not in the truth has IoU 0, which counts, since every one of its pixels is wrong; its
  accuracy is 0/0 and is left out of the mean accuracy;
- a class that is in neither has no IoU (0/0) and is left out of the means: the result names it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_confusion_matrix

from seglib.metrics.inputs import check_alike, divide, mean, read_classes, read_ignore_index, read_pair


@dataclass(frozen=True, eq=False)
class Scores:
    """The four, and what they are made of; everything from 0 to 1 or NaN where not defined. `print` shows a table.

    Attributes:
        pixel_accuracy: part of all pixels that are right.
        mean_accuracy: mean of `accuracy` over the classes that are in the truth.
        mean_iou: mean of `iou` over the classes that are in the truth or predicted.
        frequency_weighted_iou: mean of `iou`, each class weighted by its pixels in the truth.
        iou: float64 K, intersection over union; NaN for a class that is neither in the truth nor predicted.
        accuracy: float64 K, part of the pixels of a class that are right; NaN for a class that is not in the truth.
        confusion: int64 K K, pixels; row: truth, column: prediction.
        classes: K names.
        absent: names of the classes that are neither in the truth nor predicted, and so in none of the means.
        only_predicted: names of the classes that are predicted but not in the truth: IoU 0, and no accuracy.
    """

    pixel_accuracy: float
    mean_accuracy: float
    mean_iou: float
    frequency_weighted_iou: float
    iou: np.ndarray
    accuracy: np.ndarray
    confusion: np.ndarray
    classes: tuple[str, ...]
    absent: tuple[str, ...]
    only_predicted: tuple[str, ...]

    def __str__(self) -> str:
        width = max(5, *(len(name) for name in self.classes))
        lines = [
            f"pixel accuracy {self.pixel_accuracy:.3f}, mean accuracy {self.mean_accuracy:.3f}, "
            f"mean IoU {self.mean_iou:.3f}, frequency-weighted IoU {self.frequency_weighted_iou:.3f}",
            f"{'class':<{width}} {'pixels':>12} {'IoU':>6} {'accuracy':>9}",
        ]
        for name, pixels, iou, accuracy in zip(
            self.classes, self.confusion.sum(1), self.iou, self.accuracy, strict=True
        ):
            lines.append(f"{name:<{width}} {pixels:>12} {_number(iou):>6} {_number(accuracy):>9}")
        if not self.confusion.any():
            lines.append("no pixel was counted")
        if self.absent:
            lines.append(f"neither in the truth nor predicted, so in none of the means: {', '.join(self.absent)}")
        if self.only_predicted:
            lines.append(f"predicted but not in the truth, so IoU 0 and no accuracy: {', '.join(self.only_predicted)}")
        return "\n".join(lines)


class Segmentation:
    """Pixel accuracy, mean accuracy, mean IoU and frequency-weighted IoU of any number of pictures.

    All pixels of all pictures go into one confusion matrix (torchmetrics counts it); the formulas and what happens to
    classes without pixels stand at the top of `seglib/metrics/confusion.py`.

    Args:
        num_classes: K; classes go from 0 to K-1.
        ignore_index: pixels with this truth do not count; None if all do. VOC has 255.
        classes: K names, for the table; None for "0", "1", ...

    Raises:
        ValueError: num_classes below 1, another number of names, or an ignore_index that is no whole number.
    """

    def __init__(self, num_classes: int, ignore_index: int | None = None, classes: Sequence[str] | None = None):
        self.classes = read_classes(num_classes, classes)
        self.num_classes, self.ignore_index = num_classes, read_ignore_index(ignore_index)
        self.reset()

    def reset(self) -> None:
        """Forget everything counted."""
        self.confusion = np.zeros((self.num_classes, self.num_classes), dtype=np.int64)

    def update(self, prediction: Any, target: Any) -> None:
        """Count some pictures.

        Args:
            prediction: classes, integers N H W or H W, not logits; tensor on any device, or NumPy array.
            target: the truth, of the same shape.

        Raises:
            TypeError: something other than integers.
            ValueError: shapes that differ, or a class out of range.
        """
        pair = read_pair(prediction, target, num_classes=self.num_classes, ignore_index=self.ignore_index)
        predicted, true = pair.prediction.flatten(), pair.target.flatten()
        if self.ignore_index is not None:
            counted = pair.counted.flatten()
            predicted, true = predicted[counted], true[counted]
        if self.num_classes == 1:  # torchmetrics wants two or more
            self.confusion += len(true)
        elif len(true):
            counts = multiclass_confusion_matrix(predicted, true, self.num_classes, validate_args=False)
            self.confusion += counts.to(torch.int64).cpu().numpy()

    def merge(self, other: "Segmentation") -> None:
        """Add what another one has counted, in another process for instance."""
        check_alike(self, other, "classes", "ignore_index")
        self.confusion += other.confusion

    def compute(self) -> Scores:
        """The scores of everything counted since the last `reset`."""
        return scores(self.confusion, self.classes)


def scores(confusion: np.ndarray, classes: Sequence[str] | None = None) -> Scores:
    """The scores that follow from a confusion matrix.

    Args:
        confusion: integers K K, pixels; row: truth, column: prediction.
        classes: K names; None for "0", "1", ...

    Raises:
        ValueError: the matrix is not square or counts below 0, or there are more or fewer names.
    """
    confusion = np.array(confusion, dtype=np.int64)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(f"a confusion matrix of shape {confusion.shape} is not K K")
    if (confusion < 0).any():
        row, column = np.argwhere(confusion < 0)[0]
        raise ValueError(
            f"a confusion matrix counts pixels, and has {confusion[row, column]} in row {row}, column {column}"
        )
    names = read_classes(len(confusion), classes)
    right, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    iou, accuracy = divide(right, true + predicted - right), divide(right, true)
    return Scores(
        pixel_accuracy=float(divide(right.sum(), true.sum())),
        mean_accuracy=mean(accuracy),
        mean_iou=mean(iou),
        frequency_weighted_iou=float(divide((true * np.nan_to_num(iou)).sum(), true.sum())),
        iou=iou,
        accuracy=accuracy,
        confusion=confusion,
        classes=names,
        absent=tuple(name for name, n in zip(names, true + predicted, strict=True) if n == 0),
        only_predicted=tuple(name for name, t, p in zip(names, true, predicted, strict=True) if t == 0 and p > 0),
    )


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
