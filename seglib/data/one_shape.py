"""Pictures of one shape with one label, as ImageNet's are: what the small networks learn to tell apart first."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from seglib.data.scenes import CLASSES, COLOURS, ShapeScenes


class OneShape(Dataset):
    """A data set for classification: `pictures[i]` is `(image, target)`, float32 `3 H W` and int64 `H W`.

    The label of the picture stands at every pixel of the target, so that a fully convolutional network learns from it
    as a classifier does. The shape has its centre in the middle third; the label 0, background, never occurs.

    Args:
        length: number of pictures.
        size: edge of the square picture in pixels.
        seed: another seed gives other pictures. `split` keeps those for training, validation and test apart.
        split: "train", "val" or "test".
        radius: least and largest radius in pixels; None is 4 to 0.42 times the size.
        surface: "drawn", "real", or "mixed" for half of each.
        noise: standard deviation of the camera's noise, 0 to 1.

    Raises:
        ValueError: a value out of its range.
    """

    classes = CLASSES
    colours = COLOURS
    ignore_index = None

    def __init__(
        self,
        length: int = 1000,
        *,
        size: int = 48,
        seed: int = 0,
        split: str = "train",
        radius: tuple[float, float] | None = None,
        surface: str = "drawn",
        noise: float = 0.03,
    ) -> None:
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"size={size!r} must be the edge of a square in whole pixels, 1 or more")
        radius = (4.0, 0.42 * size) if radius is None else radius
        self.scenes = ShapeScenes(
            length,
            size=size,
            seed=seed,
            split=split,
            objects=(1, 1),
            radius=radius,
            surface=surface,
            noise=noise,
            margin=1 / 3,
        )

    def __len__(self) -> int:
        return len(self.scenes)

    def __repr__(self) -> str:
        return (
            f"OneShape({len(self)}, size={self.scenes.size[0]}, split={self.scenes.split!r}, seed={self.scenes.seed})"
        )

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        scene = self.scenes.scene(index)
        return scene.image, torch.full_like(scene.target, scene.shapes[0].label)
