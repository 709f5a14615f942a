"""Pictures in one look: the Okabe-Ito colours, each with the same meaning in the whole book."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from seglib.models import Cost

INPUT, KERNEL, OUTPUT, PREDICTION, ERROR, UNSEEN = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#999999"

STYLE = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=[INPUT, KERNEL, OUTPUT, ERROR, PREDICTION, UNSEEN], marker=list("osD^vP")),
    "image.interpolation": "nearest",
    "legend.frameon": False,
}


def use_style() -> None:
    """Give all later figures the book's look."""
    plt.rcParams.update(STYLE)


def to_image(picture: Tensor | np.ndarray) -> np.ndarray:
    """A picture as matplotlib wants it: `H W` or `H W C` from `H W`, `1 H W`, `3 H W` or `1 C H W`."""
    array = torch.as_tensor(picture).detach().cpu()
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3:
        array = array[0] if array.shape[0] == 1 else array.permute(1, 2, 0)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"a picture is H W, C H W or 1 C H W, got a tensor of shape {tuple(torch.as_tensor(picture).shape)}"
        )
    return array.float().numpy()


def pictures(
    images: Sequence[Tensor | np.ndarray],
    titles: Sequence[str] = (),
    *,
    columns: int | None = None,
    width: float = 7.5,
    limits: tuple[float, float] | None = None,
    cmap: str = "gray",
) -> tuple[Figure, np.ndarray]:
    """Show pictures side by side.

    Args:
        images: each `H W`, `C H W` or `1 C H W`; one channel is drawn with `cmap`.
        titles: one for each picture, or none.
        columns: pictures in a row; all of them in one row when None.
        width: of the whole figure, in inches.
        limits: the values drawn as black and white; each picture's own smallest and largest when None.
        cmap: matplotlib's colour map for pictures of one channel.

    Returns:
        The figure and its axes, an array of `rows columns`.
    """
    arrays = [to_image(image) for image in images]
    columns = columns or len(arrays)
    rows = -(-len(arrays) // columns)
    tall, wide = arrays[0].shape[:2]
    height = (width / columns * tall / wide + 0.3 * bool(titles)) * rows
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False)
    low, high = limits or (None, None)
    for axis, array, title in zip_longest(axes.flat, arrays, titles):
        axis.axis("off")
        if array is not None:
            axis.imshow(array.clip(0, 1) if array.ndim == 3 else array, cmap=cmap, vmin=low, vmax=high)
            axis.set_title(title or "", fontsize=11)
    return figure, axes


def box(axis: Axes, top: float, left: float, bottom: float, right: float, colour: str = KERNEL, **line: object) -> None:
    """Outline a box of pixels, half-open as `seglib.receptive_field` gives it, on a picture."""
    style = {"linewidth": 2, **line}
    axis.add_patch(
        plt.Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor=colour, **style)
    )


def judged(
    image: Tensor | np.ndarray, prediction: Tensor | np.ndarray, target: Tensor | np.ndarray, *, zoom: int = 3
) -> Tensor:
    """A pale picture with a labelling on it, and where that is wrong.

    Purple: the prediction names an object, of any class but 0. Vermillion: it errs. Stripes where an object is missed,
    dots where one is named that is not there, a grid where an object has the name of another. Black: true outlines.

    Args:
        image: `3 H W`, 0 to 1.
        prediction: labels `H W`; 0 is the background.
        target: the true ones, likewise.
        zoom: how many pixels of the result stand for one along each side; patterns on small pictures need 2 or more.

    Returns:
        float32 `3 zoom*H zoom*W`, 0 to 1.
    """
    colour = to_image(image)
    predicted, true = (np.asarray(torch.as_tensor(labels).cpu()) for labels in (prediction, target))
    named, real, right = predicted > 0, true > 0, predicted == true
    pale = 0.7 + 0.3 * (colour @ np.float32([0.299, 0.587, 0.114]))[..., None]
    paint = np.where(named[..., None], 0.25 * pale + 0.75 * np.float32(to_rgb(PREDICTION)), pale)

    def enlarged(array: np.ndarray) -> np.ndarray:
        return array.repeat(zoom, 0).repeat(zoom, 1)

    paint = enlarged(paint)
    y, x = np.mgrid[: paint.shape[0], : paint.shape[1]]
    stripes, others = (x + y) % 12 < 4, (x - y) % 12 < 4
    dots = (x % 10 - 5) ** 2 + (y % 10 - 5) ** 2 < 8
    for where, pattern in (
        (real & ~named, stripes),
        (named & ~real, dots),
        (real & named & ~right, stripes | others),
    ):
        paint[enlarged(where) & pattern] = to_rgb(ERROR)
    large = np.pad(enlarged(true), 1, mode="edge")
    sides = (large[:-2, 1:-1], large[2:, 1:-1], large[1:-1, :-2], large[1:-1, 2:])
    paint[np.logical_or.reduce([side != large[1:-1, 1:-1] for side in sides])] = 0
    return torch.from_numpy(paint.astype(np.float32).transpose(2, 0, 1).copy())


def along_layers(
    runs: Mapping[str, Sequence], layers: Sequence[str], names: Sequence[str], *, stripes: str = "", width: float = 6.4
) -> tuple[Figure, np.ndarray]:
    """Shares at every layer of a network, a chart for each run: mean and standard deviation over its repetitions.

    Args:
        runs: title to numbers, `repetitions layers shares`.
        layers: their names, in order.
        names: of the shares, at most three.
        stripes: layers whose names begin with this get a grey stripe; none if empty.
        width: of the whole figure, in inches.

    Returns:
        The figure and its axes, one for each run.
    """
    size = (width, 0.6 + 2.1 * len(runs))
    figure, axes = plt.subplots(len(runs), 1, figsize=size, sharex=True, sharey=True, squeeze=False)
    for axis, (title, numbers) in zip(axes.flat, runs.items(), strict=True):
        values = np.asarray(numbers, dtype=float)
        for name, look, share in zip(names, ((OUTPUT, "o"), (KERNEL, "s"), (INPUT, "^")), values.T, strict=False):
            mean, spread = share.mean(1), share.std(1)
            axis.errorbar(range(len(layers)), mean, spread, c=look[0], marker=look[1], markersize=4, label=name)
        for number, layer in enumerate(layers):
            if stripes and layer.startswith(stripes):
                axis.axvspan(number - 0.4, number + 0.4, color=UNSEEN, alpha=0.3, linewidth=0)
        axis.set_title(title, fontsize=11)
        axis.set_ylabel("share")
    lowest = min(np.nanmin(np.asarray(numbers, dtype=float)) for numbers in runs.values())
    axes[0, 0].set_ylim(min(0, lowest) - 0.02, 1.02)
    axes[0, 0].legend(fontsize=9, ncols=len(names))
    axes[-1, 0].set_xticks(range(len(layers)), layers, rotation=90, fontsize=9)
    return figure, axes[:, 0]


def painted(
    target: Tensor | np.ndarray,
    colours: Sequence[tuple[int, int, int]],
    *,
    ignore_index: int | None = None,
) -> Tensor:
    """Labels as a picture: float32 `3 H W`, each class in its colour and what does not count in black.

    Args:
        target: classes `H W`, and perhaps `ignore_index`.
        colours: red, green and blue, 0 to 255, of each class: a data set's `colours`.
        ignore_index: label of pixels that do not count, or None.

    Raises:
        ValueError: a label without a colour.
    """
    labels = torch.as_tensor(target).long()
    ignored = torch.zeros_like(labels, dtype=torch.bool) if ignore_index is None else labels == ignore_index
    wrong = ~ignored & ((labels < 0) | (labels >= len(colours)))
    if wrong.any():
        raise ValueError(f"label {int(labels[wrong][0])} has no colour: there are {len(colours)}, from 0 on")
    palette = torch.tensor([*colours, (0, 0, 0)]) / 255
    return palette[labels.masked_fill(ignored, len(colours))].permute(2, 0, 1)


def taps(
    image: Tensor | np.ndarray, centre: tuple[float, float], *, kernel: int, step: float, margin: int = 0, dot: int = 5
) -> Tensor:
    """A picture with the places that a dilated kernel reads; outside the picture, on striped grey, it reads padding.

    Taps on the picture are orange squares with a black rim, those outside are hollow.

    Args:
        image: `3 H W`, 0 to 1.
        centre: row and column of the kernel's middle, in pixels of the picture.
        kernel: taps along a side.
        step: distance of neighbouring taps in pixels: the rate times the layer's jump.
        margin: pixels of padding shown at each side.
        dot: width of a tap's square.

    Returns:
        float32 `3 H+2*margin W+2*margin`, 0 to 1.
    """
    colour = to_image(image)
    height, width = colour.shape[:2]
    y, x = np.mgrid[: height + 2 * margin, : width + 2 * margin]
    sheet = np.where(((x + y) % 8 < 2)[..., None], np.float32(0.72), np.float32(0.86)).repeat(3, 2)
    sheet[margin : margin + height, margin : margin + width] = colour
    places = (np.arange(kernel) - (kernel - 1) / 2) * step
    for dy in places:
        for dx in places:
            row, column = centre[0] + dy, centre[1] + dx
            away = np.maximum(np.abs(y - margin - row), np.abs(x - margin - column))
            outside = not (0 <= row <= height - 1 and 0 <= column <= width - 1)
            sheet[away <= dot / 2 + 1] = to_rgb(KERNEL) if outside else 0
            sheet[away <= dot / 2] = 1 if outside else to_rgb(KERNEL)
    return torch.from_numpy(sheet.transpose(2, 0, 1).copy())


def class_legend(
    figure: Figure, classes: Sequence[str], colours: Sequence[tuple[int, int, int]], *, columns: int = 6
) -> None:
    """Put a box of each class's colour with its name under a figure, which becomes higher by as much."""
    rows = -(-len(classes) // columns)
    figure.set_figheight(figure.get_figheight() + 0.25 * rows + 0.1)
    boxes = [plt.Rectangle((0, 0), 1, 1, color=np.array(colour) / 255) for colour in colours]
    figure.legend(boxes, classes, ncols=columns, loc="outside lower center", fontsize=9, handlelength=1.2)


def cost_ratios(costs: Mapping[str, Cost], one: str, other: str) -> tuple[Figure, Axes]:
    """Draw what one network takes as multiples of what another takes, of what `models.measure` gives.

    Args:
        costs: of `models.measure`.
        one: the network above the fraction bar.
        other: the one below it.

    Raises:
        KeyError: a network that was not measured.
    """
    above, below = costs[one], costs[other]
    kinds = {
        "parameters": "parameters",
        "multiply-accumulates": "macs",
        "memory for maps": "live_bytes",
        "memory in all": "memory",
        "time": "median",
    }
    ratios = [getattr(above, kind) / getattr(below, kind) for kind in kinds.values()]
    figure, axis = plt.subplots(figsize=(6.4, 2.6))
    bars = axis.barh([*kinds], ratios, color=KERNEL, hatch="//", edgecolor="white")
    axis.bar_label(bars, [f"{ratio:.2f}" for ratio in ratios], padding=4)
    axis.axvline(1, color="black", linewidth=1, linestyle="--")
    axis.set(xlabel=f"{one} as a multiple of {other}", xlim=(0, 1.15 * max(ratios)))
    axis.invert_yaxis()
    return figure, axis


def trade_off(costs: Mapping[str, Cost], scores: Mapping[str, float], label: str = "mean IoU") -> tuple[Figure, Axes]:
    """Draw quality over time, of what `models.measure` gives, with the names at the right, best first.

    A full orange disc is a network that no other beats in both; these are joined to a staircase, the Pareto front. A
    hollow grey one is beaten by some other network that is faster and better.

    Args:
        costs: of `models.measure`. The quickest pass counts, since other work can only slow a pass down; a thin line
            goes to the median.
        scores: of each of these networks; more is better.
        label: what the scores are.

    Raises:
        KeyError: a network without a score.
    """
    score = {name: scores[name] for name in costs}
    time = {name: 1000 * min(cost.seconds) for name, cost in costs.items()}
    front = pareto_front({name: (time[name], -score[name]) for name in costs})
    figure, axis = plt.subplots(figsize=(6.4, 4.4))
    for name, cost in costs.items():
        colour, face = (KERNEL, KERNEL) if name in front else (UNSEEN, "white")
        axis.plot([time[name], 1000 * cost.median], [score[name]] * 2, color=UNSEEN, linewidth=1, marker="", zorder=1)
        dot = {"marker": "o", "markersize": 9, "markerfacecolor": face, "markeredgewidth": 2}
        axis.plot(time[name], score[name], color=colour, zorder=3, **dot)
    stairs = zip(*((time[name], score[name]) for name in front), strict=True)
    axis.step(*stairs, where="post", color=KERNEL, linestyle="--", linewidth=1.5, marker="", zorder=2)
    axis.set(xlabel="ms for one picture, quickest pass", ylabel=label, xscale="log")
    for which in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
        which(LogFormatter(minor_thresholds=(2, 0.6)))
    low, high = axis.get_ylim()
    order = sorted(costs, key=score.get)
    places = np.array([score[name] for name in order])
    gap = min(0.055, 0.98 / len(order)) * (high - low)
    for i in range(1, len(places)):  # no text on another; then all of them as high as before
        places[i] = max(places[i], places[i - 1] + gap)
    places -= max(0, places[-1] - high)
    for name, place in zip(order, places, strict=True):
        line = {"arrowstyle": "-", "color": UNSEEN, "linewidth": 0.6}
        text = {"xycoords": "data", "textcoords": axis.get_yaxis_transform(), "va": "center", "fontsize": 9}
        axis.annotate(name, (time[name], score[name]), (1.02, place), arrowprops=line, annotation_clip=False, **text)
    return figure, axis


def pareto_front(values: Mapping[str, Sequence[float]]) -> list[str]:
    """Names of those that no other equals or beats in every value and beats in one; less is better. Sorted by value."""
    points = {name: np.asarray(each, dtype=float) for name, each in values.items()}
    return sorted(
        (
            name
            for name, one in points.items()
            if not any((other <= one).all() and (other < one).any() for other in points.values())
        ),
        key=lambda name: tuple(points[name]),
    )


def contact_sheet(panels: Mapping[str, Tensor], *, columns: int = 3, size: int = 170) -> Tensor:
    """Square pictures in rows, each with its name above it, as one frame of a `FrameSlider`.

    Args:
        panels: name to picture `3 H W`, 0 to 1.
        columns: pictures in a row.
        size: pixels along a side of each.

    Returns:
        float32 `3 H W`, 0 to 1.
    """
    line, gap = 26, 8
    rows = -(-len(panels) // columns)
    sheet = Image.new("RGB", (columns * (size + gap) - gap, rows * (size + line)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for number, (name, panel) in enumerate(panels.items()):
        left, top = number % columns * (size + gap), number // columns * (size + line)
        array = (255 * to_image(panel).clip(0, 1)).round().astype(np.uint8)
        sheet.paste(Image.fromarray(array).resize((size, size), Image.Resampling.LANCZOS), (left, top + line))
        while draw.textlength(name, font) > size:
            name = name[:-1]
        draw.text((left, top + 2), name, "#1f2328", font)
    return torch.from_numpy(np.asarray(sheet, dtype=np.float32) / 255).permute(2, 0, 1)
