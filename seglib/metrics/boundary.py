"""What happens at boundaries: boundary F1, and IoU within a band around boundaries (a trimap) by its width.

Distances are Euclidean between centres of pixels, from exact distance transforms. Neighbours are the four that share an
edge; the frame of the picture is no boundary, and neither is the edge of a region that is to be ignored.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt

from seglib.metrics.confusion import Scores, scores
from seglib.metrics.inputs import check_alike, divide, mean, read_classes, read_edges, read_ignore_index, read_pair

AROUND = ("labels", "ignored")


@dataclass(frozen=True, eq=False)
class BoundaryScores:
    """Boundary F1; everything from 0 to 1, NaN where not defined. `print` shows a table.

    Attributes:
        mean_f1: mean over pictures of `picture_f1`, the paper's.
        precision: float64 K, mean over the pictures where the class has a predicted boundary.
        recall: float64 K, mean over the pictures where the class has a true boundary.
        f1: float64 K, mean over the pictures where it has either; NaN where it has none in any picture.
        pictures: int64 K, the number of those.
        picture_f1: float64 N, a picture's mean over the classes that have a boundary in it; NaN where none has.
        classes: K names.
        absent: names of the classes without a boundary, true or predicted, in any picture.
    """

    mean_f1: float
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    pictures: np.ndarray
    picture_f1: np.ndarray
    classes: tuple[str, ...]
    absent: tuple[str, ...]

    def __str__(self) -> str:
        width = max(5, *(len(name) for name in self.classes))
        number = int((~np.isnan(self.picture_f1)).sum())
        lines = [
            f"boundary F1 {self.mean_f1:.3f}, mean over {number} pictures with boundaries",
            f"{'class':<{width}} {'pictures':>9} {'precision':>10} {'recall':>7} {'F1':>6}",
        ]
        for i, name in enumerate(self.classes):
            p, r, f = ("-" if np.isnan(x) else f"{x:.3f}" for x in (self.precision[i], self.recall[i], self.f1[i]))
            lines.append(f"{name:<{width}} {self.pictures[i]:>9} {p:>10} {r:>7} {f:>6}")
        if self.absent:
            lines.append(f"without a boundary, true or predicted, so in no mean: {', '.join(self.absent)}")
        return "\n".join(lines)


class BoundaryF1:
    """How well predicted boundaries lie on true ones, class by class.

    Gabriela Csurka, Diane Larlus, Florent Perronnin, "What is a good evaluation measure for semantic segmentation?",
    BMVC 2013. With B the boundary of class c in the truth, B' that in the prediction, and d(z, B) the distance of a
    pixel z from the nearest pixel of B, in one picture:

        precision = |{z in B' : d(z, B) <= tolerance}| / |B'|
        recall    = |{z in B : d(z, B') <= tolerance}| / |B|
        F1        = 2 precision recall / (precision + recall)

    The boundary of a class is made of its own pixels that have a neighbour of another class. Where only one of B and B'
    has pixels, F1 is 0; where neither has, it is not defined and left out (a class that fills the picture has no
    boundary: IoU is for that). A picture's score is the mean over its classes, the result the mean over pictures.

    Deviation: `<=` where the paper has `<`, so that with a tolerance of 1 px a boundary may be off by 1 px.

    VOC's truth has a strip to be ignored along every object: with `ignore_index=255` hardly a boundary is left there.

    Args:
        num_classes: K; classes go from 0 to K-1.
        tolerance: how far off a boundary may be, px, 0 or more. 2 suits small scenes.
        diagonal_fraction: gives the tolerance as a part of the picture's diagonal instead; the paper has 0.0075.
        ignore_index: pixels with this truth do not count, nor the boundary towards them; None if all do.
        classes: K names, for the table; None for "0", "1", ...

    Raises:
        ValueError: a number out of its range, or another number of names.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        tolerance: float = 2.0,
        diagonal_fraction: float | None = None,
        ignore_index: int | None = None,
        classes: Sequence[str] | None = None,
    ):
        if not 0 <= tolerance < math.inf:
            raise ValueError(f"tolerance={tolerance} is no distance in px; give 0 or more")
        if diagonal_fraction is not None and not 0 <= diagonal_fraction < 1:
            raise ValueError(f"diagonal_fraction={diagonal_fraction} is no part of a diagonal; the paper has 0.0075")
        self.classes = read_classes(num_classes, classes)
        self.num_classes, self.ignore_index = num_classes, read_ignore_index(ignore_index)
        self.tolerance, self.diagonal_fraction = tolerance, diagonal_fraction
        self.reset()

    def reset(self) -> None:
        """Forget everything counted."""
        self._pictures: list[np.ndarray] = []  # each 2 K: precision and recall

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
        self._pictures += [self._count(*maps) for maps in zip(*pair.arrays(), strict=True)]

    def merge(self, other: "BoundaryF1") -> None:
        """Add what another one has counted, in another process for instance; its pictures come after the own."""
        check_alike(self, other, "classes", "tolerance", "diagonal_fraction", "ignore_index")
        self._pictures += other._pictures

    def compute(self) -> BoundaryScores:
        """The scores of everything counted since the last `reset`."""
        precision, recall = np.array(self._pictures).reshape(-1, 2, self.num_classes).transpose(1, 0, 2)  # N K each
        either = ~(np.isnan(precision) & np.isnan(recall))
        p, r = np.nan_to_num(precision), np.nan_to_num(recall)
        f1 = np.where(either, np.nan_to_num(divide(2 * p * r, p + r)), np.nan)
        picture_f1 = np.array([mean(row) for row in f1])
        return BoundaryScores(
            mean_f1=mean(picture_f1),
            precision=np.array([mean(column) for column in precision.T]),
            recall=np.array([mean(column) for column in recall.T]),
            f1=np.array([mean(column) for column in f1.T]),
            pictures=either.sum(0),
            picture_f1=picture_f1,
            classes=self.classes,
            absent=tuple(name for name, n in zip(self.classes, either.sum(0), strict=True) if n == 0),
        )

    def _count(self, predicted: np.ndarray, true: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Precision and recall, 2 K, of one picture; NaN where not defined."""
        tolerance = self.tolerance
        if self.diagonal_fraction is not None:
            tolerance = self.diagonal_fraction * math.hypot(*true.shape)
        result = np.full((2, self.num_classes), np.nan)
        found, real = boundary(predicted, counted), boundary(true, counted)
        for c in np.union1d(predicted[found], true[real]):
            of_found, of_real = found & (predicted == c), real & (true == c)
            result[0, c] = _part_within(of_found, of_real, tolerance)
            result[1, c] = _part_within(of_real, of_found, tolerance)
        return result


@dataclass(frozen=True, eq=False)
class TrimapScores:
    """Scores within bands of W widths. `print` shows a table.

    Attributes:
        widths: float64 W, px.
        scores: for each width the `Scores` of the pixels in its band.
    """

    widths: np.ndarray
    scores: tuple[Scores, ...]

    @property
    def mean_iou(self) -> np.ndarray:
        """Mean IoU within each band, float64 W, 0 to 1; the DeepLab papers' curve."""
        return np.array([x.mean_iou for x in self.scores])

    @property
    def pixel_error(self) -> np.ndarray:
        """Part of the pixels of each band that is wrong, float64 W, 0 to 1; the CRF papers' curve."""
        return np.array([1 - x.pixel_accuracy for x in self.scores])

    @property
    def pixels(self) -> np.ndarray:
        """Pixels in each band, int64 W."""
        return np.array([x.confusion.sum() for x in self.scores])

    def __str__(self) -> str:
        lines = [f"{'width in px':>11} {'pixels':>12} {'mean IoU':>9} {'pixel error':>12}"]
        for width, pixels, iou, error in zip(self.widths, self.pixels, self.mean_iou, self.pixel_error, strict=True):
            i, e = ("-" if np.isnan(x) else f"{x:.3f}" for x in (iou, error))
            lines.append(f"{width:>11g} {pixels:>12} {i:>9} {e:>12}")
        if absent := self.scores[-1].absent:
            lines.append(f"in no band, neither in the truth nor predicted, so in no mean: {', '.join(absent)}")
        return "\n".join(lines)


class TrimapIoU:
    """Mean IoU and pixel error within bands around the true boundaries, by the width of the band.

    Pushmeet Kohli, Lubor Ladicky, Philip Torr, "Robust Higher Order Potentials for Enforcing Label Consistency", IJCV
    2009; pixel error as plotted by Kraehenbuehl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian
    Edge Potentials", NIPS 2011, https://arxiv.org/abs/1210.5644; mean IoU as plotted by Chen et al., "Semantic Image
    Segmentation with Deep Convolutional Nets and Fully Connected CRFs", https://arxiv.org/abs/1412.7062.

    The band of width w holds the pixels that are at most w px from the nearest pixel of another true label: along a
    straight boundary, w rows on either side, 2w in all. A pixel to be ignored is no other label and in no band.
    Bands grow: a wider one holds all narrower ones, and an infinite one the whole picture, one without boundaries too.

    With `around="ignored"`, as DeepLab does on VOC, whose annotators left a strip of some 5 px without a label along
    boundaries: the counted pixels at most w px from the nearest pixel to be ignored.

    Args:
        num_classes: K; classes go from 0 to K-1.
        widths: rising, above 0, px; the last may be infinite.
        around: what bands lie around, "labels" or "ignored".
        ignore_index: pixels with this truth do not count; None if all do.
        classes: K names, for the table; None for "0", "1", ...

    Raises:
        ValueError: a number or name out of its range, or another number of names of classes.
    """

    def __init__(
        self,
        num_classes: int,
        widths: Sequence[float] = (1, 2, 4, 8, 16, 32),
        *,
        around: str = "labels",
        ignore_index: int | None = None,
        classes: Sequence[str] | None = None,
    ):
        self.widths = read_edges("widths", widths, infinite=True, least=1)
        if self.widths[0] <= 0:
            raise ValueError(f"widths={widths!r} begin at {self.widths[0]:g}; a band has a width above 0 px")
        if around not in AROUND:
            raise ValueError(f"around={around!r} is not known; choose one of {', '.join(AROUND)}")
        if around == "ignored" and ignore_index is None:
            raise ValueError('around="ignored" needs an ignore_index; VOC has 255')
        self.classes = read_classes(num_classes, classes)
        self.num_classes, self.around, self.ignore_index = num_classes, around, read_ignore_index(ignore_index)
        self.reset()

    def reset(self) -> None:
        """Forget everything counted."""
        # W K K: pixels in the band of a width, but in none narrower
        self._rings = np.zeros((len(self.widths), self.num_classes, self.num_classes), dtype=np.int64)

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
        for predicted, true, counted in zip(*pair.arrays(), strict=True):
            around_labels = self.around == "labels"
            distance = distance_to_other_label(true, counted) if around_labels else _distance_from(~counted)
            ring = np.searchsorted(self.widths, distance)
            within = counted & (ring < len(self.widths))
            cell = np.ravel_multi_index((ring[within], true[within], predicted[within]), self._rings.shape)
            self._rings += np.bincount(cell, minlength=self._rings.size).reshape(self._rings.shape)

    def merge(self, other: "TrimapIoU") -> None:
        """Add what another one has counted, in another process for instance."""
        check_alike(self, other, "classes", "widths", "around", "ignore_index")
        self._rings += other._rings

    def compute(self) -> TrimapScores:
        """The scores of everything counted since the last `reset`."""
        bands = tuple(scores(confusion, self.classes) for confusion in self._rings.cumsum(0))
        return TrimapScores(self.widths.copy(), bands)


def boundary(labels: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Pixels with a neighbour, above, below, left or right, of another label, both counted; bool H W.

    Args:
        labels: integers H W.
        counted: bool H W.
    """
    result = np.zeros(labels.shape, dtype=bool)
    for one, other in (np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:]):
        differ = (labels[one] != labels[other]) & counted[one] & counted[other]
        result[one] |= differ
        result[other] |= differ
    return result


def distance_to_other_label(labels: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Distance of each counted pixel from the nearest counted one of another label, px; float64 H W.

    Infinite where there is none, and for pixels that are not counted.

    Args:
        labels: integers H W.
        counted: bool H W.
    """
    result = np.full(labels.shape, np.inf)
    for label in np.unique(labels[counted]):
        own = counted & (labels == label)
        result[own] = _distance_from(counted & ~own)[own]
    return result


def _distance_from(mask: np.ndarray) -> np.ndarray:
    """Distance from the nearest True; infinite where there is none, of which SciPy's transform has no notion."""
    return distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf)


def _part_within(pixels: np.ndarray, others: np.ndarray, tolerance: float) -> float:
    """Part of the pixels of a mask at most `tolerance` from another mask; NaN for an empty one."""
    if not pixels.any():
        return math.nan
    both = pixels | others  # distances matter in their rectangle only
    rows, columns = np.flatnonzero(both.any(1)), np.flatnonzero(both.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return float((_distance_from(others[box])[pixels[box]] <= tolerance).mean())
