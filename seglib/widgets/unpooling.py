"""`UnpoolingExplorer`: where was the maximum? Max pooling of a small grid, and four ways back."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
import traitlets
from PIL import Image
from torch import Tensor

from seglib.widgets.base import Widget, bundle, device_name, live_device
from seglib.widgets.unpooling_picture import unpooling_picture

SIDE = 8  # of the grids that presets are cut from, and the largest
LARGEST = 99
PARTS = ("input", "pooled", "unpooled", "zeros", "nearest", "bilinear")

# One line a row. Smaller grids are the upper left part.
_GRIDS = {
    # The line crosses each window once, so its place in the window is all that pooling forgets of it.
    "diagonal line": """
        1 8 0 1 2 0 1 0
        0 1 9 2 0 1 0 2
        2 0 1 7 1 0 2 1
        1 1 0 2 9 1 0 0
        0 2 1 0 1 8 2 1
        1 0 2 1 0 2 6 0
        2 1 0 0 1 0 1 9
        0 0 1 2 0 1 0 1""",
    "edge": """
        1 0 2 8 9 8 9 7
        0 1 1 9 8 9 8 8
        2 0 1 8 7 9 9 8
        1 1 0 9 9 8 7 9
        0 2 1 8 9 9 8 8
        1 0 0 7 8 8 9 9
        0 1 2 9 8 7 8 9
        1 0 1 8 9 9 8 7""",
    "ties": """
        5 5 3 7 2 2 4 4
        5 5 7 3 2 2 1 4
        1 6 4 4 0 8 6 6
        6 1 2 4 8 8 6 5
        9 0 3 3 5 1 7 2
        0 9 3 3 1 5 7 7
        2 8 0 6 4 4 3 3
        8 2 6 0 4 4 3 0""",
    "plateau": """
        0 0 0 0 0 0 0 0
        0 7 7 7 7 0 0 0
        0 7 7 7 7 0 0 0
        0 7 7 7 7 0 0 0
        0 7 7 7 7 0 0 0
        0 0 0 0 0 0 0 0
        0 0 0 0 0 0 0 0
        0 0 0 0 0 0 0 0""",
    "random digits": """
        3 7 0 9 4 2 8 1
        6 1 5 2 8 0 3 9
        9 4 8 3 1 7 6 0
        0 2 6 5 7 3 1 4
        7 8 1 0 2 9 5 6
        4 3 9 6 5 1 0 8
        1 0 2 7 3 4 9 5
        8 5 4 1 6 0 2 7""",
}
PRESETS = {name: [int(digit) for digit in text.split()] for name, text in _GRIDS.items()}
FIRST = next(iter(PRESETS))


def pooled_size(size: int, pool: int, stride: int) -> int:
    """Units along one side of the pooled map; what is left over is not read."""
    return (size - pool) // stride + 1


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread. With more, `F.max_unpool2d` leaves either value where two units write to one place."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def four_ways(values: Tensor, pool: int, stride: int, decoder: Tensor | None = None) -> dict[str, Tensor]:
    """Max pooling and four ways back, as PyTorch computes them.

    Where windows overlap, units may share a switch. On one thread of a CPU the last one's value is left then; PyTorch
    promises nothing.

    Args:
        values: `H W`.
        pool: side of the windows.
        stride: pixels from window to window.
        decoder: what goes back, of the size of the pooled map; the maxima if None.

    Returns:
        "maxima" and "switches", one for each unit; "unpooled", "zeros" (each value in the upper left corner of its
        window), "nearest" and "bilinear", each `H W`.
    """
    maxima, switches = F.max_pool2d(values[None, None], pool, stride=stride, return_indices=True)
    given = maxima if decoder is None else decoder.to(values)[None, None]
    height, width = values.shape
    rows, columns = ((units - 1) * stride + 1 for units in given.shape[2:])
    zeros = torch.zeros_like(values)
    zeros[:rows:stride, :columns:stride] = given[0, 0]
    with one_thread():
        unpooled = F.max_unpool2d(given, switches, pool, stride=stride, output_size=(height, width))
    return {
        "maxima": maxima[0, 0],
        "switches": switches[0, 0],
        "unpooled": unpooled[0, 0],
        "zeros": zeros,
        "nearest": F.interpolate(given, size=(height, width), mode="nearest")[0, 0],
        "bilinear": F.interpolate(given, size=(height, width), mode="bilinear", align_corners=False)[0, 0],
    }


def cut(grid: Sequence[int], before: int, after: int) -> list[int]:
    """The upper left part of a square grid in reading order, or the grid with zeros to its right and below."""
    within = range(before)
    return [grid[y * before + x] if y in within and x in within else 0 for y in range(after) for x in range(after)]


class UnpoolingExplorer(Widget):
    """Max pooling of a small grid of whole numbers, its switches, and four ways back to the size of the grid.

    Args:
        size: cells along a side of the grid, 4 to 8.
        pool: side of the windows, 2 or 3.
        stride: cells from window to window, 1 to 3; windows overlap where it is smaller than the pool.
        values: the grid, size x size whole numbers from -99 to 99 in reading order, or as a list of rows.
        decoder: what goes back instead of the maxima, a number for each unit; empty means the maxima.
        part: the grid that the chosen cell is in: "input", "pooled", "unpooled", "zeros", "nearest" or "bilinear".
        x: its column.
        y: its row.
        key: name in the page's address.

    Raises:
        traitlets.TraitError: a value is outside its range, or does not fit to the others; the message names both.
    """

    stem: ClassVar = "unpooling"
    settings: ClassVar = ("size", "pool", "stride", "values", "decoder", "part", "x", "y")
    kernel_only: ClassVar = ("answer",)
    _esm = bundle("unpooling")

    size = traitlets.Int(6, min=4, max=SIDE).tag(sync=True)
    pool = traitlets.Int(2, min=2, max=3).tag(sync=True)
    stride = traitlets.Int(2, min=1, max=3).tag(sync=True)
    values = traitlets.List(traitlets.Int(min=-LARGEST, max=LARGEST), minlen=16, maxlen=SIDE**2).tag(sync=True)
    decoder = traitlets.List(traitlets.Int(min=-LARGEST, max=LARGEST), maxlen=(SIDE - 1) ** 2).tag(sync=True)
    part = traitlets.Enum(PARTS, "input").tag(sync=True)
    x = traitlets.Int(3, min=0, max=SIDE - 1).tag(sync=True)
    y = traitlets.Int(2, min=0, max=SIDE - 1).tag(sync=True)
    presets = traitlets.Dict(PRESETS, read_only=True).tag(sync=True)
    answer = traitlets.Dict(help="the kernel's own answer to the settings it names").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        for name in ("values", "decoder"):
            if name in traits:
                traits[name] = _flat(traits[name])
        if "size" not in traits and "values" in traits:
            traits["size"] = math.isqrt(len(traits["values"]))
        if "values" not in traits and traits.get("size", 6) in range(4, SIDE + 1):  # else the trait says what is wrong
            traits["values"] = cut(PRESETS[FIRST], SIDE, traits.get("size", 6))
        self._ready = False
        super().__init__(**traits)
        self._check()
        self._ready = True
        self.observe(self._settle, ["size", "pool", "stride", "part"])
        self.observe(self._answer, ["size", "pool", "stride", "values", "decoder"])
        self._answer()

    @property
    def side(self) -> int:
        """Units along a side of the pooled map."""
        return pooled_size(self.size, self.pool, self.stride)

    def _check(self) -> None:
        """Refuse settings that are legal one by one and do not fit together."""
        if len(self.values) != self.size**2:
            raise traitlets.TraitError(f"values has {len(self.values)} numbers; size={self.size} needs {self.size**2}")
        if self.decoder and len(self.decoder) != self.side**2:
            raise traitlets.TraitError(
                f"decoder has {len(self.decoder)} numbers; a pooled map of {self.side} x {self.side} needs "
                f"{self.side**2}, or none for the maxima"
            )
        for name, value in (("x", self.x), ("y", self.y)):
            if value >= self._side_of_part():
                raise traitlets.TraitError(
                    f"{name}={value} must be from 0 to {self._side_of_part() - 1} in {self.part}"
                )

    def _side_of_part(self) -> int:
        return self.side if self.part == "pooled" else self.size

    @traitlets.validate("values", "decoder", "x", "y")
    def _fits(self, proposal: dict) -> Any:
        if not self._ready:
            return proposal["value"]  # all of them are compared at the end
        name, value = proposal["trait"].name, proposal["value"]
        if name in "xy" and value >= self._side_of_part():
            raise traitlets.TraitError(f"{name}={value} must be from 0 to {self._side_of_part() - 1} in {self.part}")
        wanted = {"values": self.size**2, "decoder": self.side**2}.get(name)
        if wanted and len(value) != wanted and (value or name == "values"):
            raise traitlets.TraitError(f"{name} has {len(value)} numbers and needs {wanted}; size={self.size}")
        return value

    def _settle(self, _change: object) -> None:
        """Keep the grid, as far as it goes, and the chosen cell where a new size has them."""
        with self.hold_trait_notifications():
            if len(self.values) != self.size**2:
                before = math.isqrt(len(self.values))
                kept = next((g for g in PRESETS.values() if cut(g, SIDE, before) == self.values), None)
                self.values = cut(kept, SIDE, self.size) if kept else cut(self.values, before, self.size)
            if self.decoder and len(self.decoder) != self.side**2:
                self.decoder = []
            self.x, self.y = (min(value, self._side_of_part() - 1) for value in (self.x, self.y))

    def results(self, device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """What PyTorch makes of the settings now shown; see `four_ways`."""
        values = torch.tensor(self.values, dtype=torch.float32, device=device).view(self.size, self.size)
        decoder = torch.tensor(self.decoder, dtype=torch.float32).view(self.side, self.side) if self.decoder else None
        return four_ways(values, self.pool, self.stride, decoder)

    def _answer(self, _change: object = None) -> None:
        """Pool and go back in PyTorch, on the GPU if there is one; not where its threads would race for a place."""
        if len(self.values) != self.size**2 or (self.decoder and len(self.decoder) != self.side**2):
            return  # a change on its way: _settle follows
        device = live_device() if self.stride >= self.pool else torch.device("cpu")
        found = self.results(device)
        self.answer = {
            "about": [self.size, self.pool, self.stride, self.values, self.decoder],
            "by": f"PyTorch {torch.__version__.split('+')[0]} on {device_name(device)}",
            "results": {way: found[way].flatten().tolist() for way in PARTS[2:]},
        }

    def alt(self) -> str:
        """What the still picture shows."""
        found = self.results()
        kept = int((found["unpooled"] != 0).sum())
        return (
            f"A grid of {self.size} by {self.size} numbers with a ring around each maximum, arrows to the pooled map "
            f"of {self.side} by {self.side}, and four ways back. Unpooling puts each value where its maximum was, so "
            f"that {kept} of {self.size**2} cells are not 0; zero insertion, nearest and bilinear upsampling do not "
            "know where that was."
        )

    def picture(self) -> Image.Image:
        """The six grids, as the page draws them before anyone touches it."""
        found = self.results()
        decoder = torch.tensor(self.decoder).view(self.side, self.side) if self.decoder else found["maxima"]
        values = torch.tensor(self.values).view(self.size, self.size)
        place = self.y * self._side_of_part() + self.x
        return unpooling_picture(values, found, decoder, self.pool, self.stride, self.part, place)


def _flat(grid: Any) -> Any:
    """A grid in reading order, from rows or as it is; what is no grid is left for the trait to refuse."""
    if isinstance(grid, Tensor):
        grid = grid.tolist()
    if isinstance(grid, (list, tuple)) and grid and all(isinstance(row, (list, tuple)) for row in grid):
        return [value for row in grid for value in row]
    return list(grid) if isinstance(grid, tuple) else grid
