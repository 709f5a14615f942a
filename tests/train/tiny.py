"""A data set, and a recipe, that train in a fraction of a second."""

import hashlib

import torch
from torch import Tensor, nn

from seglib.train import Recipe

RECIPE = Recipe(
    name="tiny",
    network="fcn8s",
    options={"width": 1 / 16, "same_padding": True, "fc_channels": 32, "fc6_kernel": 1},
    steps=10,
    batch_size=2,
    learning_rate=3e-3,
)


def scenes_recipe(name: str, **changes) -> Recipe:
    """A U-Net on drawn scenes, in seconds; it learns next to nothing."""
    values = {
        "name": name,
        "network": "unet",
        "options": {"width": 0.0625, "same_padding": True},
        "data_options": {"size": 32, "length": 20},
        "steps": 2,
        "batch_size": 2,
        "learning_rate": 1e-3,
    }
    return Recipe(**(values | changes))


class Blocks:
    """Bright and dark blocks; sample i lacks the labels of 3 i of its 32 rows, so batches differ in how many count."""

    classes = ("dark", "bright", "brighter")
    ignore_index = 255

    def __init__(self, samples: int = 7, size: tuple[int, int] = (32, 32), broken: int | None = None):
        self.samples, self.size, self.broken = samples, size, broken

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(index)
        h, w = self.size
        coarse = torch.randint(0, 3, (-(-h // 8), -(-w // 8)), generator=generator)
        target = coarse.repeat_interleave(8, 0).repeat_interleave(8, 1)[:h, :w].contiguous()
        image = 0.3 * target + 0.3 * torch.rand(3, h, w, generator=generator)
        if index == self.broken:
            image[0, 0, 0] = torch.nan
        if self.ignore_index is not None:
            target[: 3 * index] = self.ignore_index
        return image, target


def sha256(model: nn.Module) -> str:
    """Of all weights, bit by bit."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def without_seconds(history: list[dict]) -> list[dict]:
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in history]
