"""The still picture of `UnpoolingExplorer`, drawn as `js/unpooling.js` draws it on light paper."""

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

INK, QUIET, LINE, PAPER = "#1f2328", "#48566b", "#d1d5da", "#ffffff"
INPUT, KERNEL, OUTPUT = "#0072b2", "#e69f00", "#009e73"
# Pixels of the sheet, which is twice as fine as the page: its width, the largest cell, the gap for the arrows, the room
# for a title, the gap between two results
WIDTH, CELL, ARROWS, TITLE, GAP = 1320, 92, 150, 44, 24
MOST_ARROWS = 16
WAYS = {"unpooled": "Unpooled", "zeros": "Zero insertion", "nearest": "Nearest", "bilinear": "Bilinear"}


def mixed(colour: str, share: float) -> tuple[int, ...]:
    """A colour on paper, as strong as `share`."""
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return tuple(round(255 + (part - 255) * share) for part in parts)


def short(value: float, room: int) -> str:
    """A number of at most so many letters, without zeros behind the point."""
    text = f"{value + 0.0:.1f}".removesuffix(".0")
    text = text if len(text) <= room else f"{value:.0f}"
    return text.replace("-", "−")


@dataclass(frozen=True)
class Grid:
    """A grid of numbers on the sheet.

    Attributes:
        numbers: H W.
        left: of its first cell.
        top: of its first cell.
        cell: side of a cell.
        colour: of its frame and shades.
        title: above it.
        rings: places with a ring around the number.
    """

    numbers: Tensor
    left: int
    top: int
    cell: int
    colour: str
    title: str
    rings: frozenset[int] = frozenset()

    def corner(self, place: int) -> tuple[int, int]:
        """Upper left corner of a cell."""
        row, column = divmod(place, len(self.numbers))
        return self.left + column * self.cell, self.top + row * self.cell

    def middle(self, place: int) -> tuple[float, float]:
        """Centre of a cell."""
        x, y = self.corner(place)
        return x + self.cell / 2, y + self.cell / 2

    def shade(self, draw: ImageDraw.ImageDraw, low: float, high: float) -> None:
        """Title, shaded cells, frame."""
        draw.text((self.left, self.top - 12), self.title, fill=INK, font=ImageFont.load_default(24), anchor="ls")
        for place, value in enumerate(self.numbers.flatten().tolist()):
            x, y = self.corner(place)
            share = 0.6 * (value - low) / (high - low)
            draw.rectangle((x, y, x + self.cell, y + self.cell), fill=mixed(self.colour, share), outline=LINE, width=2)
        end = self.cell * len(self.numbers)
        draw.rectangle((self.left, self.top, self.left + end, self.top + end), outline=self.colour, width=4)

    def write(self, draw: ImageDraw.ImageDraw) -> None:
        """Numbers and rings."""
        rim, room = self.cell * 0.1, 4 if self.cell >= 44 else 3
        font = ImageFont.load_default(self.cell * 0.36)
        for place, value in enumerate(self.numbers.flatten().tolist()):
            draw.text(self.middle(place), short(value, room), fill=INK if value else QUIET, font=font, anchor="mm")
            if place in self.rings:
                x, y = self.corner(place)
                draw.ellipse((x + rim, y + rim, x + self.cell - rim, y + self.cell - rim), outline=KERNEL, width=4)

    def frame(self, draw: ImageDraw.ImageDraw, place: int, cells: int) -> None:
        """A thick frame around so many cells, from a place on."""
        x, y = self.corner(place)
        draw.rectangle((x, y, x + cells * self.cell, y + cells * self.cell), outline=KERNEL, width=8)


def unpooling_picture(
    values: Tensor, found: dict[str, Tensor], decoder: Tensor, pool: int, stride: int, part: str, place: int
) -> Image.Image:
    """Input with its maxima, pooled map and four results.

    Args:
        values: the input, H W.
        found: `four_ways` of it.
        decoder: what goes back, of the size of the pooled map.
        pool: side of the windows.
        stride: cells from window to window.
        part: grid of the chosen cell; its unit is lit if it is in the input or the pooled map.
        place: of the chosen cell, in reading order.
    """
    size, side = len(values), len(decoder)
    cell = min(CELL, (WIDTH - ARROWS) // (size + side))
    step = (WIDTH - 3 * GAP) // 4
    below = 3 * TITLE + size * cell
    switches = found["switches"].flatten().tolist()
    rings = frozenset(switches)
    title = f"Max pooling {pool} by {pool}, stride {stride}"
    image = Grid(values, 2, TITLE, cell, INPUT, f"Input {size} by {size}", rings)
    pooled = Grid(decoder, size * cell + ARROWS, TITLE, cell, QUIET, title)
    results = [
        Grid(
            found[way],
            2 + i * (step + GAP),
            below,
            step // size,
            OUTPUT,
            title,
            rings if way == "unpooled" else frozenset(),
        )
        for i, (way, title) in enumerate(WAYS.items())
    ]
    sheet = Image.new("RGB", (WIDTH, below + step // size * size + 4), PAPER)
    draw = ImageDraw.Draw(sheet)
    all_values = [*values.flatten().tolist(), *decoder.flatten().tolist()]
    for grid in (image, pooled, *results):
        grid.shade(draw, min(0.0, *all_values), max(1.0, *all_values))
    chosen = _unit(part, place, switches, size, side, pool, stride)
    for unit in range(side**2) if side**2 <= MOST_ARROWS else [chosen]:
        if unit is not None:
            (x0, y0), (x1, y1) = image.middle(switches[unit]), pooled.middle(unit)
            column = unit % side
            if unit == chosen:
                end, colour, width = (x1 - cell / 2, y1), KERNEL, 6
            else:  # at the rim of the map, at its row
                spread = (column - (side - 1) / 2) / side * 0.6 * cell
                end, colour, width = (pooled.left, y1 + spread), mixed(KERNEL, 0.55), 3
            _arrow(draw, (x0 + 0.4 * cell, y0), end, colour, width)
    for grid in (image, pooled, *results):
        grid.write(draw)
    if chosen is not None:
        row, column = divmod(chosen, side)
        image.frame(draw, (row * size + column) * stride, pool)
        pooled.frame(draw, chosen, 1)
    return sheet


def _unit(part: str, place: int, switches: list[int], size: int, side: int, pool: int, stride: int) -> int | None:
    """The unit to light up: the chosen one, or the one whose maximum or window the chosen cell of the input is."""
    if part == "pooled":
        return place
    if place in switches:
        return switches.index(place)
    y, x = place // size, place % size
    reads = (
        unit
        for unit in range(side**2)
        if 0 <= y - unit // side * stride < pool and 0 <= x - unit % side * stride < pool
    )
    return next(reads, None)


def _arrow(
    draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], colour: object, width: int
) -> None:
    """A curve that leaves and arrives sideways, with a head."""
    (x0, y0), (x1, y1) = start, end
    steps = [i / 24 for i in range(25)]
    ease = [3 * t * t - 2 * t**3 for t in steps]
    draw.line(
        [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * e) for t, e in zip(steps, ease, strict=True)], fill=colour, width=width
    )
    draw.polygon([(x1, y1), (x1 - 18, y1 - 10), (x1 - 18, y1 + 10)], fill=colour)
