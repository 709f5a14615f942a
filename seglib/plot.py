"""Pictures in one look: the Okabe-Ito colours, each with the same meaning in the whole book."""

from collections.abc import Sequence
from itertools import zip_longest

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

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
