"""A table of a network, layer by layer: what each one does, and how far its units see."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from html import escape

from torch import nn

from seglib.receptive_field.analytic import Size, field_of
from seglib.receptive_field.graph import Kernel
from seglib.receptive_field.trace import Step, trace


@dataclass(frozen=True)
class LayerRow:
    """One layer; all pairs are (rows, columns), None where the layer has no kernel.

    Attributes:
        name: dotted name of the module, or of the operation within a module that calls it itself (`layer1.0.add`).
        type: class of the module, or name of the operation.
        shape: of the output for one image, without the batch.
        kernel: size of the kernel.
        stride: its stride; a transposed convolution moves so many outputs per input.
        dilation: its dilation.
        padding: its padding.
        jump: pixels from one unit to the next, the product of the strides so far.
        sizes: the distinct sizes of the receptive field over all phases; `math.inf` for the whole image.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    kernel: tuple[int, ...] | None
    stride: tuple[int, ...] | None
    dilation: tuple[int, ...] | None
    padding: tuple[int, ...] | None
    jump: tuple[int | Fraction, int | Fraction]
    sizes: tuple[Size, ...]


HEADINGS = ("layer", "type", "output shape", "kernel", "stride", "dilation", "padding", "jump", "sees")


@dataclass(frozen=True)
class LayerTable:
    """The layers of a network in the order of execution; iterate over it for the rows."""

    model: str
    input_size: tuple[int, int, int]
    rows: tuple[LayerRow, ...]

    def __iter__(self) -> Iterator[LayerRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> LayerRow:
        """The row of a layer by its name, the last one if it is called more than once."""
        for row in reversed(self.rows):
            if row.name == name:
                return row
        raise KeyError(f"no layer {name!r} in the table; it has {', '.join(row.name for row in self.rows)}")

    @property
    def caption(self) -> str:
        """What the table shows, in one sentence."""
        channels, height, width = self.input_size
        return (
            f"{self.model} on an image of {channels} x {height} x {width}: "
            "the jump and the receptive field of each layer, in pixels"
        )

    def __str__(self) -> str:
        lines = [HEADINGS, *(cells(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
        aligned = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([self.caption, *(line.rstrip() for line in aligned)])

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{heading}</th>' for heading in HEADINGS)
        body = ""
        for row in self.rows:
            name, *rest = map(escape, cells(row))
            body += f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>\n'
        # Wider than a phone it scrolls, and what scrolls must be reachable by keyboard: hence the tabindex.
        return (
            f'<table tabindex="0">\n<caption>{escape(self.caption)}</caption>\n'
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>"
        )


def layer_table(model: nn.Module, input_size: tuple[int, int, int] = (3, 224, 224)) -> LayerTable:
    """Every layer of a network with the exact receptive field of its units.

    A row is a call of a module without children, or an operation that a module with children calls itself if that
    reads other positions or joins branches (`F.interpolate`, `torch.cat`, `+`).

    Args:
        model: any module that takes one image N C H W.
        input_size: (channels, height, width).

    Raises:
        UnsupportedOperationError: for an operation whose field is not known.
        ValueError: for an image that the model does not take.
    """
    rows = tuple(_row(step, tuple(input_size[1:])) for step in trace(model, input_size).steps)
    return LayerTable(type(model).__name__, tuple(input_size), rows)


def _row(step: Step, image: tuple[int, int]) -> LayerRow:
    kernel = step.kernel or Kernel(None, None, None, None)
    field = field_of(step.value, image, step.name)
    return LayerRow(
        step.name,
        step.type,
        step.shape[1:],
        kernel.size,
        kernel.stride,
        kernel.dilation,
        kernel.padding,
        field.stride,
        field.sizes,
    )


def cells(row: LayerRow) -> tuple[str, ...]:
    """A row as text, one for each of HEADINGS."""
    kernel = ["" if pair is None else _pair(pair) for pair in (row.kernel, row.stride, row.dilation, row.padding)]
    shown = [_pair(size) for size in row.sizes[:2]] + (["..."] if len(row.sizes) > 4 else [])
    if len(row.sizes) > 1:
        heights = sorted({height for height, _ in row.sizes})
        square = all(height in {w for _, w in row.sizes} for height in heights)
        shown = [_number(height) for height in heights[:4]] if square and len(heights) <= 4 else shown
    return (
        row.name,
        row.type,
        " x ".join(map(str, row.shape)),
        *kernel,
        _pair(row.jump) if any(row.jump) else "",
        " or ".join(shown),
    )


def _pair(pair: tuple[int | float | Fraction, ...]) -> str:
    """One number for a square."""
    return _number(pair[0]) if len(set(pair)) == 1 else " x ".join(map(_number, pair))


def _number(number: int | float | Fraction) -> str:
    return "all" if number == math.inf else str(number)
