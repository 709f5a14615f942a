"""`TransposedConvolutionExplorer`: one layer as stamps, as a convolution of a map with zeros in it, and as a matrix."""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
import traitlets
from PIL import Image
from torch import Tensor

from seglib.widgets.base import Widget, bundle, device_name, live_device
from seglib.widgets.field_picture import INPUT, KERNEL, OUTPUT
from seglib.widgets.number_picture import NumberPicture

NUMBERS = [[2, 1, 3, 1, 2], [0, 3, 1, 2, 1], [1, 2, 2, 0, 3], [3, 1, 0, 2, 1], [1, 0, 2, 3, 1]]
LAYER = ("dims", "size", "kernel", "stride", "padding", "output_padding", "weights", "values")


def kernel_weights(name: str, kernel: int, dims: str = "grid") -> Tensor:
    """The weights that the reader can choose.

    Args:
        name: "ones", "bilinear" (FCN's pyramid) or "numbers" (1, 2, 3 and so on).
        kernel: taps along a side.
        dims: "grid", or "row" for a kernel of one row.

    Returns:
        float64, `kernel kernel` or `1 kernel`.

    Raises:
        ValueError: there are no weights of that name.
    """
    rows = kernel if dims == "grid" else 1
    if name == "ones":
        return torch.ones(rows, kernel, dtype=torch.float64)
    if name == "numbers":
        return torch.arange(1, rows * kernel + 1, dtype=torch.float64).view(rows, kernel)
    if name == "bilinear":
        factor = (kernel + 1) // 2
        centre = factor - 1 if kernel % 2 else factor - 0.5
        line = 1 - (torch.arange(kernel, dtype=torch.float64) - centre).abs() / factor
        return line[:, None] * line if dims == "grid" else line[None]
    raise ValueError(f"no weights are called {name!r}; choose ones, bilinear or numbers")


def input_values(name: str, size: int, dims: str = "grid") -> Tensor:
    """The map that is enlarged, "numbers" or "ones"; float64, `size size` or `1 size`."""
    rows = size if dims == "grid" else 1
    if name == "ones":
        return torch.ones(rows, size, dtype=torch.float64)
    return torch.tensor(NUMBERS, dtype=torch.float64)[:rows, :size]


def refusal(*, size: int, kernel: int, stride: int, padding: int, output_padding: int) -> str | None:
    """Why PyTorch refuses a transposed convolution, or None."""
    if output_padding >= stride:
        return f"output_padding={output_padding} must be smaller than stride={stride} (or the dilation, 1)"
    length = (size - 1) * stride - 2 * padding + kernel + output_padding
    if length < 1:
        return f"padding={padding} leaves an output of {length} pixels: it must be smaller, or the kernel larger"
    return None


def enlarged(
    values: Tensor, weights: Tensor, *, stride: int, padding: int = 0, output_padding: int = 0, dims: str = "grid"
) -> Tensor:
    """PyTorch's transposed convolution of a map `H W`; of a single row where `dims` is "row"."""
    steps = {"stride": stride, "padding": padding, "output_padding": output_padding}
    if dims == "row":
        return F.conv_transpose1d(values[None], weights[None], **steps)[0]
    return F.conv_transpose2d(values[None, None], weights[None, None], **steps)[0, 0]


class TransposedConvolutionExplorer(Widget):
    """A transposed convolution on small numbers, in three views: stamps, inserted zeros, a matrix.

    Args:
        size: values along a side of the input, 2 to 5.
        kernel: taps along a side, 1 to 5.
        stride: 1 to 4.
        padding: 0 to 4.
        output_padding: 0 to 3, less than the stride.
        weights: "ones", "bilinear" or "numbers".
        values: the input: "numbers" or "ones".
        dims: "grid" or "row": a two-dimensional or a one-dimensional layer.
        view: "scatter", "zeros" or "matrix".
        input: row and column of the input looked at; one outside means the last.
        output: row and column of the output looked at; one outside means the last.
        show: "all" views, or only the "one" that `view` names.
        key: name in the page's address.

    Raises:
        traitlets.TraitError: a value is outside its range, or PyTorch would refuse the layer; the message says which.
    """

    stem: ClassVar = "transposed_convolution"
    settings: ClassVar = (*LAYER, "view", "input", "output")
    kernel_only: ClassVar = ("answer",)
    _esm = bundle("transposed_convolution")

    size = traitlets.Int(3, min=2, max=5).tag(sync=True)
    kernel = traitlets.Int(3, min=1, max=5).tag(sync=True)
    stride = traitlets.Int(2, min=1, max=4).tag(sync=True)
    padding = traitlets.Int(0, min=0, max=4).tag(sync=True)
    output_padding = traitlets.Int(0, min=0, max=3).tag(sync=True)
    weights = traitlets.Enum(("ones", "bilinear", "numbers"), "numbers").tag(sync=True)
    values = traitlets.Enum(("numbers", "ones"), "numbers").tag(sync=True)
    dims = traitlets.Enum(("grid", "row"), "grid").tag(sync=True)
    view = traitlets.Enum(("scatter", "zeros", "matrix"), "scatter").tag(sync=True)
    input = traitlets.List(traitlets.Int(min=0, max=4), [1, 1], minlen=2, maxlen=2).tag(sync=True)
    output = traitlets.List(traitlets.Int(min=0, max=23), [2, 2], minlen=2, maxlen=2).tag(sync=True)
    show = traitlets.Enum(("all", "one"), "all").tag(sync=True)
    answer = traitlets.Dict(help="the kernel's own answer to the settings it names").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.observe(self._answer, list(LAYER))
        self._answer()

    @traitlets.validate("size", "kernel", "stride", "padding", "output_padding")
    def _legal(self, proposal: dict) -> int:
        layer = {name: getattr(self, name) for name in ("size", "kernel", "stride", "padding", "output_padding")}
        why = refusal(**{**layer, proposal["trait"].name: proposal["value"]})
        if why:
            raise traitlets.TraitError(why)
        return proposal["value"]

    def result(self) -> Tensor:
        """The output as PyTorch computes it, `H W`, on the GPU if there is one."""
        device = live_device()
        return enlarged(
            input_values(self.values, self.size, self.dims).to(device),
            kernel_weights(self.weights, self.kernel, self.dims).to(device),
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dims=self.dims,
        )

    def _answer(self, _change: object = None) -> None:
        """Run the layer now shown in PyTorch, for the page to hold against its own numbers."""
        self.answer = {
            "about": [getattr(self, name) for name in LAYER],
            "by": f"PyTorch {torch.__version__.split('+')[0]} on {device_name(live_device())}",
            "output": self.result().flatten().tolist(),
        }

    def alt(self) -> str:
        """What the still picture shows."""
        height, width = self.result().shape
        rows = self.size if self.dims == "grid" else 1
        return (
            f"An input of {rows} by {self.size} numbers, a kernel of {self.kernel} taps along a side, and the "
            f"{height} by {width} numbers of the transposed convolution with stride {self.stride}, padding "
            f"{self.padding} and output_padding {self.output_padding}."
        )

    def picture(self) -> Image.Image:
        """Input, kernel and output with their numbers."""
        picture = NumberPicture()
        picture.grid("Input", input_values(self.values, self.size, self.dims).tolist(), INPUT, side=240)
        picture.grid("Kernel", kernel_weights(self.weights, self.kernel, self.dims).tolist(), KERNEL, side=240)
        picture.grid(f"Output, stride {self.stride}", self.result().tolist(), OUTPUT, side=600)
        return picture.image()
