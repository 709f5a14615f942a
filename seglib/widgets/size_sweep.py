"""One drawn object at all sizes, and what FCN-32s, 16s and 8s make of it: the measurement behind `ObjectSizeExplorer`.

An *instance* is a place, an angle and a pair of surfaces. The same instance is drawn with every shape at every size, so
that neighbours on a curve differ in the size alone.

`python -m seglib.widgets.size_sweep` measures and records, in half a minute or so; a test fails when the networks have
changed since. The record is read in milliseconds, so that nobody waits for the widget.
"""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from seglib import models, weights
from seglib.data import Scene, Shape, draw, normalise
from seglib.data.scenes import SHAPES
from seglib.widgets.base import STATIC

SIZE = 128  # px: what the small networks were trained on
# px, three to a doubling: from a speck to twice as wide as the picture
RADII = (2, 2.5, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128)
NETWORKS = {"fcn32s": "FCN-32s", "fcn16s": "FCN-16s", "fcn8s": "FCN-8s"}
LARGEST_TRAINED = 0.6 * SIZE  # px: radius of the largest object that a network was trained on
INSTANCES = 6  # behind each point of the curves
FIRST_SEED = 2  # of instance 0; any number would do, this one has colours that are easy to tell apart
LABEL_STEP = 60  # grey values between neighbouring labels in the picture that carries them
NAMES = ("object_size.json", "object_size.webps")


@dataclass(frozen=True, eq=False)
class Sweep:
    """What the networks say to every shape at every size.

    Attributes:
        iou: float64 `I S R N`, of each instance, shape, radius and network: intersection over union of the object. It
            is 0 just where not one pixel of the object is right: it was missed.
        places: where each instance lies, and its parts in `pack`: [from, to] of `labels`, `background` and `paint`.
        pack: WebP pictures, one after the other: labels without loss, a column a shape, in it each size's networks one
            below the other; the surfaces without and under the object.
        weights: hash of the weights that were measured, by network.
    """

    iou: np.ndarray
    places: list[dict[str, Any]]
    pack: bytes
    weights: dict[str, str]

    def labels(self, kind: str, radius: float, instance: int) -> np.ndarray:
        """What the networks say to one scene, uint8 `N H W`."""
        s, height = SHAPES.index(kind), SIZE * len(NETWORKS)
        top = RADII.index(radius) * height
        column = _atlas(self, instance)[top : top + height, s * SIZE : (s + 1) * SIZE]
        return column.reshape(len(NETWORKS), SIZE, SIZE)

    def curves(self) -> Mapping[str, Mapping[str, list[list[float]]]]:
        """IoU by size: of each shape `mean` and `spread` (standard deviation) over instances, a list a network."""
        mean, spread = self.iou.mean(0), self.iou.std(0, ddof=1)  # S R N
        return {
            kind: {name: values[s].T.round(4).tolist() for name, values in (("mean", mean), ("spread", spread))}
            for s, kind in enumerate(SHAPES)
        }


def seed(instance: int) -> int:
    """The seed of an instance's surfaces and place."""
    return FIRST_SEED + instance


def place(instance: int) -> dict[str, float]:
    """Where an instance lies: centre in the middle two fifths of the picture, any angle; rounded for writing down."""
    u = np.random.default_rng((SIZE, seed(instance))).random(3)
    x, y = (round(float(SIZE * (0.3 + 0.4 * share)), 1) for share in u[:2])
    return {"x": x, "y": y, "angle": round(float(2 * pi * u[2]), 2)}


def scene(kind: str, radius: float, instance: int) -> Scene:
    """One object on a background of its own; the instance decides all but shape and size."""
    return draw([Shape(kind, radius=radius, **place(instance))], (SIZE, SIZE), seed=seed(instance))


def surfaces(instance: int) -> dict[str, bytes]:
    """The scene without its object, and all covered by it, as WebP: every size is a mixture of the two."""
    centre = place(instance)
    covers = {
        "background": Shape("disc", x=-10 * SIZE, y=centre["y"], radius=1),
        "paint": Shape("disc", x=centre["x"], y=centre["y"], radius=10 * SIZE),
    }
    pictures = {name: draw([shape], (SIZE, SIZE), seed=seed(instance)).image for name, shape in covers.items()}
    return {
        name: _encoded(image.mul(255).round().byte().permute(1, 2, 0).numpy(), quality=90)
        for name, image in pictures.items()
    }


@cache
def networks(device: torch.device) -> tuple[nn.Module, ...]:
    """The three networks with the weights that were trained on scenes, in the order of `NETWORKS`."""
    return tuple(
        models.create(name, weights="scenes").eval().to(device, memory_format=torch.channels_last) for name in NETWORKS
    )


def predict(image: Tensor, device: torch.device) -> np.ndarray:
    """Labels of one image `3 H W` by all networks, uint8 `N H W`.

    One image at a time, whoever asks: a batch of another size may be rounded otherwise, and a page without a kernel
    must show what a kernel answers.
    """
    batch = normalise(image)[None].to(device, memory_format=torch.channels_last)
    with _one_thread(device), torch.inference_mode():
        labels = [network(batch).argmax(1)[0] for network in networks(device)]
    return torch.stack(labels).to(torch.uint8).cpu().numpy()


def iou(predicted: np.ndarray, truth: np.ndarray, label: int) -> float:
    """Intersection over union of the only object of its class: `IoUBySize` for a scene of one object."""
    found, real = predicted == label, truth == label
    return float((found & real).sum() / (found | real).sum())


def measure(device: torch.device) -> Sweep:
    """Run all networks on every shape at every size, for all instances."""
    overlap = np.empty((INSTANCES, len(SHAPES), len(RADII), len(NETWORKS)))
    places, pack = [], b""
    for i in range(INSTANCES):
        labels = np.empty((*overlap.shape[1:], SIZE, SIZE), np.uint8)  # S R N H W
        for s, r in np.ndindex(labels.shape[:2]):
            drawn = scene(SHAPES[s], RADII[r], i)
            labels[s, r] = predict(drawn.image, device)
            truth, label = drawn.target.numpy(), drawn.shapes[0].label
            overlap[i, s, r] = [iou(predicted, truth, label) for predicted in labels[s, r]]
        atlas = labels.transpose(1, 2, 3, 0, 4).reshape(-1, len(SHAPES) * SIZE) * LABEL_STEP
        entry: dict[str, Any] = place(i)
        for name, part in {"labels": _encoded(atlas, lossless=True, quality=100), **surfaces(i)}.items():
            entry[name] = [len(pack), len(pack) + len(part)]
            pack += part
        places.append(entry)
    entries = weights.manifest()
    return Sweep(overlap, places, pack, {name: entries[f"{name}_scenes"]["sha256"] for name in NETWORKS})


@cache
def recorded() -> Sweep:
    """The sweep as it was recorded."""
    about = json.loads((STATIC / NAMES[0]).read_bytes())
    return Sweep(np.array(about["iou"]), about["places"], (STATIC / NAMES[1]).read_bytes(), about["weights"])


def write(found: Sweep, folder: Path) -> None:
    """Record a sweep."""
    about = {"weights": found.weights, "places": found.places, "iou": found.iou.round(6).tolist()}
    (folder / NAMES[0]).write_text(json.dumps(about, separators=(",", ":")) + "\n")
    (folder / NAMES[1]).write_bytes(found.pack)


@cache
def _atlas(found: Sweep, instance: int) -> np.ndarray:
    start, stop = found.places[instance]["labels"]
    picture = Image.open(io.BytesIO(found.pack[start:stop])).convert("L")
    return np.rint(np.asarray(picture) / LABEL_STEP).astype(np.uint8)


def _encoded(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, "WEBP", method=6, **options)
    return buffer.getvalue()


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    """On a CPU, one thread: layers of 8 channels are done before a second one has begun."""
    if device.type != "cpu":
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


if __name__ == "__main__":
    write(measure(torch.device("cpu")), Path(str(STATIC)))
    print(f"recorded {INSTANCES * len(SHAPES) * len(RADII)} scenes in {', '.join(NAMES)}")
