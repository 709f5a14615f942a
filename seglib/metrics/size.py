"""IoU by the size of objects: what a network does with the small ones and with those larger than its field of view.

Mean IoU adds up pixels, so that one large object outweighs a hundred small ones, and IoU of a class says nothing about
a single object, since a semantic prediction has no objects. Here every object of the truth gets its own IoU:

    IoU(o) = right(o) / (pixels(o) + wrong(o))

with, for an object o of class c, pixels(o) its visible pixels; right(o) those of them that are predicted c; wrong(o)
the pixels that are predicted c by mistake and lie nearer to o than to every other object of class c of that scene
(exact Euclidean distance between centres of pixels; where two objects are equally near, one of them gets it). A class
that is predicted in a scene without an object of it has no object to blame: such pixels are counted as `unassigned`.

Deviation from the usual: sizes are binned like COCO's AP for small, medium and large objects (Lin et al., "Microsoft
COCO", ECCV 2014, https://arxiv.org/abs/1405.0312), but by radius, and for IoU; nothing in print defines it for maps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt

from seglib.metrics.inputs import bin_of, check_alike, divide, read_edges, read_ignore_index, read_like, read_pair

OBJECT = np.dtype(
    [
        ("scene", np.int64),  # in the order of update
        ("number", np.int64),  # k, its value in `instances`
        ("class_id", np.int64),
        ("size", np.float64),  # px
        ("pixels", np.int64),
        ("right", np.int64),
        ("wrong", np.int64),
    ]
)


@dataclass(frozen=True, eq=False)
class SizeScores:
    """Scores by bins of size; arrays of B bins, NaN where a bin has no object. `print` shows a table.

    Attributes:
        edges: B+1, px; bin i holds sizes from `edges[i]` up to, but without, `edges[i+1]`, the last includes it.
        size: B, mean size of its objects, px.
        iou: B, mean IoU over objects, 0 to 1.
        error: B, standard error of that mean, `std / sqrt(count)` with `count - 1` under std; NaN below two objects. It
            takes objects as independent.
        recall: B, mean over objects of the part of their pixels that is right, 0 to 1.
        missed: B, part of the objects of which no pixel is right, 0 to 1.
        count: B, int64, number of objects.
        unassigned: pixels predicted as a class of which their scene has no object, in no bin.
        hidden: objects without a visible pixel that counts, in no bin.
        outside: objects whose size lies outside the edges, in no bin.
    """

    edges: np.ndarray
    size: np.ndarray
    iou: np.ndarray
    error: np.ndarray
    recall: np.ndarray
    missed: np.ndarray
    count: np.ndarray
    unassigned: int
    hidden: int
    outside: int

    def __str__(self) -> str:
        lines = [f"{'size in px':>15} {'objects':>8} {'IoU':>6} {'error':>6} {'recall':>7} {'missed':>7}"]
        for i, count in enumerate(self.count):
            numbers = (self.iou[i], self.error[i], self.recall[i], self.missed[i])
            cells = ["-" if np.isnan(x) else f"{x:.3f}" for x in numbers]
            name = f"{self.edges[i]:g} to {self.edges[i + 1]:g}"
            lines.append(f"{name:>15} {count:>8} {cells[0]:>6} {cells[1]:>6} {cells[2]:>7} {cells[3]:>7}")
        lines.append(
            f"in no bin: {self.hidden} objects without a visible pixel, {self.outside} objects of other sizes, "
            f"{self.unassigned} pixels predicted as a class that their scene has no object of"
        )
        return "\n".join(lines)


class IoUBySize:
    """IoU of single objects, by their size; the definition stands at the top of `seglib/metrics/size.py`.

    Args:
        edges: B+1 rising sizes in px, the ends of the bins; the last may be infinite.
        background: the class that is no object: predicting it by mistake is a miss, and no object's false positive.
            None if there is none.
        ignore_index: pixels with this truth do not count; None if all do.

    Raises:
        ValueError: edges that do not rise, or an ignore_index that is no whole number.
    """

    needs = "instances"

    def __init__(self, edges: Sequence[float], *, background: int | None = 0, ignore_index: int | None = None):
        self.edges = read_edges("edges", edges, infinite=True)
        self.background, self.ignore_index = background, read_ignore_index(ignore_index)
        self.reset()

    def reset(self) -> None:
        """Forget everything counted."""
        self._objects: list[np.ndarray] = []
        self._scenes = self._unassigned = self._hidden = 0

    @property
    def objects(self) -> np.ndarray:
        """Every object counted, a structured array: scene, number, class_id, size, pixels, right, wrong."""
        return np.concatenate([np.empty(0, OBJECT), *self._objects])

    def update(self, prediction: Any, target: Any, instances: Any, sizes: Sequence[Any]) -> None:
        """Count some scenes.

        Args:
            prediction: classes, integers N H W or H W, not logits; tensor on any device, or NumPy array.
            target: the truth, of the same shape.
            instances: integers of the same shape: 0 where no object is, k where object k of the scene is.
            sizes: one 1-d array a scene: at k-1 the size of object k in px (the radius of the disc of the same area).
                For maps H W the array itself will do. Objects without a visible pixel are in it too.

        Raises:
            TypeError: something other than integers.
            ValueError: shapes that differ, an object without a size, of the background's class, or of several classes.
        """
        pair = read_pair(prediction, target, num_classes=None, ignore_index=self.ignore_index)
        maps = read_like("instances", instances, pair)
        if maps.dtype.kind not in "iu":
            raise TypeError(f"instances are of {maps.dtype}; give integers: 0 where no object is, k for object k")
        maps = maps.astype(np.int64, copy=False)
        rows = _read_sizes(sizes, len(maps), single=np.ndim(target) == 2)
        batch = enumerate(zip(*pair.arrays(), maps, rows, strict=True))
        # all scenes before any is kept: one that is refused leaves the metric as it was
        counts = [self._count(f"scene {n}", *scene) for n, scene in batch]
        for objects, unassigned, hidden in counts:
            objects["scene"] = self._scenes
            self._objects.append(objects)
            self._unassigned += unassigned
            self._hidden += hidden
            self._scenes += 1

    def merge(self, other: "IoUBySize") -> None:
        """Add what another one has counted, in another process for instance; its scenes come after the own."""
        check_alike(self, other, "edges", "background", "ignore_index")
        objects = other.objects
        objects["scene"] += self._scenes
        self._objects.append(objects)
        self._scenes += other._scenes
        self._unassigned += other._unassigned
        self._hidden += other._hidden

    def compute(self) -> SizeScores:
        """The scores of everything counted since the last `reset`."""
        objects = self.objects
        bins = bin_of(objects["size"], self.edges)
        inside = bins >= 0
        objects, bins, number = objects[inside], bins[inside], len(self.edges) - 1
        count = np.bincount(bins, minlength=number)

        def average(values: np.ndarray) -> np.ndarray:
            return divide(np.bincount(bins, weights=values, minlength=number), count)

        iou = objects["right"] / (objects["pixels"] + objects["wrong"])
        means = average(iou)
        squares = np.bincount(bins, weights=(iou - means[bins]) ** 2, minlength=number)
        return SizeScores(
            edges=self.edges.copy(),
            size=average(objects["size"]),
            iou=means,
            error=np.sqrt(divide(squares, np.maximum(count - 1, 0) * count)),
            recall=average(objects["right"] / objects["pixels"]),
            missed=average(objects["right"] == 0),
            count=count,
            unassigned=self._unassigned,
            hidden=self._hidden,
            outside=int((~inside).sum()),
        )

    def _count(
        self,
        name: str,
        predicted: np.ndarray,
        true: np.ndarray,
        counted: np.ndarray,
        objects: np.ndarray,
        size: np.ndarray,
    ) -> tuple[np.ndarray, int, int]:
        """One scene, its maps H W: its objects that can be seen, its unassigned pixels, how many objects are hidden."""
        objects = np.where(counted, objects, 0)
        if (least := objects.min(initial=0)) < 0:
            raise ValueError(f"instances have the value {least} in {name}; 0 is no object, k >= 1 is object k")
        if (most := objects.max(initial=0)) > len(size):
            raise ValueError(f"{name} has an object {most} and {len(size)} sizes; give one for each object")
        classes = self._classes(name, objects, true, len(size))
        pixels, right = (
            np.bincount(objects[where], minlength=len(size) + 1)
            for where in (objects > 0, (objects > 0) & (predicted == true))
        )
        wrong = np.zeros_like(pixels)
        mistaken = counted & (predicted != true)
        if self.background is not None:
            mistaken &= predicted != self.background
        unassigned = 0
        for c in np.unique(predicted[mistaken]):
            positives = mistaken & (predicted == c)
            own = np.flatnonzero((classes == c) & (pixels > 0))
            if len(own) == 0:
                unassigned += int(positives.sum())
            elif len(own) == 1:
                wrong[own[0]] += int(positives.sum())
            else:
                of_class = np.zeros(len(size) + 1, dtype=np.int64)
                of_class[own] = own
                wrong += np.bincount(nearest_object(positives, of_class[objects]), minlength=len(wrong))
        seen = np.flatnonzero(pixels)
        rows = np.zeros(len(seen), OBJECT)
        rows["number"], rows["class_id"], rows["size"] = seen, classes[seen], size[seen - 1]
        rows["pixels"], rows["right"], rows["wrong"] = pixels[seen], right[seen], wrong[seen]
        if not np.isfinite(rows["size"]).all():
            k = seen[~np.isfinite(rows["size"])][0]
            raise ValueError(f"object {k} of {name} has the size {size[k - 1]}; give its radius in px")
        return rows, unassigned, len(size) - len(seen)

    def _classes(self, name: str, objects: np.ndarray, true: np.ndarray, number: int) -> np.ndarray:
        """The class of each object, at its number; 0 for those without a pixel."""
        inside = objects > 0
        numbers, labels = objects[inside], true[inside]
        classes = np.zeros(number + 1, dtype=np.int64)
        classes[numbers] = labels
        if (other := classes[numbers] != labels).any():
            k = numbers[other][0]
            found = ", ".join(map(str, np.unique(labels[numbers == k])))
            raise ValueError(f"object {k} of {name} has pixels of the classes {found}; it can have one")
        if self.background is not None and (labels == self.background).any():
            raise ValueError(
                f"object {numbers[labels == self.background][0]} of {name} is of the class {self.background}, which "
                "background= says is none of objects; give background=None, or instances 0 there"
            )
        return classes


def nearest_object(positives: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Number of the nearest object for each pixel of a mask, in the mask's order.

    Args:
        positives: bool H W, at least one True.
        objects: integers H W, 0 where no object is; at least one pixel has one.
    """
    # Only the rectangle around both matters: distance transforms cost as much as they have pixels.
    both = positives | (objects > 0)
    rows, columns = np.flatnonzero(both.any(1)), np.flatnonzero(both.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    y, x = distance_transform_edt(objects[box] == 0, return_distances=False, return_indices=True)
    at = positives[box]
    return objects[box][y[at], x[at]]


def _read_sizes(sizes: Any, scenes: int, *, single: bool) -> list[np.ndarray]:
    def row(values: Any) -> np.ndarray:
        return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=np.float64)

    if single and (len(sizes) == 0 or np.ndim(sizes[0]) == 0):
        sizes = [sizes]
    if len(sizes) != scenes:
        raise ValueError(f"sizes of {len(sizes)} scenes for {scenes}; give one 1-d array a scene")
    rows = [row(values) for values in sizes]
    for n, values in enumerate(rows):
        if values.ndim != 1:
            raise ValueError(f"sizes[{n}] has the shape {values.shape}; give a 1-d array, the size of object k at k-1")
    return rows
