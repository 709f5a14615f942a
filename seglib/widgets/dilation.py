"""`DilationExplorer`: nine taps, a wider view, and the holes between them."""

import io
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
import traitlets
from PIL import Image, ImageDraw
from torch import Tensor

from seglib.data import photograph
from seglib.widgets.base import Widget, bundle, device_name, live_device, timed

PHOTO = "chelsea"
SIZE = (120, 180)  # h, w: small enough to convolve at every step of a drag on a phone
CHANNELS = 64  # of the layer whose time is shown beside the picture's


def filter_weights(name: str, kernel: int) -> Tensor:
    """The weights of a filter the reader can choose.

    Args:
        name: "edges" (centre minus mean of the other taps), "vertical edges" (mean of the right half minus mean of
            the left half) or "blur" (mean).
        kernel: taps along a side, odd.

    Returns:
        float64, `kernel kernel`.
    """
    if name == "edges":
        weights = torch.full((kernel, kernel), -1 / (kernel**2 - 1), dtype=torch.float64)
        weights[kernel // 2, kernel // 2] = 1
        return weights
    if name == "vertical edges":
        sides = torch.arange(kernel, dtype=torch.float64).sub(kernel // 2).sign()
        return sides.repeat(kernel, 1) / (kernel // 2 * kernel)
    if name == "blur":
        return torch.full((kernel, kernel), 1 / kernel**2, dtype=torch.float64)
    raise ValueError(f"no filter is called {name!r}; choose edges, vertical edges or blur")


def dilated_response(image: Tensor, weights: Tensor, rate: int) -> Tensor:
    """Dilated convolution of a picture with zero padding.

    Args:
        image: `H W`.
        weights: `k k`, k odd.
        rate: distance of neighbouring taps in pixels.

    Returns:
        `H W`: one answer for every pixel.
    """
    padding = rate * (weights.shape[-1] // 2)
    return F.conv2d(image[None, None], weights[None, None].to(image), dilation=rate, padding=padding)[0, 0]


class DilationExplorer(Widget):
    """One dilated convolution on a photograph, and what a stack of them touches.

    Args:
        rate: distance of neighbouring taps in pixels, 1 to 12; 1 is an ordinary convolution.
        kernel: taps along a side: 3, 5 or 7.
        filter: "edges", "vertical edges" or "blur".
        x: column of the unit looked at, 0 to 179.
        y: row of the unit looked at, 0 to 119.
        rates: rates of the stacked layers, first layer first; 1 to 7 layers, each rate 1 to 16.
        show: "all", or only the "layer" or the "stack"; "rate" is the layer with its one slider.
        key: name in the page's address.

    Raises:
        traitlets.TraitError: a value is outside its range; the message names both.
    """

    stem: ClassVar = "dilation"
    settings: ClassVar = ("rate", "kernel", "filter", "x", "y", "rates")
    kernel_only: ClassVar = ("answer",)
    _esm = bundle("dilation")

    rate = traitlets.Int(2, min=1, max=12).tag(sync=True)
    kernel = traitlets.Enum((3, 5, 7), 3).tag(sync=True)
    filter = traitlets.Enum(("edges", "vertical edges", "blur"), "edges").tag(sync=True)
    x = traitlets.Int(51, min=0, max=SIZE[1] - 1).tag(sync=True)
    y = traitlets.Int(42, min=0, max=SIZE[0] - 1).tag(sync=True)
    rates = traitlets.List(traitlets.Int(min=1, max=16), [2, 2, 2], minlen=1, maxlen=7).tag(sync=True)
    show = traitlets.Enum(("all", "layer", "stack", "rate"), "all").tag(sync=True)
    photo = traitlets.Unicode(PHOTO, read_only=True).tag(sync=True)
    photo_png = traitlets.Bytes(read_only=True).tag(sync=True)
    answer = traitlets.Dict(help="the kernel's own answer to the settings it names").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._image = photograph(PHOTO, size=SIZE, gray=True)[0]  # H W
        self.set_trait("photo_png", _png(self._image))
        self.observe(self._answer, ["rate", "kernel", "filter"])
        self._answer()

    def _answer(self, _change: object = None) -> None:
        """Run the layer now shown in PyTorch, on the GPU if there is one."""
        device = live_device()
        image = self._image.to(device)
        weights = filter_weights(self.filter, self.kernel)
        maps = torch.zeros(1, CHANNELS, *SIZE, device=device)
        layer = torch.zeros(CHANNELS, CHANNELS, self.kernel, self.kernel, device=device)
        with torch.inference_mode():
            result, _ = timed(lambda: dilated_response(image, weights, self.rate), device, repeats=1)
            padding = self.rate * (self.kernel // 2)
            _, milliseconds = timed(lambda: F.conv2d(maps, layer, dilation=self.rate, padding=padding), device)
        self.answer = {
            "rate": self.rate,
            "kernel": self.kernel,
            "filter": self.filter,
            "by": f"PyTorch {torch.__version__.split('+')[0]} on {device_name(device)}",
            "milliseconds": round(milliseconds, 2),
            "channels": CHANNELS,
            "pixels": result.float().cpu().numpy().tobytes(),
        }

    def alt(self) -> str:
        """What the still picture shows."""
        span = self.rate * (self.kernel - 1) + 1
        return (
            f"A photograph of a cat with the {self.kernel**2} taps of a {self.kernel} by {self.kernel} kernel at rate "
            f"{self.rate}, which span {span} by {span} pixels, and beside it the result of the convolution."
        )

    def picture(self) -> Image.Image:
        """Photograph with the taps, and the result."""
        zoom = 4
        height, width = SIZE
        photo = (
            Image.fromarray(_gray8(self._image))
            .convert("RGB")
            .resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
        )
        draw = ImageDraw.Draw(photo)
        half = self.kernel // 2
        for dy in range(-half, half + 1):
            for dx in range(-half, half + 1):
                left, top = (self.x + dx * self.rate) * zoom, (self.y + dy * self.rate) * zoom
                draw.rectangle((left, top, left + zoom - 1, top + zoom - 1), fill="#E69F00")
        reach = half * self.rate
        box = [
            (self.x - reach) * zoom - 2,
            (self.y - reach) * zoom - 2,
            (self.x + reach + 1) * zoom + 1,
            (self.y + reach + 1) * zoom + 1,
        ]
        draw.rectangle(box, outline="#E69F00", width=2)
        response = dilated_response(self._image, filter_weights(self.filter, self.kernel), self.rate)
        shade = response if self.filter == "blur" else 0.5 + 2 * response
        result = Image.fromarray(_gray8(shade)).convert("RGB").resize(photo.size, Image.Resampling.NEAREST)
        ImageDraw.Draw(result).rectangle((0, 0, result.width - 1, result.height - 1), outline="#009E73", width=4)
        sheet = Image.new("RGB", (2 * photo.width + 24, photo.height), "white")
        sheet.paste(photo, (0, 0))
        sheet.paste(result, (photo.width + 24, 0))
        return sheet


def _gray8(image: Tensor) -> Any:
    return image.mul(255).round().clamp(0, 255).byte().numpy()


def _png(image: Tensor) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(_gray8(image)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
