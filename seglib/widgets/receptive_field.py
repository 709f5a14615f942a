"""`ReceptiveFieldExplorer`: what a unit of a stack of layers sees, and how strongly."""

import io
import time
from typing import Any, ClassVar

import torch
import traitlets
from PIL import Image
from torch import Tensor, nn

from seglib.data import photograph
from seglib.receptive_field import effective_receptive_field
from seglib.widgets.base import Widget, bundle, device_name, live_device
from seglib.widgets.field_picture import field_picture
from seglib.widgets.stacks import PRESETS, Layer, Placed, build, check, place

PHOTO = "coffee"
SIZE = (192, 320)  # h, w; more than 187, so that DilatedNet's margin of 186 px could be mirrored
FOCUS = (67, 153)  # y, x: in the middle of the coffee
FIRST = "VGG16"
SECONDS = 0.4  # how long a live measurement may take: it follows a slider
MOST_NETWORKS = 16


def measured_heat(
    layers: list[Layer], unit: tuple[int, int], in_channels: int, device: torch.device, seconds: float = SECONDS
) -> tuple[Tensor, float, int]:
    """Gradient of a unit of the last layer, the mean over networks with random weights, as many as fit into the time.

    Each network has ReLUs behind its convolutions and looks at an image of noise, of the photograph's size.

    Args:
        layers: the stack up to the unit's own layer.
        unit: (y, x) in the last layer's map.
        in_channels: of the image.
        device: where to compute.
        seconds: after four networks, no further one is begun later than this.

    Returns:
        Heat `H W` in [0, 1]; the effective size in pixels, the mean over the networks; and their number.

    Raises:
        ValueError: the unit sees padding alone.
    """
    began = time.perf_counter()
    total, size, networks = torch.zeros(SIZE, device=device), 0.0, 0
    # the field does not depend on the number of channels, so a few are enough
    width = 64 if device.type == "cuda" else 8
    while networks < 4 or (networks < MOST_NETWORKS and time.perf_counter() - began < seconds):
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(networks)
            stack = build(layers, in_channels, width, relu=True)
            for module in stack:
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                    nn.init.zeros_(module.bias)
            image = torch.randn(1, in_channels, *SIZE)
        field = effective_receptive_field(stack.to(device), image.to(device), unit, layers[-1]["name"])
        total += field.map
        size += field.size
        networks += 1
    mean = total / networks
    # single pixels stick out of a mean over few networks: the strongest 2 % of those reached share the full shade
    full = mean[mean > 0].quantile(0.98)
    return (mean / full).clamp(max=1), size / networks, networks


class ReceptiveFieldExplorer(Widget):
    """A stack of layers above a photograph: choose a unit, and see its theoretical and its effective field.

    Args:
        preset: the network to begin with, one of `stacks.PRESETS`.
        layers: an own stack instead, a list of dicts as in `seglib.widgets.stacks`, the first layer first.
        layer: name of the layer whose unit is looked at; the preset's own suggestion, or the last layer, if left out.
        x: column of the unit; the one over the middle of the cup if left out.
        y: row of the unit; likewise.
        field: what is drawn: "both", or only the "theoretical" or the "effective" field.
        editor: may the reader change the layers?
        key: name in the page's address.

    Raises:
        traitlets.TraitError: a value is not legal; the message names it and says what is.
    """

    stem: ClassVar = "receptive_field"
    settings: ClassVar = ("preset", "layers", "layer", "x", "y", "field")
    kernel_only: ClassVar = ("answer",)
    _esm = bundle("receptive_field")

    preset = traitlets.Enum(tuple(PRESETS), FIRST).tag(sync=True)
    layers = traitlets.List(traitlets.Dict(), []).tag(sync=True)
    layer = traitlets.Unicode("").tag(sync=True)
    x = traitlets.Int(0, min=0, max=9999).tag(sync=True)
    y = traitlets.Int(0, min=0, max=9999).tag(sync=True)
    field = traitlets.Enum(("both", "theoretical", "effective"), "both").tag(sync=True)
    editor = traitlets.Bool(True).tag(sync=True)
    presets = traitlets.Dict(PRESETS, read_only=True).tag(sync=True)
    photo_webp = traitlets.Bytes(read_only=True).tag(sync=True)
    answer = traitlets.Dict(help="the kernel's own answer, about the settings it names").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._image = photograph(PHOTO, size=SIZE)  # C H W
        self._ready = False
        if traits.get("preset", FIRST) in PRESETS:  # otherwise the trait says what is wrong
            traits = {**_suggestion(traits.get("preset", FIRST), traits.get("layers") or []), **traits}
        super().__init__(**traits)
        self.set_trait("photo_webp", _webp(self._image))
        self._own, self._ready = self.layers, True
        # a page that has come to rest on a unit asks for its measurement; dragging would ask too often
        self.on_msg(lambda _widget, content, _buffers: self.measure() if content == "measure" else None)

    @property
    def stack(self) -> list[Layer]:
        """The layers now shown."""
        return list(self.layers or PRESETS[self.preset]["layers"])

    @traitlets.validate("layers")
    def _legal_layers(self, proposal: dict) -> list[Layer]:
        if proposal["value"]:
            try:
                check(proposal["value"])
                place(proposal["value"], SIZE)
            except ValueError as error:
                raise traitlets.TraitError(str(error)) from error
        return proposal["value"]

    @traitlets.validate("layer")
    def _legal_layer(self, proposal: dict) -> str:
        names = [layer["name"] for layer in self.stack]
        if proposal["value"] not in names:
            raise traitlets.TraitError(f"layer={proposal['value']!r} is not in the stack; it has {', '.join(names)}")
        return proposal["value"]

    @traitlets.validate("x", "y")
    def _legal_unit(self, proposal: dict) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        placed = self._placed()
        if placed and value >= (length := placed.size[name == "x"]):
            raise traitlets.TraitError(f"{name}={value} must be from 0 to {length - 1}, the last unit of {self.layer}")
        return value

    @traitlets.observe("preset", "layers", "layer")
    def _settle(self, change: Any) -> None:
        """Keep to the layer and the unit where a new stack has them."""
        if not self._ready:
            return
        if change.name == "preset" and self.layers and self.layers == self._own:
            self.layers = []  # who chooses a network wants that one
        self._own = self.layers
        with self.hold_trait_notifications():
            if self.layer not in [layer["name"] for layer in self.stack]:
                suggestion = _suggestion(self.preset, self.layers)
                self.layer, self.x, self.y = suggestion["layer"], suggestion["x"], suggestion["y"]
            height, width = self._placed().size
            self.x, self.y = min(self.x, width - 1), min(self.y, height - 1)

    def _placed(self) -> Placed | None:
        return next((layer for layer in place(self.stack, SIZE) if layer.name == self.layer), None)

    def measure(self) -> None:
        """Measure the effective field of the unit now shown in PyTorch, on the GPU if there is one, and show it."""
        about = [self.preset, self.layers, self.layer, self.x, self.y]
        if self.answer.get("about") == about:
            return
        stack = self.stack
        part = stack[: [layer["name"] for layer in stack].index(self.layer) + 1]
        device = live_device()
        began = time.perf_counter()
        try:
            heat, size, networks = measured_heat(part, (self.y, self.x), PRESETS[self.preset]["in_channels"], device)
        except ValueError:  # the unit sees padding alone
            self.answer = {}
            return
        self.answer = {
            "about": about,
            "by": f"PyTorch {torch.__version__.split('+')[0]} on {device_name(device)}",
            "milliseconds": round((time.perf_counter() - began) * 1000),
            "networks": networks,
            "size": round(size, 1),
            "heat": heat.mul(255).round().byte().cpu().numpy().tobytes(),
        }

    def alt(self) -> str:
        """What the still picture shows."""
        placed = self._placed()
        network = "an own stack" if self.layers else self.preset
        return (
            f"The layers of {network} as rows of units above a photograph of a coffee cup. From a unit of "
            f"{self.layer} a cone of connected units widens downwards to a box of {placed.field} by {placed.field} "
            "pixels on the photograph; a purple heat shows that its middle counts most."
        )

    def picture(self) -> Image.Image:
        """Rows of units above the photograph, as the page draws them before anyone touches it."""
        return field_picture(self.stack, self.layer, (self.y, self.x), self._image, self.field)


def _suggestion(preset: str, layers: list[Layer]) -> dict[str, Any]:
    """The unit to look at first: of the preset's layer, or an own stack's last, over the middle of the cup."""
    stack = layers or PRESETS[preset]["layers"]
    names = [layer.get("name") for layer in stack]
    name = PRESETS[preset]["layer"] if PRESETS[preset]["layer"] in names and not layers else names[-1]
    try:
        check(stack)
        y, x = place(stack[: names.index(name) + 1], SIZE)[-1].nearest(FOCUS)
    except ValueError:  # the trait says what is wrong
        return {}
    return {"layer": name, "x": x, "y": y}


def _webp(image: Tensor) -> bytes:
    buffer = io.BytesIO()
    pixels = image.mul(255).round().byte().permute(1, 2, 0).numpy()  # H W C
    Image.fromarray(pixels).save(buffer, "WEBP", quality=85, method=6)
    return buffer.getvalue()
