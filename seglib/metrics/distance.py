"""Accuracy against distance: how far from a cue the pixels may be that a network can still tell.

In `FarCue` the class of a long object is told by one mark on it only. A network whose field of view is too
small for a pixel's distance from the mark can but guess, so accuracy falls to chance where its field ends.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seglib.metrics.inputs import bin_of, check_alike, divide, read_edges, read_ignore_index, read_like, read_pair

Z = 1.959963984540054  # 97.5 % of a normal distribution lie below


@dataclass(frozen=True, eq=False)
class DistanceScores:
    """Accuracy by bins of distance; arrays of B bins, NaN where a bin is empty. `print` shows a table.

    Attributes:
        edges: B+1, px; bin i holds distances from `edges[i]` up to, but without, `edges[i+1]`, the last includes it.
        distance: B, mean distance of its pixels, px.
        accuracy: B, part of its pixels that is right, 0 to 1.
        low: B, lower end of the 95 % interval of the accuracy.
        high: B, upper end.
        count: B, int64, pixels.
        pictures: B, int64, pictures with a pixel in the bin.
        outside: pixels with a distance outside the edges, in no bin.
    """

    edges: np.ndarray
    distance: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: np.ndarray
    pictures: np.ndarray
    outside: int

    def reach(self, threshold: float = 0.75) -> float:
        """The distance up to which accuracy stays at or above a threshold, px.

        The curve is the straight line from bin to bin, through (mean distance, accuracy) of those with pixels; the
        result is where it first falls below the threshold, whatever it does further on. 0 if it begins below; the
        last point's distance, which is then a lower bound, if it never falls; NaN if no pixel was counted.

        Args:
            threshold: accuracy from 0 to 1. With two classes guessing gives 0.5, and 0.75 lies halfway to perfect.

        Raises:
            ValueError: a threshold outside 0 to 1.
        """
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold={threshold} is no accuracy; give 0 to 1")
        some = self.count > 0
        x, y = self.distance[some], self.accuracy[some]
        if len(x) == 0:
            return math.nan
        below = np.flatnonzero(y < threshold)
        if len(below) == 0:
            return float(x[-1])
        i = below[0]
        if i == 0:
            return 0.0
        return float(x[i - 1] + (x[i] - x[i - 1]) * (y[i - 1] - threshold) / (y[i - 1] - y[i]))

    def __str__(self) -> str:
        lines = [f"{'distance in px':>15} {'pixels':>10} {'pictures':>9} {'accuracy':>9}  95 % interval"]
        for i, count in enumerate(self.count):
            name = f"{self.edges[i]:g} to {self.edges[i + 1]:g}"
            numbers = (
                "        -" if count == 0 else f"{self.accuracy[i]:>9.3f}  {self.low[i]:.3f} to {self.high[i]:.3f}"
            )
            lines.append(f"{name:>15} {count:>10} {self.pictures[i]:>9} {numbers}")
        lines.append(f"in no bin: {self.outside} pixels at other distances")
        return "\n".join(lines)


class AccuracyByDistance:
    """Accuracy of pixels by their distance from a cue.

    With n pixels in a bin, of which a part p is right, the interval is Wilson's (Edwin Wilson, "Probable inference, the
    law of succession, and statistical inference", JASA 1927), with z = 1.96 for 95 %:

        (p + z^2 / 2n  +-  z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    It takes pixels as independent, which those of one object are not: with many pixels a picture it is too narrow,
    and the spread over seeds says more.

    Args:
        edges: B+1 rising distances in px, the ends of the bins.
        ignore_index: pixels with this truth do not count; None if all do.

    Raises:
        ValueError: edges that do not rise, or an ignore_index that is no whole number.
    """

    needs = "distance"

    def __init__(self, edges: Sequence[float], *, ignore_index: int | None = None):
        self.edges = read_edges("edges", edges)
        self.ignore_index = read_ignore_index(ignore_index)
        self.reset()

    def reset(self) -> None:
        """Forget everything counted."""
        bins = len(self.edges) - 1
        self._count, self._right, self._pictures = (np.zeros(bins, dtype=np.int64) for _ in range(3))
        self._sum = np.zeros(bins)
        self._outside = 0

    def update(self, prediction: Any, target: Any, distance: Any) -> None:
        """Count some pictures.

        Args:
            prediction: classes, integers N H W or H W, not logits; tensor on any device, or NumPy array.
            target: the truth, of the same shape.
            distance: px, floating point, of the same shape; NaN for pixels that do not count.

        Raises:
            TypeError: something other than integers as classes.
            ValueError: shapes that differ.
        """
        pair = read_pair(prediction, target, num_classes=None, ignore_index=self.ignore_index)
        maps = read_like("distance", distance, pair).astype(np.float64)
        for predicted, true, counted, far in zip(*pair.arrays(), maps, strict=True):
            counted = counted & ~np.isnan(far)
            values, right = far[counted], (predicted == true)[counted]
            bins = bin_of(values, self.edges)
            inside = bins >= 0
            number = len(self.edges) - 1
            count = np.bincount(bins[inside], minlength=number)
            self._count += count
            self._right += np.bincount(bins[inside & right], minlength=number)
            self._sum += np.bincount(bins[inside], weights=values[inside], minlength=number)
            self._pictures += count > 0
            self._outside += int((~inside).sum())

    def merge(self, other: "AccuracyByDistance") -> None:
        """Add what another one has counted, in another process for instance."""
        check_alike(self, other, "edges", "ignore_index")
        self._count += other._count
        self._right += other._right
        self._sum += other._sum
        self._pictures += other._pictures
        self._outside += other._outside

    def compute(self) -> DistanceScores:
        """The scores of everything counted since the last `reset`."""
        low, high = wilson(self._right, self._count)
        return DistanceScores(
            edges=self.edges.copy(),
            distance=divide(self._sum, self._count),
            accuracy=divide(self._right, self._count),
            low=low,
            high=high,
            count=self._count.copy(),
            pictures=self._pictures.copy(),
            outside=self._outside,
        )


def wilson(right: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of Wilson's 95 % interval of `right / count`; NaN where count is 0."""
    p = divide(right, count)
    middle = p + divide(Z**2, 2 * count)
    spread = Z * np.sqrt(divide(p * (1 - p), count) + divide(Z**2, 4 * count**2))
    whole = 1 + divide(Z**2, count)
    return np.maximum((middle - spread) / whole, 0), np.minimum((middle + spread) / whole, 1)
