"""What the pictures' own numbers must be, in words that name the value and what is legal."""

from collections.abc import Sequence
from numbers import Integral


def check_size(size: Sequence[int], *, least: tuple[int, int] = (1, 1)) -> tuple[int, int]:
    """`size` as `(h, w)` in pixels.

    Args:
        size: height and width.
        least: the smallest height and width that will do.

    Raises:
        ValueError: it is no pair of whole numbers, or one of them is too small.
    """
    pair = tuple(size) if isinstance(size, Sequence) else ()
    if len(pair) != 2 or not all(isinstance(extent, Integral) for extent in pair):
        raise ValueError(f"size={size!r} must be (h, w), two whole numbers of pixels")
    if min(pair) < 1:
        raise ValueError(f"size=(h, w) must be positive, got {pair}")
    if pair[0] < least[0] or pair[1] < least[1]:
        raise ValueError(f"size={pair} must be at least {least[0]} px high and {least[1]} px wide")
    return pair


def check_noise(noise: float) -> float:
    """`noise` if it is the standard deviation of a camera's noise, from 0 to 1; else ValueError."""
    if not 0 <= noise <= 1:
        raise ValueError(f"noise={noise} must be from 0 to 1")
    return noise
