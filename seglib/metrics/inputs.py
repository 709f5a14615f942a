"""What the metrics take, and what they refuse, in words that name the value and the fix."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Pair:
    """A prediction and the truth that it is held against.

    Attributes:
        prediction: int64 N H W, classes.
        target: int64 N H W, classes; anything where `counted` is False.
        counted: bool N H W: False where the truth is not known.
    """

    prediction: Tensor
    target: Tensor
    counted: Tensor

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The three as NumPy arrays."""
        return self.prediction.cpu().numpy(), self.target.cpu().numpy(), self.counted.cpu().numpy()


def read_pair(prediction: Any, target: Any, *, num_classes: int | None, ignore_index: int | None) -> Pair:
    """Check a prediction and its truth.

    Args:
        prediction: class map N H W or H W of any integer type; tensor or NumPy array.
        target: the same.
        num_classes: classes go from 0 to this minus 1; None if any are fine.
        ignore_index: pixels with this truth do not count; what is predicted for them is not looked at.

    Raises:
        TypeError: something other than integers, logits for instance.
        ValueError: shapes that differ or are no maps, or a class out of range.
    """
    prediction, target = _integers("prediction", prediction), _integers("target", target)
    if target.ndim not in (2, 3):
        raise ValueError(f"target of shape {tuple(target.shape)} is no class map: give N H W or H W")
    if prediction.shape != target.shape:
        fix = "; for logits N K H W give logits.argmax(1)" if prediction.ndim == 4 else ""
        raise ValueError(
            f"prediction of shape {tuple(prediction.shape)} does not fit a target of shape {tuple(target.shape)}: "
            f"both are class maps N H W or H W{fix}"
        )
    if target.ndim == 2:
        prediction, target = prediction[None], target[None]
    target = target.to(prediction.device)
    counted = torch.ones_like(target, dtype=torch.bool) if ignore_index is None else target != ignore_index
    if num_classes is not None:
        _check_range("target", target, counted, num_classes, ignore_index)
        _check_range("prediction", prediction, counted, num_classes, None)
    return Pair(prediction, target, counted)


def read_like(name: str, values: Any, pair: Pair) -> np.ndarray:
    """`values`, a tensor or array N H W or H W, as an array that fits a pair."""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    array = array[None] if array.ndim == 2 else array
    if array.shape != tuple(pair.target.shape):
        raise ValueError(f"{name} of shape {array.shape} do not fit a target of shape {tuple(pair.target.shape)}")
    return array


def read_edges(name: str, edges: Sequence[float], *, infinite: bool = False, least: int = 2) -> np.ndarray:
    """Rising numbers, `least` of them or more, as float64; the last may be infinite if `infinite`."""
    array = np.asarray(edges, dtype=np.float64)
    rising = array.ndim == 1 and len(array) >= least and bool((array[1:] > array[:-1]).all())
    if not rising or not np.isfinite(array[:-1] if infinite else array).all() or not array[-1] > -np.inf:
        end = ", of which the last may be infinite" if infinite else ""
        raise ValueError(f"{name}={edges!r}: give {least} or more rising, finite numbers{end}")
    return array


def bin_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Number of the bin of each value, -1 outside: `[e_i, e_i+1)`, with the upper end in the last, as NumPy's."""
    bins = np.searchsorted(edges, values, side="right") - 1
    bins[values == edges[-1]] = len(edges) - 2
    bins[(bins >= len(edges) - 1) | np.isnan(values)] = -1
    return bins


def read_classes(num_classes: int, classes: Sequence[str] | None) -> tuple[str, ...]:
    """Names of the classes: those given, or "0", "1", ...

    Raises:
        ValueError: num_classes is no number of classes, or there are more or fewer names.
    """
    if not isinstance(num_classes, int) or isinstance(num_classes, bool) or num_classes < 1:
        raise ValueError(f"num_classes={num_classes!r} must be a whole number of 1 or more")
    names = tuple(str(i) for i in range(num_classes)) if classes is None else tuple(classes)
    if len(names) != num_classes:
        raise ValueError(f"{len(names)} names of classes for num_classes={num_classes}; give one for each")
    return names


def read_ignore_index(value: int | None) -> int | None:
    """`value` if it can be the label of pixels that do not count: a whole number, or None; else ValueError."""
    if value is not None and (not isinstance(value, Integral) or isinstance(value, bool)):
        raise ValueError(f"ignore_index={value!r} must be a whole number, or None if all pixels count")
    return value


def check_alike(metric: Any, other: Any, *names: str) -> None:
    """Raise unless `other` counts the same as `metric`: is of its class, and the attributes `names` are equal."""
    if type(metric) is not type(other):
        raise TypeError(f"a {type(other).__name__} cannot be merged into a {type(metric).__name__}")
    for name in names:
        mine, theirs = getattr(metric, name), getattr(other, name)
        if not np.array_equal(mine, theirs):
            raise ValueError(f"metrics of different {name} cannot be merged: {mine!r} and {theirs!r}")


def divide(numerator: Any, denominator: Any) -> np.ndarray:
    """Quotients in float64, NaN where the denominator is 0, without a warning."""
    denominator = np.asarray(denominator, dtype=np.float64)
    empty = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator != 0)


def mean(values: np.ndarray) -> float:
    """Mean of those that are not NaN; NaN if there are none, without a warning."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _integers(name: str, values: Any) -> Tensor:
    if isinstance(values, np.ndarray):
        values = torch.from_numpy(
            np.ascontiguousarray(values).astype(np.int64) if values.dtype.kind in "iu" else values
        )
    if not isinstance(values, Tensor):
        raise TypeError(f"{name} is a {type(values).__name__}; give a tensor or a NumPy array of classes, N H W or H W")
    if values.is_floating_point() or values.dtype in (torch.bool, torch.complex64, torch.complex128):
        fix = "; for logits N K H W give logits.argmax(1)" if values.ndim == 4 else ""
        raise TypeError(
            f"{name} of shape {tuple(values.shape)} is of {values.dtype}: give classes, integers N H W or H W{fix}"
        )
    return values.detach().long()


def _check_range(name: str, values: Tensor, counted: Tensor, num_classes: int, ignore_index: int | None) -> None:
    if values.numel() == 0:
        return
    least, most = values.aminmax()  # one fast look, mostly the last one
    if least >= 0 and most < num_classes:
        return
    wrong = counted & ((values < 0) | (values >= num_classes))
    if not wrong.any():
        return
    n, y, x = wrong.nonzero()[0].tolist()
    value = int(values[n, y, x])
    if name == "target":
        fix = f"give a larger num_classes, or ignore_index={value} if it means that the class is not known"
        if ignore_index is not None:
            fix = f"give a larger num_classes, or another ignore_index than {ignore_index}"
    else:
        fix = "was the network made with more classes than the metric?"
    raise ValueError(
        f"{name} has the class {value} at scene {n}, row {y}, column {x}, and classes go from 0 to {num_classes - 1}; "
        + fix
    )
