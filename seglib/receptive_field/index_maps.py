"""Index maps: which input indices one output index of an operation reads, along one axis.

Every map is a rule for all integers, also for those beyond the border of the image: a receptive field is a property of
the network, and the border only clips it. A map has

* `taps(i)`: the input indices that output index i reads,
* `rate`: how many input indices one step of the output index advances,
* `period`: the smallest p with taps(i + p) = taps(i) + rate * p.

The rules for convolution and pooling are those of Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional
Neural Networks", Distill 2019 (https://distill.pub/2019/computing-receptive-fields/); transposed convolution is solved
exactly, where the article counts features.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import NamedTuple, Protocol


class IndexMap(Protocol):
    """What every index map offers."""

    @property
    def rate(self) -> Fraction: ...  # noqa: D102
    @property
    def period(self) -> int: ...  # noqa: D102
    def taps(self, i: int) -> Iterable[int]: ...  # noqa: D102


@dataclass(frozen=True)
class Window:
    """Convolution, pooling, crop, padding, slicing: reads stride * i + offset + t * dilation for t < kernel."""

    stride: int = 1
    offset: int = 0
    kernel: int = 1
    dilation: int = 1
    period = 1

    @property
    def rate(self) -> Fraction:
        """Input indices per output index: the stride."""
        return Fraction(self.stride)

    def taps(self, i: int) -> range:
        """Input indices under the kernel."""
        first = self.stride * i + self.offset
        return range(first, first + self.kernel * self.dilation, self.dilation)


@dataclass(frozen=True)
class Spread:
    """Transposed convolution, unpooling: input u writes to stride * u - padding + t * dilation for t < kernel."""

    stride: int
    padding: int
    kernel: int
    dilation: int = 1

    @property
    def rate(self) -> Fraction:
        """One over the stride."""
        return Fraction(1, self.stride)

    @property
    def period(self) -> int:
        """The stride: after as many outputs the pattern has moved by one input."""
        return self.stride

    def taps(self, i: int) -> list[int]:
        """Inputs that write to i; none where the kernel leaves a hole between two inputs."""
        starts = (i + self.padding - t * self.dilation for t in range(self.kernel))
        return [start // self.stride for start in starts if start % self.stride == 0]


@dataclass(frozen=True)
class Resample:
    """Interpolation: reads floor(p) + n for the neighbours n, where p = scale * i + shift.

    Where p is a whole number, p itself has weight 1 and every other neighbour weight 0.
    """

    scale: Fraction
    shift: Fraction
    neighbours: tuple[int, ...]

    @property
    def rate(self) -> Fraction:
        """Input indices per output index."""
        return self.scale

    @property
    def period(self) -> int:
        """Denominator of the scale."""
        return self.scale.denominator

    def taps(self, i: int) -> list[int]:
        """Neighbours with a weight other than 0."""
        position = self.scale * i + self.shift
        first = position.numerator // position.denominator
        if position.denominator == 1:
            return [first]
        return [first + n for n in self.neighbours]


@dataclass(frozen=True)
class Antialiased:
    """Interpolation with `antialias=True`: a filter of half width `support`, widened by the scale when shrinking.

    Reads j where |j + 1/2 - scale * (i + 1/2)| < support * max(scale, 1), but for the zeros of the bicubic filter.
    """

    scale: Fraction
    support: int

    @property
    def rate(self) -> Fraction:
        """Input indices per output index."""
        return self.scale

    @property
    def period(self) -> int:
        """Denominator of the scale."""
        return self.scale.denominator

    def taps(self, i: int) -> list[int]:
        """Input indices under the filter."""
        width = max(self.scale, Fraction(1))
        centre = self.scale * (i + Fraction(1, 2)) - Fraction(1, 2)
        around = range(int(centre - self.support * width) - 1, int(centre + self.support * width) + 2)
        distances = {j: abs(j - centre) / width for j in around}
        return [j for j, x in distances.items() if x < self.support and (x == 0 or x.denominator > 1)]


@dataclass(frozen=True)
class Bins:
    """Adaptive pooling: reads floor(i * rate) up to, but without, ceil((i + 1) * rate); rate = in / out."""

    rate: Fraction

    @property
    def period(self) -> int:
        """Denominator of the rate."""
        return self.rate.denominator

    def taps(self, i: int) -> range:
        """Input indices in bin i."""
        return range(i * self.rate.numerator // self.period, -((i + 1) * -self.rate.numerator // self.period))


@dataclass(frozen=True)
class Fixed:
    """Selection and broadcasting: every output index reads the same input index."""

    index: int = 0
    rate = Fraction(0)
    period = 1

    def taps(self, i: int) -> tuple[int]:
        """The one index."""
        return (self.index,)


@dataclass(frozen=True)
class Everything:
    """Global pooling, fully connected layer, batch statistics: every output index reads all inputs.

    The rate is 1 where each output still has the place of its input (normalisation), 0 where it has none (pooling).
    """

    cause: str
    rate: Fraction = Fraction(0)
    period = 1

    def taps(self, i: int) -> tuple[int, ...]:
        """Not to be listed: there is no end to them."""
        raise TypeError(f"{self.cause} reads the whole image; its taps cannot be listed")


IDENTITY = Window()


def nearest(scale: Fraction) -> Resample:
    """Read index floor(scale * i), PyTorch's mode `nearest`."""
    return Resample(scale, Fraction(0), (0,))


class Reach(NamedTuple):
    """A finite set of pixels along one axis: pixel start + n is in it where bit n of `mask` is set.

    The lowest bit of a mask is set unless the set is empty, so that a set has one writing only.
    """

    start: int
    mask: int

    @property
    def span(self) -> tuple[int, int]:
        """First pixel and the one after the last, (start, start) when empty."""
        return self.start, self.start + self.mask.bit_length()

    def moved(self, pixels: int) -> "Reach":
        """The same set, so many pixels further on."""
        return Reach(self.start + pixels, self.mask) if self.mask else self


EMPTY = Reach(0, 0)


def union(sets: Iterable[Reach]) -> Reach:
    """All pixels of all sets."""
    sets = [pixels for pixels in sets if pixels.mask]
    if not sets:
        return EMPTY
    start = min(pixels.start for pixels in sets)
    mask = 0
    for pixels in sets:
        mask |= pixels.mask << (pixels.start - start)
    return Reach(start, mask)


def common_period(period: int, source_period: int, advance: Fraction) -> int:
    """Smallest multiple of `period` over which the source advances by a multiple of its own period.

    Args:
        period: period of an index map.
        source_period: period of the value that it reads.
        advance: source indices per period of the map, a whole number.
    """
    return period * (source_period // gcd(source_period, int(advance)))
