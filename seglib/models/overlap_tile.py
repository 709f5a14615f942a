"""Overlap-tile: an image of any size through a network without padding, tile by tile, as if it had gone through whole.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
https://arxiv.org/abs/1505.04597, figure 2 and section 1: the network sees a tile, scores the middle of it only, and the
next tile overlaps; beyond the image's border the image is mirrored. Memory is that of one tile, whatever the image.

Tiles equal the whole image exactly, up to the rounding of sums, where two conditions hold:
- neighbouring tiles share the pixels that a tile loses at its border: 92 on each side in U-Net;
- tiles start at multiples of the network's coarsest stride, 16 in U-Net: otherwise its poolings pair other rows. The
  paper's 572 px tile scores 388 px, which is no multiple of 16, so its tiles can be laid 384 px apart, not 388.
"""

import torch
from torch import Tensor, nn

from seglib.models._checks import at_least_one


@torch.no_grad()
def overlap_tile(
    model: nn.Module,
    image: Tensor,
    *,
    tile: int | tuple[int, int] = 572,
    margin: int = 92,
    stride: int = 16,
    step: int | None = None,
    batch_size: int = 1,
) -> Tensor:
    """Scores for every pixel of an image, from a network that scores the middle of what it is given.

    Pixels beyond the border are those of the image, mirrored at the middle of its border pixels (as NumPy's "reflect"),
    as often as it takes, so that an image may be smaller than the margin. The network is used as it is: call `.eval()`
    before. Tiles go to the device of its parameters one batch at a time, and the scores come back to the image's.

    Args:
        model: `N C t t -> N K t-2*margin t-2*margin`, logits at the pixels of the tile's middle; `unet` without
            `same_padding`.
        image: `N C H W`, of any size.
        tile: side of a tile in pixels, or (height, width), the margins included; of a size that the network takes, for
            U-Net 16 k + 60. A smaller one is used where the image is covered by it.
        margin: pixels that a tile loses on each side.
        stride: pixels between two units of the network's coarsest map.
        step: pixels from one tile to the next, a multiple of `stride`; None for the largest that leaves no gap.
        batch_size: tiles at once.

    Returns:
        `N K H W` logits.

    Raises:
        ValueError: no batch of images; a tile whose middle is smaller than the stride; a step that is no multiple of
            the stride or leaves gaps; a network that returns another size than tile less margins.
        TypeError: the image is not floating point.

    Example:
        >>> unet = models.create("unet", num_classes=2).eval()
        >>> overlap_tile(unet, torch.rand(1, 3, 1000, 700), tile=380).shape
        torch.Size([1, 2, 1000, 700])
    """
    if image.ndim != 4 or 0 in image.shape:
        raise ValueError(f"overlap_tile wants a batch of images, N C H W; got a tensor of shape {tuple(image.shape)}")
    if not image.is_floating_point():
        raise TypeError(f"images must be floating point; got {image.dtype}: convert with image.float() / 255")
    at_least_one("stride", stride)
    at_least_one("batch_size", batch_size)
    if isinstance(margin, bool) or not isinstance(margin, int) or margin < 0:
        raise ValueError(f"margin={margin!r} must be a whole number of 0 or more")
    sides = (tile, tile) if isinstance(tile, int) else tuple(tile)
    if len(sides) != 2:
        raise ValueError(f"tile={tile!r} must be one side or (height, width)")
    (height, tops), (width, lefts) = (
        _axis(axis, size, side, margin, stride, step)
        for axis, size, side in zip(("height", "width"), image.shape[2:], sides, strict=True)
    )
    middle = (height - 2 * margin, width - 2 * margin)
    places = [(top, left) for top in tops for left in lefts]
    device = next((parameter.device for parameter in model.parameters()), image.device)
    scores = None
    for first in range(0, len(places), batch_size):
        batch = places[first : first + batch_size]
        tiles = torch.cat([_cut(image, top - margin, left - margin, height, width) for top, left in batch])
        given = model(tiles.to(device))
        if given.ndim != 4 or tuple(given.shape[2:]) != middle:
            raise ValueError(
                f"the network returned {tuple(given.shape)} for tiles of {height} x {width}; with margin={margin} it "
                f"should be N K {middle[0]} {middle[1]}. Give the margin that it really loses on each side"
            )
        if scores is None:
            scores = image.new_empty(len(image), given.shape[1], *image.shape[2:], dtype=given.dtype)
        for (top, left), part in zip(batch, given.to(image.device).split(len(image)), strict=True):
            rows, columns = min(middle[0], image.shape[2] - top), min(middle[1], image.shape[3] - left)
            scores[:, :, top : top + rows, left : left + columns] = part[:, :, :rows, :columns]
    return scores


def mirrored(size: int, start: int, stop: int) -> Tensor:
    """Indices from `start` to `stop` along an axis of `size` pixels, mirrored at its ends where they leave it.

    Example:
        >>> mirrored(4, -3, 6)
        tensor([3, 2, 1, 0, 1, 2, 3, 2, 1])
    """
    period = max(1, 2 * (size - 1))
    at = torch.arange(start, stop) % period
    return torch.minimum(at, period - at) if size > 1 else at


def _cut(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """The tile `N C height width` of an image that goes on beyond its border, mirrored."""
    rows, columns = mirrored(image.shape[2], top, top + height), mirrored(image.shape[3], left, left + width)
    return image[:, :, rows[:, None].to(image.device), columns.to(image.device)]


def _axis(axis: str, size: int, tile: int, margin: int, stride: int, step: int | None) -> tuple[int, list[int]]:
    """Along one axis of the image: the side of the tiles, and where their middles start."""
    at_least_one(f"tile {axis}", tile)
    middle = tile - 2 * margin
    if middle < stride:
        raise ValueError(
            f"a tile of {axis} {tile} scores {max(0, middle)} px, less than the stride of {stride} px, so that the "
            f"next one cannot begin where this one ends; take {2 * margin + stride} or more"
        )
    longest = middle - middle % stride
    step = longest if step is None else step
    if not isinstance(step, int) or not 0 < step <= middle or step % stride:
        raise ValueError(
            f"step={step!r} must be a multiple of the stride of {stride} px, so that poolings pair the same rows in "
            f"all tiles, and at most the {middle} px that a tile of {axis} {tile} scores: {longest} at most"
        )
    if size <= middle:
        return tile - (middle - size) // stride * stride, [0]
    return tile, list(range(0, size - middle + step, step))
