"""Strips in which one mark tells the class of a whole bar, to *measure* how far a trained network sees.

A bar runs through the picture from left to right. Somewhere on it lies a small mark, a disc or a cross, and the mark
alone tells the class of every pixel of the bar. A network that sees no farther than d pixels can only guess at the
pixels farther away than d from the mark, and guesses right half of the time.
"""

from math import ceil, pi

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from seglib.data import surfaces
from seglib.data._checks import check_noise, check_size
from seglib.data.scenes import Scene, Shape, draw

MARKS = ("disc", "cross")
RADIUS = 4.5  # px, of the disc with the mark's area: large enough to be told apart after three poolings
THICKNESS = (16, 24)  # px, of the bar


class FarCue(Dataset):
    """A data set of strips: `strips[i]` is `(image, target)`, float32 `3 H W` from 0 to 1 and int64 `H W`.

    Targets are 0 for the background, 1 for a bar with a disc on it, 2 for a bar with a cross. The mark belongs to
    its bar.

    Args:
        length: number of strips.
        size: `(h, w)` in pixels; the width is the largest distance that can be measured.
        seed: another seed gives other strips. `split` keeps those for training, validation and test apart.
        split: "train", "val" or "test".
        noise: standard deviation of the camera's noise, 0 to 1.
        mark: False leaves the mark out. Then nothing tells the class: whoever is right more than half of the time has
            found another cue.

    Raises:
        ValueError: a value out of its range.
    """

    classes = ("background", "bar with a disc", "bar with a cross")
    colours = ((0, 0, 0), (86, 180, 233), (0, 158, 115))
    ignore_index = None
    splits = ("train", "val", "test")

    def __init__(
        self,
        length: int = 1000,
        *,
        size: tuple[int, int] = (32, 384),
        seed: int = 0,
        split: str = "train",
        noise: float = 0.03,
        mark: bool = True,
    ) -> None:
        if length < 1:
            raise ValueError(f"length={length} must be at least 1")
        self.size = check_size(size, least=(THICKNESS[1], ceil(4 * RADIUS)))
        if seed < 0:
            raise ValueError(f"seed={seed} must not be negative")
        if split not in self.splits:
            raise ValueError(f"split={split!r} must be one of {', '.join(self.splits)}")
        self.length, self.seed, self.split, self.noise, self.mark = length, seed, split, check_noise(noise), mark

    def __len__(self) -> int:
        return self.length

    def __repr__(self) -> str:
        return f"FarCue({self.length}, size={self.size}, split={self.split!r}, seed={self.seed})"

    def strip(self, index: int) -> tuple[Scene, Tensor]:
        """Strip number `index`, and for each pixel the distance from its mark.

        Returns:
            The scene, whose only shape is the mark, and float32 `H W`: pixels along the bar from the mark's centre (or
            from where it would be), NaN on the background.

        Raises:
            IndexError: there is no such strip.
        """
        if not -self.length <= index < self.length:
            raise IndexError(f"there is no strip {index} among {self.length}")
        random = np.random.default_rng((self.seed, self.splits.index(self.split), index % self.length))
        height, width = self.size
        label = int(random.integers(1, 3))
        thickness = int(random.integers(THICKNESS[0], THICKNESS[1] + 1))
        top = int(random.integers(0, height - thickness + 1))
        margin = 2 * RADIUS
        x = float(random.uniform(margin, width - margin))
        y = top + thickness / 2
        mark = Shape(MARKS[label - 1], x, y, RADIUS, float(random.uniform(0, 2 * pi)))

        rows = slice(top, top + thickness)
        numbers = random.random((3, surfaces.NUMBERS))
        # The mark on a piece of bar without a picture around it, then the bar into its background.
        picture = surfaces.surface(numbers[0], self.size, "drawn")
        behind = picture[::8, ::8].mean(axis=(0, 1))
        marks = (mark,) if self.mark else ()
        bar = draw(marks, self.size, seed=random, behind=behind, noise=0)
        picture[rows] = bar.image.permute(1, 2, 0).numpy()[rows]
        side = surfaces.bank_side(self.size)
        noise_top, noise_left = (int(random.integers(0, side - extent + 1)) for extent in self.size)
        picture += self.noise * surfaces.grain(side)[noise_top:, noise_left:][:height, :width]
        np.clip(picture, 0, 1, out=picture)

        target = torch.zeros(self.size, dtype=torch.int64)
        target[rows] = label
        distance = torch.full(self.size, torch.nan)
        distance[rows] = (torch.arange(width) + 0.5 - x).abs()
        image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
        return Scene(image, target, bar.instances, marks), distance

    def distance(self, index: int) -> Tensor:
        """Distance of each pixel of the bar from the mark, in pixels; NaN on the background. `H W`."""
        return self.strip(index)[1]

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        scene, _ = self.strip(index)
        return scene.image, scene.target
