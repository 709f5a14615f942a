"""The still picture of `ReceptiveFieldExplorer`, drawn as `js/ui/field_view.js` draws it on light paper."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from seglib.receptive_field.effective import THRESHOLD
from seglib.widgets.stacks import Layer, Placed, padding, place, ways_down

INK, QUIET, LINE, PAPER = "#1f2328", "#48566b", "#d1d5da", "#ffffff"
INPUT, KERNEL, OUTPUT, PREDICTION, UNSEEN = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#999999"
WIDTH, PITCH, BAR, STRIP, STAGE, RIM = 1320, 30, 20, 24, 10, 20
FONT = ImageFont.load_default(21)


def rgb(colour: str) -> np.ndarray:
    """The three bytes of a colour."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)


def mixed(colour: str, share: float) -> tuple[int, ...]:
    """A colour thinned with paper."""
    return tuple(int(c) for c in rgb(PAPER) + (rgb(colour) - rgb(PAPER)) * share)


def field_picture(stack: list[Layer], name: str, unit: tuple[int, int], image: Tensor, view: str) -> Image.Image:
    """Rows of units above the photograph, with the cone of one unit.

    Args:
        stack: all layers.
        name: the unit's layer.
        unit: (y, x).
        image: C H W in [0, 1].
        view: "both", "theoretical" or "effective".
    """
    height, width = image.shape[1:]
    placed = place(stack, (height, width))
    index = [layer["name"] for layer in stack].index(name)
    counts = [
        ways_down(stack[: index + 1], unit[axis], [length, *(layer.size[axis] for layer in placed[: index + 1])])
        for axis, length in enumerate((height, width))
    ]
    left = max(FONT.getlength(layer["name"]) for layer in stack) + 24
    low = min(0.0, *(layer.start for layer in placed))
    high = max(float(width), *(layer.start + (layer.size[1] - 1) * layer.jump + 1 for layer in placed))
    scale = (WIDTH - left - 90) / (high - low)
    stages = sum(layer["kind"] != "conv" for layer in stack[:-1])
    strip = 44 + len(stack) * PITCH + stages * STAGE
    margin = padding(stack[0]) * scale if padding(stack[0]) > 8 else 0
    corner = (left - low * scale, strip + STRIP + RIM + margin)
    sheet = Image.new("RGB", (WIDTH, round(corner[1] + height * scale + margin + RIM)), PAPER)
    draw = ImageDraw.Draw(sheet)

    def label(x: float, y: float, text: str, anchor: str, colour: str = QUIET) -> None:
        draw.text((x, y), text, fill=colour, font=FONT, anchor=anchor)

    label(0, 16, "layer", "lm")
    label((left + WIDTH - 90) / 2, 16, "units, each over the pixels it looks at", "mm")
    label(WIDTH - 1, 16, "field", "rm")
    top = 40.0
    for i in reversed(range(len(stack))):
        lit = counts[1][i + 1] if i < index else None
        _row(draw, placed[i], top, corner[0], scale, lit, view)
        colour = INK if i == index else QUIET
        label(0, top + BAR / 2, placed[i].name, "lm", colour)
        label(WIDTH - 1, top + BAR / 2, str(placed[i].field), "rm", colour)
        if i == index:
            middle = corner[0] + (placed[i].centre(unit)[1] + 0.5) * scale
            half = max(5.0, placed[i].jump * scale / 2)
            draw.rectangle((middle - half, top - 3, middle + half, top + BAR + 3), fill=OUTPUT, outline=INK, width=3)
        top += PITCH + (STAGE if i and stack[i - 1]["kind"] != "conv" else 0)
    label(0, strip + STRIP / 2, "input", "lm")
    label(WIDTH - 1, strip + STRIP / 2, "1", "rm")
    if margin:
        box = (
            corner[0] - margin,
            corner[1] - margin,
            corner[0] + width * scale + margin,
            corner[1] + height * scale + margin,
        )
        draw.rectangle(box, outline=LINE, width=2)
    _photograph(sheet, placed[index], unit, image, counts, (*corner, scale, strip), view)
    return sheet


def _row(
    draw: ImageDraw.ImageDraw, layer: Placed, top: float, origin: float, scale: float, lit: np.ndarray | None, view: str
) -> None:
    """One layer's units; those connected to the chosen unit in orange, by the root of the number of ways."""
    step = layer.jump * scale
    gap = 2 if step >= 10 else 0
    for unit in range(layer.size[1]):
        x = origin + (layer.start + (unit - 0.5) * layer.jump + 0.5) * scale
        colour: str | tuple[int, ...] = mixed(LINE, 0.7)
        if lit is not None and lit[unit]:
            share = 1 if view == "theoretical" else (lit[unit] / lit.max()) ** 0.5
            colour = mixed(KERNEL, max(0.3 if view == "both" else 0, share))
        draw.rectangle((x, top, x + max(1, step - gap), top + BAR), fill=colour)


def _photograph(
    sheet: Image.Image, layer: Placed, unit: tuple[int, int], image: Tensor, counts: list, place_: tuple, view: str
) -> None:
    """The photograph as the unit sees it: grey where it does not, purple as strongly as it is moved."""
    x0, y0, scale, strip = place_
    rows, columns = counts[0][0], counts[1][0]
    height, width = len(rows), len(columns)
    pixels = image.permute(1, 2, 0).numpy() * 255.0  # H W C
    grey = 0.45 * (pixels @ [0.299, 0.587, 0.114])[..., None] + 0.55 * 205
    heat = np.sqrt(np.outer(rows, columns))
    heat /= heat.max() or 1
    seen = heat[..., None] > 0
    coloured = pixels + (rgb(PREDICTION) - pixels) * (0 if view == "theoretical" else 0.85) * heat[..., None]
    shown = coloured if view == "effective" else np.where(seen, coloured, grey)
    size = (round(width * scale), round(height * scale))
    photo = Image.fromarray(shown.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(photo)
    top, left = ((at - (layer.field - 1) / 2) * scale for at in layer.centre(unit))
    side = layer.field * scale
    if view != "theoretical":
        edge = np.asarray(Image.fromarray(heat > THRESHOLD).resize(size, Image.Resampling.NEAREST))
        rim = edge & ~(np.roll(edge, 3, 0) & np.roll(edge, -3, 0) & np.roll(edge, 3, 1) & np.roll(edge, -3, 1))
        photo.paste(PREDICTION, (0, 0), Image.fromarray(rim))
    if view != "effective":
        draw.rectangle((left - 2, top - 2, left + side + 2, top + side + 2), outline=PAPER, width=9)
        draw.rectangle((left, top, left + side, top + side), outline=INPUT, width=5)
    middle = [(at + 0.5) * scale for at in layer.centre(unit)]
    draw.rectangle((middle[1] - 9, middle[0] - 9, middle[1] + 9, middle[0] + 9), fill=PAPER)
    draw.rectangle((middle[1] - 6, middle[0] - 6, middle[1] + 6, middle[0] + 6), fill=OUTPUT)
    sheet.paste(photo, (round(x0), round(y0)))
    row = round(layer.centre(unit)[0])
    line = Image.fromarray(pixels[max(0, min(height - 1, row))][None].astype(np.uint8))
    sheet.paste(line.resize((size[0], STRIP), Image.Resampling.NEAREST), (round(x0), strip))
    under = ImageDraw.Draw(sheet)
    for column in np.flatnonzero(columns == 0):
        under.rectangle((x0 + column * scale, strip, x0 + (column + 1) * scale, strip + STRIP), fill=mixed(UNSEEN, 0.4))
    for column in np.flatnonzero(columns):
        under.rectangle((x0 + column * scale, strip + STRIP, x0 + (column + 1) * scale, strip + STRIP + 5), fill=INPUT)
