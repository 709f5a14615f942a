"""The still picture of `ObjectSizeExplorer`, drawn as `js/object_size.js` draws it on light paper."""

from collections.abc import Mapping, Sequence
from math import log2

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seglib.data import Scene, Shape
from seglib.plot import judged
from seglib.widgets.size_sweep import LARGEST_TRAINED, NETWORKS, RADII, SIZE, iou

INK, QUIET, LINE, PAPER = "#1f2328", "#48566b", "#d1d5da", "#ffffff"
TONES = ("#dba3c2", "#b65a8c", "#7a2f5b")  # of prediction's purple: 32s, 16s, 8s; and how many sides their marks have
SIDES = (4, 3, 24)
# Pixels of the sheet, twice as fine as the page: a pane's side, the gap between panes, the curves' height, and the
# margins around them
SIDE, GAP, CURVES, LEFT, BOTTOM = 2 * SIZE, 24, 300, 60, 64


def object_size_picture(
    scene: Scene, labels: np.ndarray, curves: Mapping[str, Sequence[Sequence[float]]], radius: float
) -> Image.Image:
    """The scene, three predictions with their errors, and the curves below.

    Args:
        scene: of one object.
        labels: what the networks say, `N H W`.
        curves: `mean` and `spread` of each network by size.
        radius: the size that is marked on the curves.
    """
    font = ImageFont.load_default(24)
    width = 4 * SIDE + 3 * GAP
    sheet = Image.new("RGB", (width, SIDE + 60 + CURVES + BOTTOM), PAPER)
    draw = ImageDraw.Draw(sheet)
    truth, label = scene.target.numpy(), scene.shapes[0].label
    found = [iou(predicted, truth, label) for predicted in labels]
    rows, columns = glass(scene.shapes[0])
    image, truth, labels = scene.image[:, rows, columns], truth[rows, columns], labels[:, rows, columns]
    zoom = SIDE // len(truth)
    panes = [(image.numpy().repeat(zoom, 1).repeat(zoom, 2), "picture" if zoom == 2 else f"picture, {zoom // 2}x zoom")]
    for name, predicted, value in zip(NETWORKS.values(), labels, found, strict=True):
        panes.append((judged(image, predicted, truth, zoom=zoom).numpy(), f"{name}: IoU {value:.2f}"))
    for column, (pixels, words) in enumerate(panes):
        left = column * (SIDE + GAP)
        shown = (255 * pixels).round().astype(np.uint8).transpose(1, 2, 0)
        sheet.paste(Image.fromarray(shown), (left, 0))
        draw.text((left, SIDE + 8), words, fill=INK, font=font)
    _curves(draw, font, curves, radius, (LEFT, SIDE + 60, width - 60, SIDE + 60 + CURVES))
    return sheet


def glass(shape: Shape) -> tuple[slice, slice]:
    """The part in view, as `glass` in `js/core/object_size.js` has it."""
    length = SIZE if shape.radius > 10 else SIZE // 2 if shape.radius > 4 else SIZE // 4
    starts = (max(0, min(SIZE - length, int(at - length / 2 + 0.5))) for at in (shape.y, shape.x))
    rows, columns = (slice(start, start + length) for start in starts)
    return rows, columns


def _curves(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont,
    curves: Mapping[str, Sequence[Sequence[float]]],
    radius: float,
    box: tuple[int, int, int, int],
) -> None:
    """IoU against radius on a logarithmic axis, one line a network."""
    left, top, right, bottom = box

    def at(size: float, value: float) -> tuple[float, float]:
        share = log2(size / RADII[0]) / log2(RADII[-1] / RADII[0])
        return left + share * (right - left), bottom - value * (bottom - top)

    draw.rectangle((at(LARGEST_TRAINED, 0)[0], top, right, bottom), fill="#eef0f2")
    for value in (0, 0.5, 1):
        draw.line((at(RADII[0], value), at(RADII[-1], value)), fill=LINE, width=2)
        draw.text((left - 10, at(RADII[0], value)[1]), f"{value:g}", fill=QUIET, font=font, anchor="rm")
    for size in (2, 4, 8, 16, 32, 64, 128):
        draw.text((at(size, 0)[0], bottom + 18), str(size), fill=QUIET, font=font, anchor="mm")
    draw.text(((left + right) / 2, bottom + 46), "radius in px", fill=QUIET, font=font, anchor="mm")
    draw.line((at(radius, 0), at(radius, 1)), fill=INK, width=2)
    for row, (name, mean) in enumerate(zip(NETWORKS.values(), curves["mean"], strict=True)):
        tone = TONES[row]
        points = [at(size, value) for size, value in zip(RADII, mean, strict=True)]
        draw.line(points, fill=tone, width=5)
        for x, y in points:
            draw.regular_polygon((x, y, 8), SIDES[row], fill=tone)
        x, y = at(22, 0)[0], bottom - 30 - 34 * row
        draw.line((x, y, x + 50, y), fill=tone, width=5)
        draw.regular_polygon((x + 25, y, 10), SIDES[row], fill=tone)
        draw.text((x + 64, y), name, fill=INK, font=font, anchor="lm")
