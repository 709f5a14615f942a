"""Random changes of picture and mask together, for training; by torchvision's transforms v2.

A mask holds names, not amounts: it is never interpolated, and where a change looks beyond the picture the mask gets
`ignore_index`, so that no label appears where there was none.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional


def augment(
    *,
    crop: int | tuple[int, int] | None = None,
    flip: bool = True,
    scale: tuple[float, float] | None = None,
    brightness: float = 0.0,
    ignore_index: int | None = 255,
    fill: float | Sequence[float] = 0.0,
) -> "Augmentation":
    """Return a callable `(image, target) -> (image, target)`, for the `transform` of a data set.

    In this order: resized, flipped, cropped, brightened. Chance comes from PyTorch's generator: `torch.manual_seed`
    repeats it, and the workers of a DataLoader differ.

    Args:
        crop: `(h, w)` that comes out, or one number for both; cut at random. A smaller picture is padded first. None
            leaves the size.
        flip: left and right are exchanged in half of the cases.
        scale: smallest and largest factor of height and width, between which one is drawn evenly; (0.5, 2) is common.
        brightness: b multiplies the picture by a number from 1 - b to 1 + b; values stay within 0 and 1.
        ignore_index: what padding is in the mask; give `dataset.ignore_index`, which is 11 for CamVid. None refuses to
            pad.
        fill: what padding is in the picture, one number or one a channel. With ImageNet's mean a picture that is
            normalised afterwards has zeros there, as networks pad with.

    Raises:
        ValueError: a size, range or index that cannot be.
    """
    if isinstance(crop, int):
        crop = (crop, crop)
    if crop is not None and (len(crop) != 2 or min(crop) < 1):
        raise ValueError(f"crop={crop} must be (h, w), at least one pixel each")
    if scale is not None and not (len(scale) == 2 and 0 < scale[0] <= scale[1] < float("inf")):
        raise ValueError(f"scale={scale} must be the smallest and the largest factor, above 0, such as (0.5, 2)")
    if not 0 <= brightness <= 1:
        raise ValueError(f"brightness={brightness} must be from 0 (no change) to 1 (down to black)")
    return Augmentation(crop, flip, scale, brightness, ignore_index, fill)


class Augmentation:
    """What `augment` returns; it can be pickled, for workers that are started anew."""

    def __init__(
        self,
        crop: tuple[int, int] | None,
        flip: bool,
        scale: tuple[float, float] | None,
        brightness: float,
        ignore_index: int | None,
        fill: float | Sequence[float],
    ):
        self.crop, self.scale, self.ignore_index = crop, scale, ignore_index
        steps: list[torch.nn.Module] = []
        if flip:
            steps.append(v2.RandomHorizontalFlip())
        if crop is not None:
            fills = {tv_tensors.Image: fill, tv_tensors.Mask: ignore_index}
            steps.append(v2.RandomCrop(crop, pad_if_needed=ignore_index is not None, fill=fills))
        if brightness:
            steps.append(v2.ColorJitter(brightness=brightness))  # pictures only
        self.steps = steps

    def __call__(self, image: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Change a picture, `3 H W` from 0 to 1, and its target, `H W`, in the same way."""
        if image.shape[-2:] != target.shape[-2:]:
            raise ValueError(f"an image of {tuple(image.shape)} and a target of {tuple(target.shape)} are not one size")
        if not image.is_floating_point():
            raise ValueError(f"an image is floating point from 0 to 1, got {image.dtype}: divide bytes by 255")
        target = target.long()
        if self.scale is not None:
            image, target = _resize(image, target, float(torch.empty(()).uniform_(*self.scale)))
        if self.crop is not None and self.ignore_index is None and min(_room(image, self.crop)) < 0:
            raise ValueError(
                f"a picture of {tuple(image.shape[-2:])} is smaller than crop={self.crop}, and padding needs "
                "ignore_index=; give one, or a smaller crop"
            )
        image, target = tv_tensors.Image(image), tv_tensors.Mask(target)
        for step in self.steps:
            image, target = step(image, target)
        return image.as_subclass(Tensor), target.as_subclass(Tensor)

    def __repr__(self) -> str:
        steps = [type(step).__name__ for step in self.steps]
        if self.scale is not None:
            steps.insert(0, f"scale {self.scale[0]:g} to {self.scale[1]:g}")
        return f"augment({', '.join(steps)})"


def _resize(image: Tensor, target: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """The picture by antialiased bilinear interpolation, the mask by its nearest neighbour."""
    size = [max(1, round(factor * side)) for side in image.shape[-2:]]
    # "nearest" of PyTorch, which v2 takes for masks, looks half a pixel up and to the left of where bilinear looks
    return (
        functional.resize_image(image, size, interpolation=InterpolationMode.BILINEAR, antialias=True),
        functional.resize_image(target[None], size, interpolation=InterpolationMode.NEAREST_EXACT)[0],
    )


def _room(image: Tensor, crop: tuple[int, int]) -> tuple[int, int]:
    return image.shape[-2] - crop[0], image.shape[-1] - crop[1]
