"""Pictures and unaries as they come, read into one form, or refused with what they are and what is wanted."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

KINDS = ("energies", "logits", "probabilities")
SUM_TOLERANCE = 1e-2


def read_image(image: object, *, device: torch.device, dtype: torch.dtype) -> Tensor:
    """One picture as C H W, values from 0 to 255, on a device.

    Args:
        image: a NumPy array H W C or H W, or a tensor C H W or H W; C is 1 or 3. Integers from 0 to 255, or floating
            point from 0 to 1.
        device: where to.
        dtype: float32 or float64.

    Raises:
        TypeError: it is neither an array nor a tensor, or not of numbers.
        ValueError: another shape or range.
    """
    is_tensor = isinstance(image, Tensor)
    if not is_tensor and not isinstance(image, np.ndarray):
        raise TypeError(f"image is a {type(image).__name__}; give a tensor C H W or a NumPy array H W C")
    order, channel = ("C H W", 0) if is_tensor else ("H W C", -1)
    shape = tuple(image.shape)
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[channel] not in (1, 3)):
        other = shape[-1 - channel] if len(shape) == 3 else None
        fix = "give one of 1 or 3 channels; other features go to pairwise=[Pairwise(features, weight)]"
        if other in (1, 3):
            fix = f"turn it with image.{'permute(2, 0, 1)' if is_tensor else 'transpose(1, 2, 0)'}"
        raise ValueError(f"image of shape {shape} is not {order}, as a {_library(is_tensor)} has to be; {fix}")
    if 0 in shape:
        raise ValueError(f"image of shape {shape} has no pixels")
    pixels = image.detach() if is_tensor else torch.from_numpy(_plain(image))
    if pixels.dtype.is_complex or pixels.dtype == torch.bool:
        raise TypeError(f"image is of {pixels.dtype}; give uint8, or floating point from 0 to 1")
    if len(shape) == 2:
        pixels = pixels[None]
    elif not is_tensor:
        pixels = pixels.movedim(-1, 0)
    floating = pixels.is_floating_point()
    pixels = pixels.to(device, dtype)
    low, high = (float(x) for x in torch.aminmax(pixels))
    most = 1 if floating else 255
    if not (low >= 0 and high <= most):
        raise ValueError(
            f"image has values from {low:g} to {high:g}; "
            + ("floating-point images go from 0 to 1: divide by 255" if floating else "integers go from 0 to 255")
        )
    return (pixels * 255 if floating else pixels).contiguous()  # C H W


def read_unary(
    given: dict[str, object], size: Sequence[int], *, clip: float, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """The one unary that was given, as logits N K: minus energies, one row a pixel.

    Args:
        given: name of the kind, unary or None, for all of `KINDS`; K and then the axes of `size`, or K N.
        size: of the image.
        clip: probabilities under it count as it.
        device: where to.
        dtype: float32 or float64.

    Raises:
        TypeError: not exactly one was given, or it is neither an array nor a tensor.
        ValueError: another shape, NaN or infinite values, or probabilities that are none.
    """
    named = [kind for kind in KINDS if given[kind] is not None]
    if len(named) != 1:
        raise TypeError(
            f"give exactly one of {', '.join(f'{kind}=' for kind in KINDS)}: "
            + (f"got {' and '.join(named)}" if named else "got none")
        )
    kind, unary = named[0], given[named[0]]
    if isinstance(unary, np.ndarray):
        unary = torch.from_numpy(_plain(unary))
    if not isinstance(unary, Tensor):
        raise TypeError(f"{kind} are a {type(unary).__name__}; give a tensor or a NumPy array K {_axes(size)}")
    _check_shape(kind, tuple(unary.shape), tuple(size))
    if unary.dtype.is_complex or unary.dtype == torch.bool:
        raise TypeError(f"{kind} are of {unary.dtype}; give floating point")
    rows = unary.to(device, dtype).flatten(1).t()  # N K
    if not torch.isfinite(rows.sum()) and not (finite := torch.isfinite(rows)).all():
        pixel, label = (~finite).nonzero()[0].tolist()
        raise ValueError(
            f"{kind} have {int((~finite).sum())} values that are NaN or infinite, the first at label {label}, pixel "
            f"{pixel}; " + ("use a large, finite energy, such as 20" if kind == "energies" else "look where they arise")
        )
    if kind == "energies":
        if rows.requires_grad:
            return -rows
        return torch.neg(rows, out=torch.empty(rows.shape, dtype=dtype, device=device))  # negated and turned in one go
    return rows.contiguous() if kind == "logits" else _log(rows, clip)


def _log(rows: Tensor, clip: float) -> Tensor:
    """Logarithms of probabilities N K."""
    if not 0 < clip < 1:
        raise ValueError(f"clip is {clip!r}; it is the smallest probability that counts, between 0 and 1")
    low, high = (float(x) for x in torch.aminmax(rows.detach()))
    if low < 0 or high > 1 + SUM_TOLERANCE:
        raise ValueError(
            f"probabilities go from {low:g} to {high:g}, not from 0 to 1; what a network returns without softmax is "
            "logits=, costs are energies="
        )
    sums = rows.detach().sum(1)
    if (worst := (sums - 1).abs().max()) > SUM_TOLERANCE:
        raise ValueError(
            f"probabilities of a pixel add up to {float(sums[(sums - 1).abs().argmax()]):g}, {float(worst):g} off 1; "
            "divide by their sum over labels, the first axis"
        )
    return rows.contiguous().clamp(clip, 1).log_() if not rows.requires_grad else rows.clamp(clip, 1).log()


def _check_shape(kind: str, shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    n = int(np.prod(size))
    if len(shape) < 2 or shape[0] == 0 or shape[1:] not in (size, (n,)):
        wanted = f"K {_axes(size)} = K {' '.join(map(str, size))}, or K N = K {n}"
        fix = ""
        if len(size) == 2 and shape[1:] == size[::-1]:
            fix = f"; height comes before width: {kind}.transpose(0, 2, 1) for NumPy, .transpose(1, 2) for a tensor"
        elif shape[:-1] in (size, (n,)):
            fix = "; labels come first"
        raise ValueError(f"{kind} of shape {shape} do not fit an image of size {size}: give {wanted}{fix}")


def _axes(size: Sequence[int]) -> str:
    return "H W" if len(size) == 2 else " ".join(f"S{i}" for i in range(len(size)))


def _library(is_tensor: bool) -> str:
    return "tensor" if is_tensor else "NumPy array"


def _plain(array: np.ndarray) -> np.ndarray:
    """The array in a layout and byte order that torch takes, writable so that it does not warn."""
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.require(native, requirements=["W"]) if all(s >= 0 for s in native.strides) else native.copy()
