"""What pixels are compared by: positions and colours, each divided by its standard deviation, as float32 or float64."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def position_features(size: Sequence[int], sigma: float, *, like: Tensor) -> Tensor:
    """Positions on a grid, in standard deviations.

    Args:
        size: (h, w), or the size of a grid with any number of axes.
        sigma: standard deviation in pixels.
        like: a tensor of the wanted type and device.

    Returns:
        D N: D axes, the last one (x) first, as in pydensecrf's C++; N points, the last axis running fastest.
    """
    axes = [torch.arange(length, dtype=like.dtype, device=like.device) for length in size]
    grid = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([axis.reshape(-1) for axis in reversed(grid)]) / like.new_tensor(sigma)


def bilateral_features(image: Tensor, sigma_xy: float, sigma_rgb: float) -> Tensor:
    """Positions and colours, in standard deviations.

    Args:
        image: C H W, floating point, in the units of `sigma_rgb`.
        sigma_xy: standard deviation of positions, in pixels.
        sigma_rgb: standard deviation of colours.

    Returns:
        2 + C, N: x, y, then the channels.
    """
    positions = position_features(image.shape[1:], sigma_xy, like=image)
    return torch.cat([positions, image.flatten(1) / image.new_tensor(sigma_rgb)])


def check_sigma(name: str, value: float) -> float:
    """`value` as a float, if it is a positive, finite number."""
    number = check_number(name, value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} is {value!r}; a standard deviation is a number above 0")
    return number


def check_number(name: str, value: object) -> float:
    """`value` as a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; give a number") from None
