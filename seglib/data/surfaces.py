"""What the drawn scenes are painted with: smooth noise, stripes and plain colour, or pieces of real photographs.

A surface says nothing about the class of what it covers. It is a picture as large as the scene, so that an object that
grows uncovers more of the same surface, and does not change its colours.
"""

from functools import lru_cache

import numpy as np
import skimage.data
import torch
import torch.nn.functional as F

KINDS = ("drawn", "real")

# All of these ship inside scikit-image: textures from CC0 Textures, the photographs of `photos.py`, camera (CC0).
TEXTURES = ("brick", "grass", "gravel", "camera", "coffee", "chelsea", "astronaut")

NUMBERS = 16  # random numbers that one surface takes
CONTRAST = 0.35  # least distance of an object's mean colour from its background's, in units of the RGB cube's edge


@lru_cache(maxsize=4)
def drawn_fields(side: int) -> np.ndarray:
    """Patterns to cut surfaces from: float32 `12 side side`, mean 0, from -0.5 to 0.5; the same in every process."""
    random = np.random.default_rng(0)
    fields = [np.zeros((side, side))]  # plain
    for grain in (3, 6, 12, 24, 48):  # px from one random value to the next
        coarse = torch.from_numpy(random.random((1, 1, side // grain + 2, side // grain + 2)))
        smooth = F.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=False)[0, 0]
        fields.append(smooth.clamp(0, 1).numpy() - 0.5)
    y, x = np.mgrid[:side, :side]
    for period in (4, 7, 12, 20, 34, 58):  # px
        angle = random.uniform(0, np.pi)
        fields.append(0.5 * np.sin(2 * np.pi / period * (x * np.cos(angle) + y * np.sin(angle))))
    return np.stack(fields).astype(np.float32)


@lru_cache(maxsize=4)
def real_fields(side: int) -> np.ndarray:
    """Photographs and textures of scikit-image, mirrored to at least `side` pixels: float32 `7 side side 3`, 0 to 1."""
    fields = []
    for name in TEXTURES:
        picture = np.asarray(getattr(skimage.data, name)(), dtype=np.float32) / 255
        if picture.ndim == 2:
            picture = np.repeat(picture[..., None], 3, axis=-1)
        missing = [(0, max(0, side - extent)) for extent in picture.shape[:2]]
        fields.append(np.pad(picture, [*missing, (0, 0)], mode="symmetric")[:side, :side])
    return np.stack(fields)


@lru_cache(maxsize=4)
def grain(side: int) -> np.ndarray:
    """Noise of a camera to cut from: float32 `side side 3`, standard normal."""
    return np.random.default_rng(1).standard_normal((side, side, 3), dtype=np.float32)


def bank_side(size: tuple[int, int]) -> int:
    """How large the fields must be for scenes of `size`: twice as large, so that there are many places to cut."""
    return max(256, 2 * max(size))


def surface(
    numbers: np.ndarray,
    size: tuple[int, int],
    kind: str,
    behind: np.ndarray | None = None,
    window: tuple[slice, slice] = np.s_[:, :],
) -> np.ndarray:
    """One surface, or the part of it that an object covers.

    Args:
        numbers: `NUMBERS` uniform random numbers from 0 to 1; they alone decide.
        size: `(h, w)` of the scene.
        kind: one of `KINDS`.
        behind: mean colour that this one must differ from, or None.
        window: the rows and columns of the scene that are wanted.

    Returns:
        float32 `h w 3` of the window, about 0 to 1 (the scene clips).
    """
    side = bank_side(size)
    fields = drawn_fields(side) if kind == "drawn" else real_fields(side)
    top = int(numbers[0] * (side - size[0] + 1))
    left = int(numbers[1] * (side - size[1] + 1))
    field = fields[int(numbers[2] * len(fields)), top : top + size[0], left : left + size[1]]
    # The first of three random colours that is far enough from what lies behind; none of them is once in some hundred.
    colours = 0.1 + 0.8 * numbers[3:12].reshape(3, 3).astype(np.float32)
    far = [0] if behind is None else np.flatnonzero(np.linalg.norm(colours - behind, axis=1) >= CONTRAST)
    colour = colours[far[0] if len(far) else 0]
    strength = np.float32(0.3 * numbers[12])
    if kind == "drawn":
        direction = (0.4 + 0.6 * numbers[13:16]).astype(np.float32)
        return colour + field[window][..., None] * (strength * direction)
    # A photograph keeps its own light and shade, tinted until its mean (of every eighth pixel) has the wanted colour.
    return field[window] + (colour - field[::8, ::8].mean(axis=(0, 1)))
