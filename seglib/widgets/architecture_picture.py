"""The still picture of `ArchitectureViewer`, drawn as `js/architecture.js` draws it on light paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from PIL import Image, ImageDraw, ImageFont

from seglib.widgets.network_graph import WEIGHTED, Graph

INK, QUIET, LINE, PAPER = "#1f2328", "#48566b", "#d1d5da", "#ffffff"
KERNEL, OUTPUT, PREDICTION, UNSEEN, ACCENT = "#e69f00", "#009e73", "#cc79a7", "#999999", "#0a6b7d"
# of the sheet, which is twice as fine as the page: its width, a network's band, the room for arcs, the title
WIDTH, BAND, ARCS, TITLE, FOOT, RIM = 1320, 250, 90, 44, 40, 20
WEDGE, THIN = 3.0, 1.5  # widths of blocks that change the resolution, and that join or crop


@dataclass(frozen=True)
class Column:
    """A place along the long axis: numbers of the blocks that stand there, one for each network or None."""

    blocks: tuple[int | None, ...]
    left: float
    width: float


def breadth(graph: Graph, block: int) -> float:
    """How wide a block is drawn, before the picture is fitted: the cube root of its channels."""
    leader = graph.blocks[block].leader
    if graph.kinds[leader] in WEIGHTED:
        return max(WEDGE if graph.ups[leader] else THIN, graph.summary.rows[leader].shape[0] ** (1 / 3))
    return WEDGE if graph.kinds[leader] == "pool" or graph.ups[leader] else THIN


def columns(graphs: Sequence[Graph], pairs: Sequence[tuple[int, int]]) -> list[Column]:
    """Blocks side by side; pairs of two networks stand in one column. Widths add up to 1, the gaps left out."""
    if len(graphs) == 1:
        order: list[tuple[int | None, ...]] = [(i,) for i in range(len(graphs[0].blocks))]
    else:
        order, before = [], (0, 0)
        for a, b in [*pairs, tuple(len(graph.blocks) for graph in graphs)]:
            order += [(i, None) for i in range(before[0], a)] + [(None, j) for j in range(before[1], b)]
            order += [(a, b)]
            before = (a + 1, b + 1)
        order.pop()
    widths = [
        max(breadth(graph, block) for graph, block in zip(graphs, blocks, strict=True) if block is not None)
        for blocks in order
    ]
    placed, left = [], 0.0
    for blocks, width in zip(order, widths, strict=True):
        placed.append(Column(blocks, left / sum(widths), width / sum(widths)))
        left += width
    return placed


def tall(height: int, tallest: int) -> float:
    """Share of the band that a map of so many rows takes: the square root."""
    return max(0.06, sqrt(height / tallest))


def rows_of(graph: Graph, block: int) -> tuple[int, int]:
    """Rows of the maps before and after a block."""
    leader = graph.blocks[block].leader

    def rows(number: int) -> int:
        shape = graph.summary.rows[number].shape if number >= 0 else graph.summary.input_size
        return shape[1] if len(shape) == 3 else 1

    first = graph.blocks[block].rows[0]
    sources = [read.row for read in graph.reads[first] if not read.switches]
    return rows(sources[0]) if sources else rows(leader), rows(leader)


def architecture_picture(
    graphs: Sequence[Graph], titles: Sequence[str], pairs: Sequence[tuple[int, int]], network: int, block: int
) -> Image.Image:
    """One or two networks, coloured by kind, the chosen block marked in both."""
    each = TITLE + ARCS + BAND + FOOT
    sheet = Image.new("RGB", (WIDTH, each * len(graphs)), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(24)
    placed = columns(graphs, pairs)
    chosen = next(column for column in placed if column.blocks[network] == block)
    inner = WIDTH - 2 * RIM
    for number, graph in enumerate(graphs):
        top = number * each + TITLE + ARCS
        middle = top + BAND / 2
        total = graph.summary.trainable + graph.summary.frozen
        draw.text((RIM, number * each + 8), f"{titles[number]}: {total / 1e6:.1f} M parameters", INK, font)
        tallest = max(rows_of(g, i)[1] for g in graphs for i in range(len(g.blocks)))
        at = {column.blocks[number]: column for column in placed}
        gap = min(4.0, 0.25 * inner / len(placed))

        def box(index: int, at: dict = at, gap: float = gap) -> tuple[float, float]:
            column = at[index]
            return RIM + column.left * inner, RIM + (column.left + column.width) * inner - gap

        draw.line((RIM, middle, WIDTH - RIM, middle), LINE, 2)
        mark = RIM + (chosen.left + chosen.width / 2) * inner
        draw.line((mark, top - 6, mark, top + BAND + 6), ACCENT, 2)
        skips = sorted(graph.skips(), key=lambda skip: skip[1] - skip[0])
        for level, (source, target, how) in enumerate(skips, start=1):
            x0, x1 = (sum(box(index)) / 2 for index in (source, target))
            peak = top - 8 - level / len(skips) * (ARCS - 30)
            low0, low1 = (middle - tall(rows_of(graph, i)[1], tallest) * BAND / 2 for i in (source, target))
            _dashed(draw, [(x0, low0), (x0, peak), (x1, peak), (x1, low1)], 6 if how == "switches" else 0)
            draw.polygon([(x1, low1 - 2), (x1 - 7, low1 - 14), (x1 + 7, low1 - 14)], QUIET)
        for index in range(len(graph.blocks)):
            (x0, x1), (before, after) = box(index), rows_of(graph, index)
            x1 = max(x1, x0 + 1)
            leader = graph.blocks[index].leader
            kind, up = graph.kinds[leader], graph.ups[leader]
            h0, h1 = (tall(rows, tallest) * BAND / 2 for rows in (before, after))
            if not (up or kind == "pool"):
                h0 = h1
            colour = {"pool": UNSEEN, "concat": INK, "sum": INK, "crop": QUIET, "other": QUIET, "pointwise": QUIET}.get(
                kind, OUTPUT if up else KERNEL
            )
            if index == max(i for i, one in enumerate(graph.blocks) if graph.kinds[one.leader] in WEIGHTED):
                colour = PREDICTION
            outline = INK if at[index] is chosen else None
            shape = [(x0, middle - h0), (x1, middle - h1), (x1, middle + h1), (x0, middle + h0)]
            draw.polygon(shape, fill=colour, outline=outline, width=3)
    return sheet


def _dashed(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], dash: float) -> None:
    """A broken line through points; whole where `dash` is 0."""
    for (x0, y0), (x1, y1) in pairwise(points):
        length = max(1.0, abs(x1 - x0) + abs(y1 - y0))
        step = dash or length
        at = 0.0
        while at < length:
            a, b = at / length, min(1.0, (at + step) / length)
            draw.line((x0 + a * (x1 - x0), y0 + a * (y1 - y0), x0 + b * (x1 - x0), y0 + b * (y1 - y0)), QUIET, 3)
            at += 2 * step
