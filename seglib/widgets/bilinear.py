"""`BilinearExplorer`: an enlarged pixel's four neighbours, and their weights as areas."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
import traitlets
from PIL import Image
from torch import Tensor

from seglib.widgets.base import Widget, bundle, device_name, live_device
from seglib.widgets.field_picture import INPUT, OUTPUT
from seglib.widgets.number_picture import NumberPicture
from seglib.widgets.transposed_convolution import enlarged, kernel_weights

VALUES = [[1, 4, 2, 6], [7, 9, 3, 1], [2, 5, 8, 4], [6, 0, 3, 9]]
GRIDS = ("half pixels", "corners", "whole steps")
METHODS = ("interpolate", "transposed convolution")


def output_size(grid: str, scale: int) -> int:
    """Pixels along a side of the enlarged map."""
    return (len(VALUES) - 1) * scale + 1 if grid == "whole steps" else len(VALUES) * scale


def layer(grid: str, scale: int) -> dict[str, int]:
    """Kernel, stride and padding of the transposed convolution whose pixels lie on the grid."""
    kernel = 2 * scale - scale % 2 if grid == "half pixels" else 2 * scale - 1
    padding = (kernel - scale + (scale - 1 if grid == "whole steps" else 0)) // 2
    return {"kernel": kernel, "stride": scale, "padding": padding}


def upsampled(grid: str, method: str, scale: int, device: torch.device | None = None) -> Tensor:
    """The enlarged map, by PyTorch.

    Args:
        grid: "half pixels" (`align_corners=False`), "corners" (`align_corners=True`, as large) or "whole steps"
            (`align_corners=True`, to (n - 1) * scale + 1 pixels).
        method: "interpolate" or "transposed convolution"; the latter not on the grid "corners".
        scale: 2 to 4.
        device: where to compute, the CPU if not given.

    Returns:
        float64, `H W`.
    """
    values = torch.tensor(VALUES, dtype=torch.float64, device=device)
    if method == "transposed convolution":
        steps = layer(grid, scale)
        weights = kernel_weights("bilinear", steps.pop("kernel")).to(values)
        return enlarged(values, weights, **steps)
    size = output_size(grid, scale)
    corners = grid != "half pixels"
    return F.interpolate(values[None, None], (size, size), mode="bilinear", align_corners=corners)[0, 0]


class BilinearExplorer(Widget):
    """Bilinear enlargement of a small map: choose an output pixel, and see what it is mixed from.

    Args:
        scale: 2, 3 or 4.
        grid: where the output's pixel centres fall: "half pixels" (`align_corners=False`), "corners"
            (`align_corners=True`) or "whole steps" (`align_corners=True` with (n - 1) * scale + 1 pixels).
        method: "interpolate", or "transposed convolution" with the bilinear kernel, which finds zeros beyond the
            border.
        x: column of the output pixel, 0 to 15; one outside means the last.
        y: its row, likewise.
        key: name in the page's address.

    Raises:
        traitlets.TraitError: a value is outside its range, or no transposed convolution has this grid.
    """

    stem: ClassVar = "bilinear"
    settings: ClassVar = ("scale", "grid", "method", "x", "y")
    kernel_only: ClassVar = ("answer",)
    _esm = bundle("bilinear")

    scale = traitlets.Int(3, min=2, max=4).tag(sync=True)
    grid = traitlets.Enum(GRIDS, GRIDS[0]).tag(sync=True)
    method = traitlets.Enum(METHODS, METHODS[0]).tag(sync=True)
    x = traitlets.Int(5, min=0, max=15).tag(sync=True)
    y = traitlets.Int(3, min=0, max=15).tag(sync=True)
    answer = traitlets.Dict(help="the kernel's own answer to the settings it names").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.observe(self._answer, ["scale", "grid", "method"])
        self._answer()

    @traitlets.validate("grid", "method")
    def _legal(self, proposal: dict) -> str:
        pair = {"grid": self.grid, "method": self.method, proposal["trait"].name: proposal["value"]}
        if pair == {"grid": "corners", "method": "transposed convolution"}:
            raise traitlets.TraitError(
                "grid='corners' and method='transposed convolution' do not go together: no kernel has these steps"
            )
        return proposal["value"]

    def _answer(self, _change: object = None) -> None:
        """Enlarge the map in PyTorch, for the page to hold against its own numbers."""
        device = live_device()
        self.answer = {
            "about": [self.scale, self.grid, self.method],
            "by": f"PyTorch {torch.__version__.split('+')[0]} on {device_name(device)}",
            "output": upsampled(self.grid, self.method, self.scale, device).flatten().tolist(),
        }

    def alt(self) -> str:
        """What the still picture shows."""
        size = output_size(self.grid, self.scale)
        return (
            f"A map of 4 by 4 numbers and the {size} by {size} numbers that bilinear enlargement by {self.scale} makes "
            f"of it, with align_corners={self.grid != 'half pixels'}, by {self.method}."
        )

    def picture(self) -> Image.Image:
        """The small map and the large one, with their numbers."""
        picture = NumberPicture()
        picture.grid("Input", [[float(value) for value in row] for row in VALUES], INPUT, side=420)
        result = upsampled(self.grid, self.method, self.scale)
        left, top, cell = picture.grid("Output", result.tolist(), OUTPUT, side=600)
        size = len(result)
        x, y = left + min(self.x, size - 1) * cell, top + min(self.y, size - 1) * cell
        picture.draw.rectangle((x, y, x + cell, y + cell), outline="#1f2328", width=5)
        return picture.image()
