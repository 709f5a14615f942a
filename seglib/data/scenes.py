"""Scenes drawn by code, in which only the *shape* of an object tells its class.

Colour, texture, place, angle and size say nothing: they are drawn at random, the same way for every class, and all
shapes of one radius cover the same area. Whoever names a pixel in the middle of a large disc must have seen the
disc's edge. Each scene follows from the seed and its index alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, pi, sqrt

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from seglib.data import surfaces
from seglib.data._checks import check_noise, check_size

SHAPES = ("disc", "square", "triangle", "cross")
CLASSES = ("background", *SHAPES)
# Okabe and Ito's; black is the background. Triangle and cross share the colours of error and output, so figures hatch
# what is wrong, and a class has its sign beside its colour.
COLOURS = ((0, 0, 0), (86, 180, 233), (240, 228, 66), (213, 94, 0), (0, 158, 115))


@dataclass(frozen=True)
class Shape:
    """An object of a scene.

    Attributes:
        kind: one of `SHAPES`.
        x: centre in pixels from the left edge of the picture; pixel 0 has its centre at 0.5.
        y: centre in pixels from the upper edge.
        radius: of the disc with the same area, in pixels.
        angle: of rotation, in radians.

    Raises:
        ValueError: an unknown kind, a radius that is not positive, or a number that is not finite.
    """

    kind: str
    x: float
    y: float
    radius: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in SHAPES:
            raise ValueError(f"no shape is called {self.kind!r}; choose one of {', '.join(SHAPES)}")
        if not self.radius > 0:
            raise ValueError(f"radius={self.radius} must be above 0")
        for name in ("x", "y", "radius", "angle"):
            if not isfinite(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)} of a {self.kind} must be finite")

    @property
    def label(self) -> int:
        """The class of its pixels."""
        return CLASSES.index(self.kind)


@dataclass(frozen=True)
class Scene:
    """A drawn scene.

    Attributes:
        image: float32 `3 H W`, 0 to 1.
        target: int64 `H W`, classes as in `CLASSES`.
        instances: int64 `H W`, 0 for the background and k for the object `shapes[k - 1]`.
        shapes: from the hindmost to the foremost.
    """

    image: Tensor
    target: Tensor
    instances: Tensor
    shapes: tuple[Shape, ...]


def distance(kind: str, radius: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Signed distance from the outline of a shape at the origin: negative inside, exact at the sides, not at corners.

    All shapes of one radius have the area `pi radius^2`.
    """
    if kind == "disc":
        return np.hypot(x, y) - radius
    if kind == "square":
        half = radius * sqrt(pi) / 2
        return np.maximum(np.abs(x), np.abs(y)) - half
    if kind == "triangle":  # equilateral, of inradius side / (2 sqrt 3)
        inradius = radius * sqrt(pi / sqrt(27))
        slanted = np.abs(x) * np.float32(sqrt(3) / 2) + y * np.float32(0.5)
        return np.maximum(slanted, -y) - inradius
    half = radius * sqrt(pi / 5) / 2  # a cross is five squares
    across, along = np.minimum(np.abs(x), np.abs(y)), np.maximum(np.abs(x), np.abs(y))
    return np.maximum(across - half, along - 3 * half)


def reach(kind: str, radius: float) -> float:
    """Farthest point of a shape from its centre, in pixels."""
    factors = {"disc": 1.0, "square": sqrt(pi / 2), "triangle": 2 * sqrt(pi / sqrt(27)), "cross": sqrt(pi / 2)}
    return radius * factors[kind]


def draw(
    shapes: Sequence[Shape],
    size: tuple[int, int] = (96, 96),
    *,
    seed: int | tuple[int, ...] | np.random.Generator = 0,
    surface: str = "drawn",
    noise: float = 0.03,
    behind: np.ndarray | None = None,
) -> Scene:
    """Draw shapes over a background, one over the other in the given order.

    The same seed gives the same background and surfaces wherever the shapes lie and however large they are.

    Args:
        shapes: the hindmost first; they may reach beyond the picture.
        size: `(h, w)` of the picture in pixels.
        seed: of the surfaces and the noise.
        surface: "drawn" (plain, smooth noise or stripes) or "real" (pieces of photographs, tinted).
        noise: standard deviation of each channel of each pixel, from 0 to 1.
        behind: a mean colour, `3` values from 0 to 1, that the background must differ from; None is any.

    Raises:
        ValueError: an unknown surface, a size that is no pair of positive whole numbers, or noise out of its range.
    """
    if surface not in surfaces.KINDS:
        raise ValueError(f"surface={surface!r} must be one of {', '.join(surfaces.KINDS)}")
    height, width = size = check_size(size)
    check_noise(noise)
    random = np.random.default_rng(seed)
    numbers = random.random((len(shapes) + 2, surfaces.NUMBERS))
    image = surfaces.surface(numbers[0], size, surface, behind)
    background = image[::8, ::8].mean(axis=(0, 1))
    target = np.zeros(size, dtype=np.int64)
    instances = np.zeros(size, dtype=np.int64)
    for number, shape in enumerate(shapes, start=1):
        far = reach(shape.kind, shape.radius) + 1
        top, bottom = max(0, int(shape.y - far)), min(height, int(shape.y + far) + 1)
        left, right = max(0, int(shape.x - far)), min(width, int(shape.x + far) + 1)
        if top >= bottom or left >= right:
            continue
        y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - shape.y)
        x = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5 - shape.x)
        cosine, sine = np.float32(np.cos(shape.angle)), np.float32(np.sin(shape.angle))
        outside = distance(shape.kind, shape.radius, cosine * x + sine * y, cosine * y - sine * x)
        window = np.s_[top:bottom, left:right]
        paint = surfaces.surface(numbers[number], size, surface, background, window)
        # An edge pixel is covered by as much as its centre lies inside: the picture is smooth, the labels are sharp.
        cover = np.clip(0.5 - outside, 0, 1)[..., None]
        image[window] += cover * (paint - image[window])
        inside = outside <= 0
        target[window][inside] = shape.label
        instances[window][inside] = number
    if noise:
        side = surfaces.bank_side(size)
        top, left = (int(u * (side - extent + 1)) for u, extent in zip(numbers[-1], size, strict=False))
        image += noise * surfaces.grain(side)[top : top + height, left : left + width]
    np.clip(image, 0, 1, out=image)
    return Scene(
        image=torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))),
        target=torch.from_numpy(target),
        instances=torch.from_numpy(instances),
        shapes=tuple(shapes),
    )


class ShapeScenes(Dataset):
    """A data set of scenes: `scenes[i]` is `(image, target)`, float32 `3 H W` from 0 to 1 and int64 `H W`.

    Radii are log-uniform, so that 2 to 4 px is as frequent as 32 to 64; centres lie anywhere in the picture, so an
    object may reach beyond it. Larger objects lie behind smaller ones, or there would be few small ones to see.

    Args:
        length: number of scenes.
        size: `(h, w)` in pixels, or one number for both.
        seed: another seed gives other scenes. `split` keeps those for training, validation and test apart.
        split: "train", "val" or "test".
        objects: least and largest number of objects.
        radius: least and largest radius in pixels; None is 2 to 0.6 times the shorter side.
        margin: no centre is nearer to a border than this share of the size.
        surface: "drawn", "real", or "mixed" for half of each.
        noise: standard deviation of the camera's noise, 0 to 1.

    Raises:
        ValueError: a value out of its range.
    """

    classes = CLASSES
    colours = COLOURS
    ignore_index = None
    splits = ("train", "val", "test")

    def __init__(
        self,
        length: int = 1000,
        *,
        size: int | tuple[int, int] = 96,
        seed: int = 0,
        split: str = "train",
        objects: tuple[int, int] = (1, 4),
        radius: tuple[float, float] | None = None,
        margin: float = 0.0,
        surface: str = "drawn",
        noise: float = 0.03,
    ) -> None:
        self.size = check_size((size, size) if isinstance(size, int) else size)
        radius = (2.0, 0.6 * min(self.size)) if radius is None else radius
        if length < 1:
            raise ValueError(f"length={length} must be at least 1")
        if seed < 0:
            raise ValueError(f"seed={seed} must not be negative")
        if split not in self.splits:
            raise ValueError(f"split={split!r} must be one of {', '.join(self.splits)}")
        if not 0 <= objects[0] <= objects[1]:
            raise ValueError(f"objects={objects} must be (least, largest), from 0 on")
        if not 0 < radius[0] <= radius[1] < inf:
            raise ValueError(f"radius={radius} must be (least, largest) in pixels, above 0 and finite")
        if not 0 <= margin <= 0.5:
            raise ValueError(f"margin={margin} must be from 0 to 0.5 of the size")
        if surface not in (*surfaces.KINDS, "mixed"):
            raise ValueError(f"surface={surface!r} must be one of {', '.join(surfaces.KINDS)}, mixed")
        self.length, self.seed, self.split = length, seed, split
        self.objects, self.radius, self.margin = tuple(objects), tuple(radius), margin
        self.surface, self.noise = surface, check_noise(noise)

    def __len__(self) -> int:
        return self.length

    def __repr__(self) -> str:
        return f"ShapeScenes({self.length}, size={self.size}, split={self.split!r}, seed={self.seed})"

    def scene(self, index: int) -> Scene:
        """Scene number `index` with its objects."""
        random, shapes = self._place(index)
        surface = self.surface
        if surface == "mixed":
            surface = surfaces.KINDS[int(random.random() < 0.5)]
        return draw(shapes, self.size, seed=random, surface=surface, noise=self.noise)

    def shapes(self, index: int) -> tuple[Shape, ...]:
        """The objects of a scene, from the hindmost to the foremost, without drawing them."""
        return self._place(index)[1]

    def instances(self, index: int) -> tuple[Tensor, np.ndarray]:
        """Number of the object at each pixel (`H W`, 0 for the background), and the radius of each object in px."""
        scene = self.scene(index)
        return scene.instances, np.array([shape.radius for shape in scene.shapes])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        scene = self.scene(index)
        return scene.image, scene.target

    def _place(self, index: int) -> tuple[np.random.Generator, tuple[Shape, ...]]:
        if not -self.length <= index < self.length:
            raise IndexError(f"there is no scene {index} among {self.length}")
        random = np.random.default_rng((self.seed, self.splits.index(self.split), index % self.length))
        count = int(random.integers(self.objects[0], self.objects[1] + 1))
        numbers = random.random((count, 5))
        numbers[:, 1:3] = self.margin + (1 - 2 * self.margin) * numbers[:, 1:3]
        least, largest = self.radius
        radii = np.sort(least * (largest / least) ** numbers[:, 3])[::-1]
        height, width = self.size
        placed = (
            Shape(
                kind=SHAPES[int(kind * len(SHAPES))],
                x=float(x * width),
                y=float(y * height),
                radius=float(radius),
                angle=float(angle * 2 * pi),
            )
            for (kind, x, y, _, angle), radius in zip(numbers, radii, strict=True)
        )
        return random, tuple(placed)
