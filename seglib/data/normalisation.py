"""What every network of the book expects: images from 0 to 1, brought to zero mean and unit spread by these two."""

import torch
from torch import Tensor

# ImageNet's, as torchvision's pretrained networks want them; the small copies trained on scenes use the same.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def normalise(image: Tensor) -> Tensor:
    """Bring an image from 0 ... 1 to the range that the networks were trained on: `(image - MEAN) / STD`.

    Args:
        image: `3 H W` or `N 3 H W`, red, green and blue, floating point.

    Raises:
        TypeError: no tensor.
        ValueError: another shape, or integers (bytes must be divided by 255 first).
    """
    _check(image)
    return (image - _column(MEAN, image)) / _column(STD, image)


def denormalise(image: Tensor) -> Tensor:
    """The inverse of `normalise`, to look at what a network was given; shapes and errors are the same."""
    _check(image)
    return image * _column(STD, image) + _column(MEAN, image)


def _column(values: tuple[float, ...], image: Tensor) -> Tensor:
    return torch.tensor(values, dtype=image.dtype, device=image.device)[:, None, None]


def _check(image: Tensor) -> None:
    if not isinstance(image, Tensor):
        raise TypeError(
            f"an image is a tensor, 3 H W or N 3 H W, got a {type(image).__name__}; "
            "torchvision.transforms.v2.functional.to_image(image).float() / 255 makes one of bytes H W 3"
        )
    if image.ndim not in (3, 4) or image.shape[-3] != 3:
        raise ValueError(f"an image is 3 H W or N 3 H W, got a tensor of shape {tuple(image.shape)}")
    if not image.is_floating_point():
        raise ValueError(f"an image is floating point from 0 to 1, got {image.dtype}: divide bytes by 255")
