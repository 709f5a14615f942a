"""The still picture of `ReceptiveFieldExplorer`, drawn as `js/ui/field_view.js` draws it on light paper."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from seglib.receptive_field.effective import THRESHOLD
from seglib.widgets.stacks import Layer, Placed, padding, place, ways_down

INK, QUIET, LINE, PAPER = "#1f2328", "#48566b", "#d1d5da", "#ffffff"
INPUT, KERNEL, OUTPUT, PREDICTION = "#0072b2", "#e69f00", "#009e73", "#cc79a7"
# Pixels of the sheet, which is twice as fine as the page: its width, a row with and without the gap below, the input's
# row, the gap above a pool, the rim around the photograph, and the columns of heads and of fields
WIDTH, PITCH, BAR, STRIP, STAGE, RIM, HEAD, RIGHT = 1320, 30, 20, 24, 10, 20, 40, 84


@dataclass(frozen=True)
class Scene:
    """What is drawn, and where.

    Attributes:
        layer: the chosen unit's layer.
        unit: (y, x).
        counts: for y and x, the ways from the input's pixels and every layer's units to the chosen unit.
        view: "both", "theoretical" or "effective".
        zoom: how many times the photograph is enlarged, for small fields.
        left: first column of the photograph in view.
        top: first row of the photograph in view.
        x0: where the column `left` begins on the sheet.
        scale: sheet pixels to a pixel of the photograph.
    """

    layer: Placed
    unit: tuple[int, int]
    counts: tuple[list[np.ndarray], list[np.ndarray]]
    view: str
    zoom: int
    left: int
    top: int
    x0: float
    scale: float

    def x(self, pixel: float) -> float:
        """Where a column of the photograph begins on the sheet."""
        return self.x0 + (pixel - self.left) * self.scale


def rgb(colour: str) -> np.ndarray:
    """The three bytes of a colour."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)


def thinned(colour: str, share: float) -> tuple[int, ...]:
    """A colour mixed with paper."""
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
    font = ImageFont.load_default(21)
    height, width = image.shape[1:]
    placed = place(stack, (height, width))
    index = [layer["name"] for layer in stack].index(name)
    across, down = (
        ways_down(stack[: index + 1], unit[axis], [length, *(layer.size[axis] for layer in placed[: index + 1])])
        for axis, length in ((1, width), (0, height))
    )
    margin = padding(stack[0]) if padding(stack[0]) > 8 else 0
    widest = max(layer.field for layer in placed)
    zoom = next((z for z in (8, 4, 2) if widest * z <= 0.8 * height and not margin), 1)
    centre = placed[index].centre(unit)
    top, left = (
        max(0, min(length - length // zoom, round(at - length / zoom / 2)))
        for at, length in zip(centre, (height, width), strict=True)
    )
    names = max(font.getlength(layer["name"]) for layer in stack) + 24
    low = min(0.0, *(layer.start for layer in placed)) if zoom == 1 else left
    high = max(float(width), *(layer.start + (layer.size[1] - 1) * layer.jump + 1 for layer in placed))
    high = high if zoom == 1 else left + width / zoom
    scale = (WIDTH - names - RIGHT) / (high - low)
    scene = Scene(placed[index], unit, (down, across), view, zoom, left, top, names + (left - low) * scale, scale)

    stages = sum(layer["kind"] != "conv" for layer in stack[:-1])
    strip = HEAD + 4 + len(stack) * PITCH + stages * STAGE
    photo_top = strip + STRIP + RIM + margin * scale
    sheet = Image.new("RGB", (WIDTH, round(photo_top + (height / zoom + margin) * scale + RIM)), PAPER)
    draw = ImageDraw.Draw(sheet)

    def label(x: float, y: float, text: str, anchor: str, colour: str = QUIET) -> None:
        draw.text((x, y), text, fill=colour, font=font, anchor=anchor)

    row = float(HEAD)
    for i in reversed(range(len(stack))):
        shade = 0.6 if stack[i]["kind"] == "conv" else 1
        _row(draw, scene, placed[i], row, across[i + 1] if i < index else None, shade)
        if i == index:
            middle, half = scene.x(centre[1] + 0.5), max(5.0, placed[i].jump * scale / 2)
            draw.rectangle((middle - half, row - 3, middle + half, row + BAR + 3), fill=OUTPUT, outline=INK, width=3)
        row += PITCH + (STAGE if i and stack[i - 1]["kind"] != "conv" else 0)
    # over the rows, which may be longer than what is in view
    draw.rectangle((0, 0, names - 2, sheet.height), fill=PAPER)
    draw.rectangle((WIDTH - RIGHT + 2, 0, WIDTH, sheet.height), fill=PAPER)
    row = float(HEAD)
    for i in reversed(range(len(stack))):
        colour = INK if i == index else QUIET
        label(0, row + BAR / 2, placed[i].name, "lm", colour)
        label(WIDTH - 1, row + BAR / 2, str(placed[i].field), "rm", colour)
        row += PITCH + (STAGE if i and stack[i - 1]["kind"] != "conv" else 0)
    label(0, 16, "layer", "lm")
    label((names + WIDTH - RIGHT) / 2, 16, "units, each over the pixels it looks at", "mm")
    label(WIDTH - 1, 16, "field", "rm")
    label(0, strip + STRIP / 2, "input", "lm")
    label(WIDTH - 1, strip + STRIP / 2, "1", "rm")
    if margin:
        around = (scene.x(-margin), photo_top - margin * scale, scene.x(width + margin), sheet.height - RIM)
        draw.rectangle(around, outline=LINE, width=2)
    pixels = image.permute(1, 2, 0).numpy() * 255.0  # H W C
    sheet.paste(_photograph(scene, pixels), (round(scene.x0), round(photo_top)))
    _strip(sheet, scene, pixels, strip)
    return sheet


def _row(
    draw: ImageDraw.ImageDraw, scene: Scene, layer: Placed, top: float, lit: np.ndarray | None, shade: float
) -> None:
    """One layer's units; those connected to the chosen unit in orange, by the root of the number of ways."""
    step = layer.jump * scene.scale
    gap = 2 if step >= 10 else 0
    for unit in range(layer.size[1]):
        x = scene.x(layer.start + (unit - 0.5) * layer.jump + 0.5)
        colour = thinned(LINE, shade)
        if lit is not None and lit[unit]:
            share = 1 if scene.view == "theoretical" else (lit[unit] / lit.max()) ** 0.5
            colour = thinned(KERNEL, max(0.3 if scene.view == "both" else 0, share))
        draw.rectangle((x, top, x + max(1, step - gap), top + BAR), fill=colour)


def _photograph(scene: Scene, pixels: np.ndarray) -> Image.Image:
    """The photograph as the unit sees it: grey where it does not, purple as strongly as it is moved; both fields."""
    rows, columns = scene.counts[0][0], scene.counts[1][0]
    heat = np.sqrt(np.outer(rows, columns))
    heat /= heat.max() or 1
    luma = (pixels @ [0.299, 0.587, 0.114])[..., None]
    pale = pixels + (luma - pixels) * 0.6
    purple = pale + (rgb(PREDICTION) - pale) * 0.8 * heat[..., None]
    seen = pixels if scene.view == "theoretical" else purple
    shown = seen if scene.view == "effective" else np.where(heat[..., None] > 0, seen, 0.45 * luma + 0.55 * 205)

    (height, width), scale = heat.shape, scene.scale
    size = (round(width / scene.zoom * scale), round(height / scene.zoom * scale))
    window = (scene.left, scene.top, scene.left + width / scene.zoom, scene.top + height / scene.zoom)
    smooth = Image.Resampling.BICUBIC if scale < 8 else Image.Resampling.NEAREST
    photo = Image.fromarray(shown.astype(np.uint8)).resize(size, smooth, box=window)
    draw = ImageDraw.Draw(photo)
    centre = scene.layer.centre(scene.unit)
    offsets = (scene.top, scene.left)
    top, left = ((c - (scene.layer.field - 1) / 2 - o) * scale for c, o in zip(centre, offsets, strict=True))
    side = scene.layer.field * scale
    if scene.view != "theoretical":
        edge = np.asarray(Image.fromarray(heat > THRESHOLD).resize(size, Image.Resampling.NEAREST, box=window))
        for thickness, colour in ((6, PAPER), (4, PREDICTION)):
            photo.paste(colour, (0, 0), Image.fromarray(edge & ~_shrunk(edge, thickness)))
    if scene.view != "effective":
        draw.rectangle((left - 5, top - 5, left + side + 5, top + side + 5), outline=PAPER, width=9)
        draw.rectangle((left - 4, top - 4, left + side + 4, top + side + 4), outline=INPUT, width=5)
    y, x = ((c + 0.5 - o) * scale for c, o in zip(centre, offsets, strict=True))
    draw.rectangle((x - 9, y - 9, x + 9, y + 9), fill=PAPER)
    draw.rectangle((x - 6, y - 6, x + 6, y + 6), fill=OUTPUT)
    return photo


def _shrunk(mask: np.ndarray, by: int) -> np.ndarray:
    """A mask without its outermost pixels."""
    height, width = mask.shape
    padded = np.pad(mask, by)
    shifts = [(dy, dx) for dy in (0, by, 2 * by) for dx in (0, by, 2 * by)]
    return np.logical_and.reduce([padded[dy : dy + height, dx : dx + width] for dy, dx in shifts])


def _strip(sheet: Image.Image, scene: Scene, pixels: np.ndarray, top: int) -> None:
    """The row of the photograph that the unit stands on, with the pixels it sees underlined."""
    height, width = pixels.shape[:2]
    row = max(0, min(height - 1, round(scene.layer.centre(scene.unit)[0])))
    lit = scene.counts[1][0] > 0
    line = np.where(lit[:, None], pixels[row], pixels[row] * 0.28 + 255 * 0.72)[None]
    part = Image.fromarray(line.astype(np.uint8)).crop((scene.left, 0, scene.left + width // scene.zoom, 1))
    long = round(width / scene.zoom * scene.scale)
    sheet.paste(part.resize((long, STRIP), Image.Resampling.NEAREST), (round(scene.x0), top))
    draw = ImageDraw.Draw(sheet)
    for column in np.flatnonzero(lit[scene.left : scene.left + width // scene.zoom]) + scene.left:
        draw.rectangle((scene.x(column), top + STRIP, scene.x(column + 1), top + STRIP + 5), fill=INPUT)
