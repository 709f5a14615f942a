"""The real photographs of the book.

They ship inside scikit-image, so that nothing is downloaded: `astronaut` (NASA, public domain), `chelsea`
(a cat, Stefan van der Walt, CC0) and `coffee` (Rachel Michetti, CC0).
"""

import numpy as np
import skimage.data
import torch
from PIL import Image, ImageOps
from torch import Tensor

from seglib.data._checks import check_size

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee")


def photograph(name: str = "chelsea", *, size: tuple[int, int] | None = None, gray: bool = False) -> Tensor:
    """Return a photograph as a tensor.

    Args:
        name: one of `PHOTOGRAPHS`.
        size: `(h, w)` in pixels. The picture is cut around its centre to that shape and then resized (Lanczos).
            None keeps the picture as it ships.
        gray: one channel of luma (ITU-R 601-2) instead of three of red, green and blue.

    Returns:
        float32, `C H W` with C = 1 or 3, values from 0 to 1 in steps of 1/255.

    Raises:
        ValueError: the name is not known, or the size is no pair of positive whole numbers.
    """
    if name not in PHOTOGRAPHS:
        raise ValueError(f"no photograph is called {name!r}; choose one of {', '.join(PHOTOGRAPHS)}")
    picture = Image.fromarray(getattr(skimage.data, name)())
    if gray:
        picture = picture.convert("L")
    if size is not None:
        height, width = check_size(size)
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)
    pixels = np.atleast_3d(np.asarray(picture, dtype=np.float32)) / 255  # H W C
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))  # C H W
