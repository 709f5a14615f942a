"""Switch off what the skip connections of a U-Net or an FC-DenseNet carry, once trained, and measure what is lost.

An ablation of a trained network is no other training. It says what this network makes use of, given all the rest; a
network that had learned without a skip connection would have found other ways.

*Off* needs a definition, since the layers behind a skip connection still want a number for each of its channels:

- "mean": the channel's mean over scenes and places, everywhere. What the scene has to say is gone; what does not depend
  on it stays, and the layers behind keep the level that their biases were trained for.
- "zero": zeros. A channel that is rarely zero says something never seen before, and part of the harm is that.
- "other": what the same skip connection carries for another scene. Every value is one that occurs, but it is false
  evidence: the harm is that of being misled, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seglib.data import normalise
from seglib.metrics import BoundaryF1, IoUBySize, Segmentation
from seglib.models.fc_densenet import FCDenseNet
from seglib.models.unet import UNet

# U-Net's skip connections by the map that they carry, finest first, and the modules where they arrive.
JOINS = {
    "d0c": "concat_d0cc_u0a_b",
    "d1c": "concat_d1cc_u1a_b",
    "d2c": "concat_d2cc_u2a_b",
    "d3c": "concat_d3cc_u3a_b",
}
# FC-DenseNet's, by the names in its `forward`.
DENSE_JOINS = {f"skip{level}": f"tu{level}" for level in range(1, 6)}
KINDS = ("mean", "zero", "other")
SMALL = 8.0  # px, the radius below which an object counts as small
TOLERANCE = 2.0  # px, of boundary F1


def joins(model: nn.Module) -> dict[str, str]:
    """A network's skip connections, finest first, and the modules that concatenate them to what comes from below.

    Raises:
        TypeError: the model is neither a `UNet` nor an `FCDenseNet`.
    """
    match model:
        case UNet():
            return JOINS
        case FCDenseNet():
            return DENSE_JOINS
    raise TypeError(f"{type(model).__name__} is neither a UNet nor an FCDenseNet, the networks that concatenate skips")


def joined(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """What the concatenations hand on, `N C h w` each: the upsampled map, then the skip connection.

    Args:
        model: a `UNet` or an `FCDenseNet`.
        images: `N 3 H W`, normalised.
    """
    maps: dict[str, Tensor] = {}
    with ExitStack() as stack, torch.no_grad():
        for skip, name in joins(model).items():
            hook = model.get_submodule(name).register_forward_hook(
                lambda _module, _given, out, skip=skip: maps.update({skip: out})
            )
            stack.callback(hook.remove)
        model(images.to(_device(model)))
    return {skip: maps[skip] for skip in joins(model)}


def channel_means(model: nn.Module, images: Tensor, batch_size: int = 16) -> dict[str, Tensor]:
    """Mean of each channel of the concatenations over images and places, `1 C 1 1` each; arguments of `joined`."""
    sums = dict.fromkeys(joins(model), 0)
    for batch in images.split(batch_size):
        for skip, maps in joined(model, batch).items():
            sums[skip] = sums[skip] + maps.mean((2, 3), keepdim=True).sum(0, keepdim=True)
    return {skip: total / len(images) for skip, total in sums.items()}


def skip_channels(model: nn.Module, skip: str) -> list[int]:
    """The channels of a concatenation that come along its skip connection: those behind the upsampled ones.

    Raises:
        ValueError: the network has no such skip connection.
    """
    _check(model, skip)
    if isinstance(model, FCDenseNet):
        level = int(skip.removeprefix("skip"))
        reads = model.get_submodule(f"db{12 - level}.layers.0.norm").num_features
        return list(range(model.get_submodule(f"tu{level}.up").out_channels, reads))
    below = {"d0c": "upconv_u1d_u0a", "d1c": "upconv_u2d_u1a", "d2c": "upconv_u3d_u2a", "d3c": "upconv_d4c_u3a"}[skip]
    level = model.get_submodule(f"u{skip[1]}")
    return list(range(model.get_submodule(below).out_channels, level[0].in_channels))


@contextmanager
def replaced(
    model: nn.Module, values: Mapping[str, Tensor], channels: Mapping[str, list[int]] | None = None
) -> Iterator[nn.Module]:
    """Within it, channels of the concatenations hold other values.

    Args:
        model: a `UNet` or an `FCDenseNet`.
        values: skip connection (U-Net's "d0c" to "d3c", FC-DenseNet's "skip1" to "skip5") to what its concatenation
            holds instead, `N C h w` or anything that expands to it, all C channels of it.
        channels: skip connection to the channels that are replaced; those of the skip connection if not given.

    Yields:
        The same model.

    Raises:
        ValueError: the network has no such skip connection.
    """
    with ExitStack() as stack:
        for skip, value in values.items():
            which = (channels or {}).get(skip)
            which = skip_channels(model, skip) if which is None else which
            hook = model.get_submodule(joins(model)[skip]).register_forward_hook(_replacing(which, value))
            stack.callback(hook.remove)
        yield model


def _replacing(channels: list[int], value: Tensor):
    def hook(_module: nn.Module, _given: tuple, out: Tensor) -> Tensor:
        out = out.clone()
        out[:, channels] = value.to(out).expand_as(out)[:, channels]
        return out

    return hook


@torch.no_grad()
def predict(
    model: nn.Module,
    images: Tensor,
    off: Sequence[str] = (),
    *,
    kind: str = "mean",
    means: Mapping[str, Tensor] | None = None,
    batch_size: int = 20,
) -> Tensor:
    """Labels `N H W` of images, with some skip connections off; computed where the model is, given where images are.

    Args:
        model: a `UNet` or an `FCDenseNet`, in eval mode.
        images: `N 3 H W`, normalised.
        off: skip connections: U-Net's "d0c" to "d3c", FC-DenseNet's "skip1" to "skip5".
        kind: what one that is off carries instead, one of `KINDS`. "other" gives each image what it carries for the
            image before it, and the first one what it carries for the last.
        means: of `channel_means`, for "mean".
        batch_size: images at once.

    Raises:
        ValueError: an unknown kind or skip connection, or no means where they are wanted.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} must be one of {', '.join(KINDS)}")
    for skip in off:
        _check(model, skip)
    if off and kind == "mean" and means is None:
        raise ValueError('kind="mean" wants means=channel_means(model, images of other scenes)')
    labels = []
    for batch, others in zip(images.split(batch_size), images.roll(1, 0).split(batch_size), strict=True):
        if kind == "other" and off:
            maps = joined(model, others)
            values = {skip: maps[skip] for skip in off}
        else:
            values = {skip: means[skip] if kind == "mean" else torch.zeros(1) for skip in off}
        with replaced(model, values):
            labels.append(model(batch.to(_device(model))).argmax(1).to(images.device))
    return torch.cat(labels)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _check(model: nn.Module, skip: str) -> None:
    if skip not in (known := joins(model)):
        raise ValueError(f"{type(model).__name__} has no skip connection {skip!r}; it has {', '.join(known)}")


@dataclass(frozen=True, eq=False)
class Scenes:
    """Scenes that are measured again and again, kept in memory.

    Attributes:
        images: `N 3 H W`, normalised.
        targets: `N H W`, classes.
        instances: of each scene `(H W, radii)`.
    """

    images: Tensor
    targets: Tensor
    instances: tuple[tuple[Tensor, np.ndarray], ...]

    @classmethod
    def of(cls, dataset: Any) -> "Scenes":
        """All scenes of a `ShapeScenes`."""
        drawn = [dataset.scene(i) for i in range(len(dataset))]
        return cls(
            images=normalise(torch.stack([scene.image for scene in drawn])),
            targets=torch.stack([scene.target for scene in drawn]),
            instances=tuple((s.instances, np.array([shape.radius for shape in s.shapes])) for s in drawn),
        )


@dataclass(frozen=True, eq=False)
class SceneScores:
    """How good predictions are, scene by scene and object by object, from 0 to 1.

    Attributes:
        iou: float64 N, mean IoU over the classes that are in the scene or predicted there.
        boundary_f1: float64 N, within 2 px; NaN where neither truth nor prediction has a boundary.
        small_iou: float64 M, of each object with a radius below 8 px.
    """

    iou: np.ndarray
    boundary_f1: np.ndarray
    small_iou: np.ndarray

    def means(self) -> tuple[float, float, float]:
        """Mean IoU over scenes, boundary F1 over scenes, IoU over small objects."""
        return tuple(float(np.nanmean(values)) for values in (self.iou, self.boundary_f1, self.small_iou))

    def minus(self, other: "SceneScores") -> "SceneScores":
        """The difference for each scene and each object."""
        return SceneScores(self.iou - other.iou, self.boundary_f1 - other.boundary_f1, self.small_iou - other.small_iou)

    def errors(self) -> tuple[float, float, float]:
        """Standard errors of `means`: standard deviation over scenes or objects, by the root of their number."""
        return tuple(
            float(np.nanstd(values, ddof=1) / np.sqrt((~np.isnan(values)).sum()))
            for values in (self.iou, self.boundary_f1, self.small_iou)
        )


def score(prediction: Tensor, scenes: Scenes, num_classes: int = 5) -> SceneScores:
    """Scores of labels `N H W`, scene by scene."""
    boundary = BoundaryF1(num_classes, tolerance=TOLERANCE)
    size = IoUBySize((0.0, SMALL, np.inf))
    ious = []
    for labels, target, instances in zip(prediction, scenes.targets, scenes.instances, strict=True):
        overall = Segmentation(num_classes)
        for metric in (overall, boundary):
            metric.update(labels, target)
        size.update(labels, target, *instances)
        ious.append(overall.compute().mean_iou)
    objects = size.objects[size.objects["size"] < SMALL]
    return SceneScores(
        iou=np.array(ious),
        boundary_f1=boundary.compute().picture_f1,
        small_iou=objects["right"] / (objects["pixels"] + objects["wrong"]),
    )
