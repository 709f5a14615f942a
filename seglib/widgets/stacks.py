"""Stacks of layers for `ReceptiveFieldExplorer`: the papers' own, and what makes a stack legal.

A layer is a dict as in `js/core/stack.js`, which holds the arithmetic: name, kind ("conv", "max pool", "average pool"),
kernel, and where they differ from the usual stride=1, dilation=1, padding=0 (a number, or "same" for half the kernel's
span), ceil=False (does a pool round its size up?) and channels (those of the layer below). This is the one list of
presets: the page gets it from here.
"""

import math
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

Layer = dict[str, Any]

KINDS = ("conv", "max pool", "average pool")
LIMITS = {"kernel": (1, 11), "stride": (1, 4), "dilation": (1, 24), "padding": (0, 256), "layers": (1, 40)}
USUAL = {"stride": 1, "dilation": 1, "padding": 0, "ceil": False}


def _conv(name: str, channels: int, kernel: int = 3, padding: int | str = 0, **more: int) -> Layer:
    return {"name": name, "kind": "conv", "kernel": kernel, "padding": padding, "channels": channels, **more}


def _pool(name: str, kernel: int = 2, stride: int = 2, kind: str = "max pool", **more: Any) -> Layer:
    return {"name": name, "kind": kind, "kernel": kernel, "stride": stride, **more}


def _stage(number: int, convolutions: int, channels: int, padding: int | str = "same", **more: int) -> list[Layer]:
    """One of VGG16's five stages, without its pool."""
    return [_conv(f"conv{number}_{i}", channels, padding=padding, **more) for i in range(1, convolutions + 1)]


# Simonyan & Zisserman 2014 (arXiv 1409.1556), column D
VGG16 = [
    *_stage(1, 2, 64), _pool("pool1"),
    *_stage(2, 2, 128), _pool("pool2"),
    *_stage(3, 3, 256), _pool("pool3"),
    *_stage(4, 3, 512), _pool("pool4"),
    *_stage(5, 3, 512), _pool("pool5"),
]  # fmt: skip

# shelhamer/fcn.berkeleyvision.org, voc-fcn32s/net.py: Caffe's pools round up
FCN = [
    _conv("conv1_1", 64, padding=100),
    *[{**layer, "ceil": True} if "pool" in layer["kind"] else layer for layer in VGG16[1:]],
    _conv("fc6", 4096, 7),
    _conv("fc7", 4096, 1),
    _conv("score_fr", 21, 1),
]

# the authors' LargeFOV deploy.prototxt: 3 x 3 pools, the last three of stride 1
DEEPLAB = [
    *_stage(1, 2, 64), _pool("pool1", 3, padding="same", ceil=True),
    *_stage(2, 2, 128), _pool("pool2", 3, padding="same", ceil=True),
    *_stage(3, 3, 256), _pool("pool3", 3, padding="same", ceil=True),
    *_stage(4, 3, 512), _pool("pool4", 3, 1, padding="same"),
    *_stage(5, 3, 512, dilation=2), _pool("pool5", 3, 1, padding="same"),
    _pool("pool5a", 3, 1, "average pool", padding="same"),
    _conv("fc6", 1024, 3, "same", dilation=12),
    _conv("fc7", 1024, 1),
    _conv("fc8_voc12", 21, 1),
]  # fmt: skip

# fyu/dilation, network.py: valid convolutions; the picture gets a margin of 186 px first
FRONT_END = [
    _conv("conv1_1", 64, padding=186), *_stage(1, 2, 64, 0)[1:], _pool("pool1"),
    *_stage(2, 2, 128, 0), _pool("pool2"),
    *_stage(3, 3, 256, 0), _pool("pool3"),
    *_stage(4, 3, 512, 0),
    *_stage(5, 3, 512, 0, dilation=2),
    _conv("fc6", 4096, 7, dilation=4),
    _conv("fc7", 4096, 1),
    _conv("fc-final", 21, 1),
]  # fmt: skip

CONTEXT_NAMES = ("ct_conv1_1", "ct_conv1_2", "ct_conv2_1", "ct_conv3_1", "ct_conv4_1", "ct_conv5_1", "ct_fc1")
CONTEXT_RATES = (1, 1, 2, 4, 8, 16, 1)


def _context(channels: tuple[int, ...], paddings: tuple[int | str, ...]) -> list[Layer]:
    """Yu & Koltun 2016 (arXiv 1511.07122), table 1: seven 3 x 3 convolutions and a 1 x 1."""
    rows = zip(CONTEXT_NAMES, channels, paddings, CONTEXT_RATES, strict=True)
    dilated = [_conv(name, c, padding=p, **({"dilation": rate} if rate > 1 else {})) for name, c, p, rate in rows]
    return [*dilated, _conv("ct_final", 21, 1)]


def _preset(layers: list[Layer], layer: str, note: str, in_channels: int = 3) -> dict[str, Any]:
    return {"layers": layers, "layer": layer, "note": note, "in_channels": in_channels}


PRESETS: dict[str, dict[str, Any]] = {
    "VGG16": _preset(VGG16, "pool4", "The encoder of FCN, DeconvNet and SegNet: 13 convolutions, five pools."),
    "FCN-32s": _preset(
        FCN, "score_fr",
        "The padding of 100 px at conv1_1 makes room for fc6, a 7 × 7 convolution, whatever the picture's size.",
    ),
    "DeepLab-LargeFOV": _preset(
        DEEPLAB, "fc6",
        "The last three pools keep the resolution; rates 2 and 12 widen the view instead. The paper's “field of view” "
        "of 224 px is nominal.",
    ),
    "DilatedNet front end": _preset(
        FRONT_END, "fc-final",
        "No padding inside. The authors mirror the picture into a margin of 186 px; here the margin is empty, which "
        "changes no size.",
    ),
    "DilatedNet front end + context": _preset(
        [*FRONT_END, *_context((42, 42, 84, 168, 336, 672, 672), (33, 0, 0, 0, 0, 0, 0))], "ct_final",
        "The released Pascal VOC model: the context module reads the front end's 21 score maps.",
    ),
    "Context module": _preset(
        _context((21,) * 7, ("same",) * 7), "ct_final",
        "The basic module by itself. It reads score maps: imagine them in the photograph's place.", 21,
    ),
    "AlexNet": _preset(
        [
            _conv("conv1", 96, 11, stride=4), _pool("pool1", 3),
            _conv("conv2", 256, 5, "same"), _pool("pool2", 3),
            *[_conv(f"conv{i}", c, 3, "same") for i, c in ((3, 384), (4, 384), (5, 256))], _pool("pool5", 3),
        ], "pool5",
        "Large kernels at the bottom: 11 × 11 at stride 4, then 5 × 5. (Its two groups of channels are not shown.)",
    ),
    "One 11 x 11": _preset(
        [_conv("conv1", 64, 11, "same")], "conv1",
        "One wide kernel, 64 channels to 64. Compare the weights, and the shape of the heat, with Five 3 × 3.", 64,
    ),
    "Five 3 x 3": _preset(
        [_conv(f"conv{i}", 64, 3, "same") for i in range(1, 6)], "conv5",
        "The same 11 px as One 11 × 11, 64 channels to 64, from fewer weights; and the heat gathers in the middle.", 64,
    ),
    "Own stack": _preset(
        [_conv("conv1", 64, 3, "same"), _pool("pool1"), _conv("conv2", 64, 3, "same")], "conv2",
        "Yours to build: choose a layer, change it, add others.",
    ),
}  # fmt: skip


def check(layers: list[Layer]) -> None:
    """Judge whether a list of layers is a stack; whether it fits an input, `place` says.

    Raises:
        ValueError: it is not; the message names the value and what is legal.
    """
    low, high = LIMITS["layers"]
    if not low <= len(layers) <= high:
        raise ValueError(f"a stack has {low} to {high} layers, not {len(layers)}")
    for number, layer in enumerate(layers):
        name = layer.get("name")
        where = f"layers[{number}] ({name!r})"
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][\w-]*", name, re.ASCII):
            raise ValueError(f"{where}: give it a name of letters, digits, _ and -, a letter first")
        if name in [other["name"] for other in layers[:number]]:
            raise ValueError(f"{where}: another layer has this name; names must differ")
        if unknown := set(layer) - {"name", "kind", "kernel", "channels", *USUAL}:
            known = ", ".join(["name", "kind", "kernel", *USUAL, "channels"])
            raise ValueError(f"{where}: unknown {sorted(unknown)}; a layer has {known}")
        if layer.get("kind") not in KINDS:
            raise ValueError(f"{where}: kind={layer.get('kind')!r} must be one of {', '.join(KINDS)}")
        for key in ("kernel", "stride", "dilation", "padding"):
            value = layer.get(key, USUAL.get(key))
            low, high = LIMITS[key]
            if not (key == "padding" and value == "same") and not (type(value) is int and low <= value <= high):
                same = ' or "same"' if key == "padding" else ""
                raise ValueError(f"{where}: {key}={value!r} must be a whole number from {low} to {high}{same}")
        if "channels" in layer and not (type(layer["channels"]) is int and layer["channels"] > 0):
            raise ValueError(f"{where}: channels={layer['channels']!r} must be a positive whole number")
        if type(layer.get("ceil", False)) is not bool:
            raise ValueError(f"{where}: ceil={layer['ceil']!r} must be True or False")
        if layer["kind"] == "conv" and layer.get("ceil"):
            raise ValueError(f"{where}: ceil=True is for pools only")
        if layer["kind"] == "average pool" and layer.get("dilation", 1) > 1:
            raise ValueError(f"{where}: PyTorch's average pool has no dilation; use 1, or a max pool")
        if layer["kind"] != "conv" and padding(layer) > layer["kernel"] // 2:
            most = layer["kernel"] // 2
            raise ValueError(f"{where}: padding={padding(layer)} must be at most half the pool's kernel, {most}")


def span(layer: Layer) -> int:
    """Units from the first tap to the last, both counted."""
    return layer.get("dilation", 1) * (layer["kernel"] - 1) + 1


def padding(layer: Layer) -> int:
    """Rows added on each side; "same" is half the span."""
    value = layer.get("padding", 0)
    return (span(layer) - 1) // 2 if value == "same" else value


def build(layers: list[Layer], in_channels: int = 3, width: int | None = None, *, relu: bool = False) -> nn.Sequential:
    """The stack in PyTorch, layer by layer under the same names.

    Args:
        layers: legal, see `check`.
        in_channels: of the picture.
        width: channels of every convolution instead of the layers' own: for a quick measurement, since the field does
            not depend on them.
        relu: put a ReLU behind every convolution, called "relu_" and its name.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    channels = in_channels
    for layer in layers:
        kernel, stride, pad = layer["kernel"], layer.get("stride", 1), padding(layer)
        rate, ceil = layer.get("dilation", 1), layer.get("ceil", False)
        if layer["kind"] == "conv":
            out = width or layer.get("channels", channels)
            modules[layer["name"]] = nn.Conv2d(channels, out, kernel, stride, pad, rate)
            channels = out
            if relu:
                modules[f"relu_{layer['name']}"] = nn.ReLU()
        elif layer["kind"] == "max pool":
            modules[layer["name"]] = nn.MaxPool2d(kernel, stride, pad, rate, ceil_mode=ceil)
        else:
            modules[layer["name"]] = nn.AvgPool2d(kernel, stride, pad, ceil_mode=ceil)
    return nn.Sequential(modules)


@dataclass(frozen=True)
class Placed:
    """A layer on an input of known size.

    Attributes:
        name: of the layer.
        size: (h, w) of its map.
        field: input pixels that a unit sees along an axis, unclipped.
        jump: input pixels from one unit to the next.
        start: centre of unit 0, the centre of pixel 0 being 0.
    """

    name: str
    size: tuple[int, int]
    field: int
    jump: int
    start: float

    def centre(self, unit: tuple[int, int]) -> tuple[float, float]:
        """Centre (y, x) of a unit (y, x)."""
        return self.start + unit[0] * self.jump, self.start + unit[1] * self.jump

    def nearest(self, point: tuple[float, float]) -> tuple[int, int]:
        """The unit (y, x) whose centre is nearest to a point (y, x), the later one half-way."""
        units = (math.floor((at - self.start) / self.jump + 0.5) for at in point)
        y, x = (max(0, min(length - 1, unit)) for unit, length in zip(units, self.size, strict=True))
        return y, x


def place(layers: list[Layer], size: tuple[int, int]) -> list[Placed]:
    """Every layer of a stack on an input of `size` (h, w); PyTorch itself says how large the maps are.

    Raises:
        ValueError: a kernel does not fit on the map below it; the message names the layer.
    """
    maps = torch.empty(1, 1, *size, device="meta")
    field, jump, start = 1, 1, 0.0
    found = []
    for module, layer in zip(build(layers, in_channels=1, width=1), layers, strict=True):
        height, width = maps.shape[-2:]
        try:
            maps = module.to("meta")(maps)
        except RuntimeError:
            maps = maps[..., :0]
        if maps.numel() == 0:  # torch 2.11 answers some of these with an empty map instead of an error
            raise ValueError(
                f"{layer['name']}: its kernel spans {span(layer)} units, but the map below has {height} x {width}; "
                "choose a smaller kernel or rate, more padding, or a smaller stride below"
            )
        field += (span(layer) - 1) * jump
        start += ((span(layer) - 1) / 2 - padding(layer)) * jump
        jump *= layer.get("stride", 1)
        height, width = maps.shape[-2:]
        found.append(Placed(layer["name"], (height, width), field, jump, start))
    return found


def ways_down(layers: list[Layer], unit: int, lengths: list[int]) -> list[np.ndarray]:
    """Along one axis, on how many ways each unit below reaches `unit` of the last layer.

    Args:
        layers: from the first to the unit's own.
        unit: index along the axis.
        lengths: units along the axis: of the input, then of every layer.

    Returns:
        One float64 array for the input and for every layer.
    """
    above = np.zeros(lengths[-1])
    above[unit] = 1
    counts = [above]
    for layer, length in zip(reversed(layers), reversed(lengths[:-1]), strict=True):
        below = np.zeros(length)
        for tap in range(layer["kernel"]):
            at = np.arange(len(above)) * layer.get("stride", 1) - padding(layer) + tap * layer.get("dilation", 1)
            inside = (at >= 0) & (at < length)
            np.add.at(below, at[inside], above[inside])
        above = below
        counts.insert(0, above)
    return counts
