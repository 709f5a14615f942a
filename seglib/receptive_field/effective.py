"""Effective receptive fields, measured by gradients.

Luo, Li, Urtasun and Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", NIPS
2016, https://arxiv.org/abs/1701.04128: most of the theoretical field hardly matters. The gradient of one output unit
with respect to the image falls off like a Gaussian around the centre; n layers of k x k kernels of equal weights give
it the standard deviation sqrt(n (k^2 - 1) / 12), while the theoretical field grows with n.
"""

import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from seglib.receptive_field.analytic import receptive_field
from seglib.receptive_field.graph import UnsupportedOperationError
from seglib.receptive_field.trace import check_layer

THRESHOLD = 1 - 0.9545  # of the centre: two standard deviations


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """Effective receptive field of one unit; all pairs are (rows, columns).

    Attributes:
        map: H W, mean absolute gradient of the unit with respect to each pixel, largest value 1, on the model's device.
        unit: (y, x) of the unit in the layer's map.
        pixels: number of pixels above 4.55 % of the value at the centre of the field, the largest of the pixels around
            it where the centre lies between pixels; of the peak where the centre is 0.
        size: sqrt(pixels), the side of a square as large, in pixels.
        std: standard deviation of the map, taken as a distribution, along rows and columns, in pixels.
        theoretical: (top, left, bottom, right) of the theoretical field, clipped to the image, half-open; None where
            it is not known.
    """

    map: Tensor
    unit: tuple[int, int]
    pixels: int
    size: float
    std: tuple[float, float]
    theoretical: tuple[int, int, int, int] | None


def effective_receptive_field(
    model: nn.Module, image: Tensor, unit: tuple[int, int] | None = None, layer: str | None = None
) -> EffectiveField:
    """Measure what one output unit really looks at: mean |d sum_c y[c, unit] / d x|, summed over input channels.

    The gradient is 1 for the unit, in all its channels, and 0 elsewhere. The model runs as it is, in training or in
    evaluation mode; flags, buffers, gradients of its parameters and the random state are left as they were.

    Args:
        model: any module that takes images N C H W and returns one tensor (N, K, H', W'), or (N, K).
        image: N C H W; the map is the mean over the N images. On the device of the model.
        unit: (y, x) in the layer's map; its centre (H' // 2, W' // 2) if None.
        layer: dotted name of a module; None for the output.

    Raises:
        TypeError: for an image that is no tensor.
        ValueError: for an image that is not N C H W or not finite, an unknown layer, a unit that is no (y, x) or lies
            outside the map, or a gradient that is 0 everywhere or not finite.
    """
    if not isinstance(image, Tensor):
        raise TypeError(
            f"image is a {type(image).__name__}; give a tensor N C H W: torch.from_numpy(image) of an array"
        )
    if image.ndim != 4 or not image.is_floating_point():
        raise ValueError(f"image is a floating-point tensor N C H W, not {image.dtype} of shape {tuple(image.shape)}")
    if not torch.isfinite(image).all():
        raise ValueError(f"{int((~torch.isfinite(image)).sum())} values of the image are NaN or infinite")
    pair = tuple(unit) if isinstance(unit, (tuple, list)) else ()
    if unit is not None and (len(pair) != 2 or not all(isinstance(place, Integral) for place in pair)):
        raise ValueError(f"unit={unit!r} must be (y, x), two whole numbers, or None for the unit in the middle")
    name = check_layer(model, layer)
    gradient, unit = _gradient(model, model.get_submodule(name), image, unit)
    mean = gradient.abs().sum(dim=1).mean(dim=0)
    peak = mean.max()
    if not torch.isfinite(peak) or peak == 0:
        raise ValueError(
            f"the gradient of unit {unit} is {'0 everywhere' if peak == 0 else 'not finite'}; "
            "try another image, or average over more of them"
        )
    heat = mean / peak
    box, centre = _theory(model, image, unit, layer)
    rows, columns = (slice(math.floor(c), math.ceil(c) + 1) for c in centre)  # a centre may lie between two pixels
    level = heat[rows, columns].max()
    pixels = int((heat > THRESHOLD * (level if level > 0 else 1)).sum())
    std = tuple(_deviation(heat.sum(dim=1 - axis)) for axis in (0, 1))
    return EffectiveField(heat, unit, pixels, math.sqrt(pixels), std, box)


def _gradient(
    model: nn.Module, module: nn.Module, image: Tensor, unit: tuple[int, int] | None
) -> tuple[Tensor, tuple[int, int]]:
    """Gradient of one unit with respect to the images, N C H W, and the unit."""
    outputs = []
    hook = module.register_forward_hook(lambda _, __, output: outputs.append(output))
    buffers = {name: buffer.detach().clone() for name, buffer in model.named_buffers()}
    leaf = image.detach().clone().requires_grad_()
    try:
        with torch.random.fork_rng([image.device] if image.is_cuda else []), torch.enable_grad():
            model(leaf.clone())  # a copy, since a leaf may not be changed in place
            target, unit = _activation(outputs[-1] if outputs else None, unit)
            (gradient,) = torch.autograd.grad(target, leaf)
    finally:
        hook.remove()
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
    return gradient, unit


def _activation(output: object, unit: tuple[int, int] | None) -> tuple[Tensor, tuple[int, int]]:
    """Sum of a unit over channels and images, and the unit."""
    if isinstance(output, dict):
        output = tuple(output.values())
    if isinstance(output, (tuple, list)) and len(output) == 1:
        output = output[0]
    if not isinstance(output, Tensor) or output.ndim not in (2, 4):
        what = f"of shape {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise ValueError(f"the output is {what}, not one tensor N K H W or N K; name another layer with layer=")
    output = output if output.ndim == 4 else output[:, :, None, None]
    height, width = output.shape[2:]
    y, x = unit or (height // 2, width // 2)
    if not (0 <= y < height and 0 <= x < width):
        raise ValueError(f"there is no unit {unit}; the map has {height} x {width} units")
    return output[:, :, y, x].sum(), (y, x)


def _theory(
    model: nn.Module, image: Tensor, unit: tuple[int, int], layer: str | None
) -> tuple[tuple[int, int, int, int] | None, tuple[float, float]]:
    """Clipped theoretical box, and the centre of the unclipped one or else of the image."""
    height, width = image.shape[2:]
    middle = ((height - 1) / 2, (width - 1) / 2)
    try:
        field = receptive_field(model, tuple(image.shape[1:]), layer)
        top, left, bottom, right = field.box(*unit)
    except UnsupportedOperationError:
        return None, middle
    centre = ((top + bottom - 1) / 2, (left + right - 1) / 2)
    centre = tuple(m if math.isnan(c) else c for c, m in zip(centre, middle, strict=True))
    y, x = (min(max(c, 0), length - 1) for c, length in zip(centre, (height, width), strict=True))
    return field.clipped_box(*unit), (y, x)


def _deviation(weights: Tensor) -> float:
    """Standard deviation of the index under some weights."""
    weights = (weights / weights.sum()).double()
    index = torch.arange(len(weights), dtype=weights.dtype, device=weights.device)
    mean = (weights * index).sum()
    return float((weights * (index - mean) ** 2).sum().sqrt())
