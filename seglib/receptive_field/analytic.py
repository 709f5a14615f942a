"""Exact theoretical receptive fields of any network.

The *receptive field* of an output unit is the smallest box of input pixels that its value can depend on. For a chain of
layers with kernels k_l and strides s_l it has the closed form

    r = 1 + sum_l (k_l - 1) * prod_{i < l} s_i        (dilation d replaces k by d (k - 1) + 1)

of Araujo, Norris and Sim, Distill 2019, https://distill.pub/2019/computing-receptive-fields/. Beyond chains, adding up
layer by layer goes wrong: it gives 460 for FCN-8s, whose output units see 436 or 468 pixels, depending on where between
two coarse units they lie. Here the forward pass is traced once and the set of pixels that a unit reads is carried
through every operation, exactly and for each phase.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from torch import nn

from seglib.receptive_field.graph import AXES, Value
from seglib.receptive_field.trace import check_layer, trace

Size = tuple[int | float, int | float]
LONGEST_PERIOD = 1024


@dataclass(frozen=True)
class ReceptiveField:
    """Theoretical receptive field of the units of one layer; all pairs are (rows, columns), all lengths in pixels.

    Attributes:
        layer: dotted name of the module, None for the output of the model.
        input_size: (height, width) of the image.
        output_size: (height, width) of the layer's map, 1 along an axis that it has lost.
        size: largest (height, width) over all units, not clipped at the border; `math.inf` where a unit sees the
            whole image whatever its size.
        sizes: the distinct (height, width) over all phases, sorted. Units of an upsampled map see differently much.
        stride: pixels from one unit to the next; a `Fraction` below or between whole numbers, 0 along a lost axis.
        padding: effective padding, the pixels by which the field of unit (0, 0) sticks out of the image.
        centre: centre of the field of unit (0, 0), in pixel indices: (r - 1) / 2 - padding.
        whole_image: the operations that see the whole image, as "module (type): operation".
    """

    layer: str | None
    input_size: tuple[int, int]
    output_size: tuple[int, int]
    size: Size
    sizes: tuple[Size, ...]
    stride: tuple[int | Fraction, int | Fraction]
    padding: Size
    centre: tuple[float, float]
    whole_image: tuple[str, ...]
    _spans: tuple[tuple[Size, ...], tuple[Size, ...]]

    @property
    def heights(self) -> tuple[int | float, ...]:
        """The distinct heights, sorted."""
        return tuple(sorted({height for height, _ in self.sizes}))

    @property
    def widths(self) -> tuple[int | float, ...]:
        """The distinct widths, sorted."""
        return tuple(sorted({width for _, width in self.sizes}))

    def box(self, y: int, x: int) -> tuple[int | float, int | float, int | float, int | float]:
        """Field of one unit as (top, left, bottom, right) in pixels, half-open, not clipped at the border.

        Args:
            y: row of the unit, 0 <= y < output_size[0].
            x: column of the unit, 0 <= x < output_size[1].

        Raises:
            IndexError: if there is no such unit.
        """
        height, width = self.output_size
        if not (0 <= y < height and 0 <= x < width):
            raise IndexError(f"there is no unit ({y}, {x}); the map has {height} x {width} units")
        (top, bottom), (left, right) = self._spans[0][y], self._spans[1][x]
        if top == bottom or left == right:  # no pixel reaches the unit
            return top, left, top, left
        return top, left, bottom, right

    def clipped_box(self, y: int, x: int) -> tuple[int, int, int, int]:
        """The part of `box(y, x)` that lies in the image."""
        height, width = self.input_size
        top, left, bottom, right = self.box(y, x)
        top, bottom = (int(min(max(edge, 0), height)) for edge in (top, bottom))
        left, right = (int(min(max(edge, 0), width)) for edge in (left, right))
        return top, left, bottom, right

    def __str__(self) -> str:
        sizes = " or ".join(f"{height} x {width}" for height, width in self.sizes[:4])
        more = f" or {len(self.sizes) - 4} more" if len(self.sizes) > 4 else ""
        cause = f" ({', '.join(self.whole_image)})" if self.whole_image else ""
        return f"{self.layer or 'output'}: sees {sizes}{more} pixels, stride {self.stride[0]} x {self.stride[1]}{cause}"


def receptive_field(
    model: nn.Module, input_size: tuple[int, int, int] = (3, 224, 224), layer: str | None = None
) -> ReceptiveField:
    """Exact receptive field of a layer of any network.

    The forward pass is traced on tensors without memory, so that nothing is computed and the model is left as it is.
    The field is that of an infinitely large image: it does not shrink at the border, and padding of any mode counts as
    if the image went on. It is the union over all channels, and every operation counts as mixing them (a slice of the
    channels of a concatenation is told apart, `unfold` undone by `fold` is not). In training mode, batch normalisation
    makes it infinite.

    Args:
        model: any module that takes one image N C H W and returns one tensor.
        input_size: (channels, height, width). It matters where the network asks for sizes (adaptive pooling,
            `interpolate` to a given size), and it has to be large enough to be run. Where branches of different
            strides are joined after such a resizing, all units differ, and `sizes` are those of the units there are.
        layer: dotted name of a module as in `model.named_modules()`, its last call if it is called more than once;
            None for the output.

    Returns:
        The field of every unit of the layer.

    Raises:
        UnsupportedOperationError: for an operation whose field is not known; never a guess.
        ValueError: for an unknown layer, or an image that the model does not take.

    Example:
        >>> field = receptive_field(nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2)), (3, 32, 32))
        >>> field.size, field.stride, field.box(1, 0)
        ((4, 4), (2, 2), (2, 0, 6, 4))
    """
    name = check_layer(model, layer)
    record = trace(model, input_size)
    return field_of(record.output(name), tuple(input_size[1:]), layer)


def field_of(value: Value, input_size: tuple[int, int], layer: str | None) -> ReceptiveField:
    """The record of a traced value."""
    spans, lengths = zip(*(_spans(value, axis) for axis in AXES), strict=True)
    pairs = {(h, w) if h and w else (0, 0) for h in lengths[0] for w in lengths[1]}
    first = [axis_spans[0] for axis_spans in spans]
    return ReceptiveField(
        layer=layer,
        input_size=input_size,
        output_size=tuple(len(axis_spans) for axis_spans in spans),
        size=tuple(max(axis_lengths) for axis_lengths in lengths),
        sizes=tuple(sorted(pairs)),
        stride=stride_of(value),
        padding=tuple(-start for start, _ in first),
        centre=tuple(
            (size - 1) / 2 if value.whole[axis] else (first[axis][0] + first[axis][1] - 1) / 2
            for axis, size in enumerate(input_size)
        ),
        whole_image=value.causes(),
        _spans=spans,
    )


def stride_of(value: Value) -> tuple[int | Fraction, int | Fraction]:
    """Pixels from one unit to the next, whole where they can be."""
    return tuple(int(rate) if rate.denominator == 1 else rate for rate in value.rate)


def _spans(value: Value, axis: int) -> tuple[tuple[Size, ...], set[int | float]]:
    """Field of every unit along an axis as (start, stop), and its distinct lengths over all phases."""
    n = value.length(axis)
    if value.whole[axis]:
        if not value.atoms(axis) and len(value.dims) == 4:  # a map made anew from features of the whole image
            n = value.shape[axis - 2]
        return ((-math.inf, math.inf),) * n, {math.inf}
    spans = tuple(value.reach(axis, i).span for i in range(n))
    period = value.period[axis]
    phases = range(period) if period and period <= LONGEST_PERIOD else range(n)
    return spans, {stop - start for start, stop in (value.reach(axis, i).span for i in phases)}
