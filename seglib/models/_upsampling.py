"""Bilinear upsampling as the papers write it: a transposed convolution, its kernel fixed or learned from there on."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def bilinear_kernel(size: int) -> Tensor:
    """The kernel `size size` that a transposed convolution of stride (size + 1) // 2 needs to interpolate bilinearly.

    A pyramid: its rows fall off linearly from the middle, which lies on a tap for odd sizes and between two for even
    ones. Caffe's "bilinear" filler; FCN's release has the same in `surgery.py`.
    """
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 else factor - 0.5
    line = 1 - (torch.arange(size) - centre).abs() / factor
    return line[:, None] * line[None, :]


class BilinearUpsampling(nn.Module):
    """A transposed convolution with the frozen bilinear kernel of size 2 * stride, channel by channel; no parameters.

    `N C H W -> N C stride*(H+1)-2*padding stride*(W+1)-2*padding`, as `ConvTranspose2d(C, C, 2 * stride, stride,
    padding, groups=C, bias=False)`. It is computed by `interpolate` on the map with a ring of zeros around
    it, which is the same at every pixel, the border's too (tests/models/test_upsampling.py), and faster.
    """

    def __init__(self, stride: int, *, padding: int = 0):
        super().__init__()
        if stride < 2 or stride % 2:
            raise ValueError(f"stride={stride} must be even: the kernel's middle lies between two pixels")
        if not 0 <= padding <= stride:
            raise ValueError(f"padding={padding} must lie between 0 and the stride, {stride}")
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1))
        x = F.interpolate(x, scale_factor=self.stride, mode="bilinear", align_corners=False)
        edge = self.stride // 2 + self.padding
        return x[:, :, edge:-edge, edge:-edge]

    def extra_repr(self) -> str:
        return f"stride={self.stride}, padding={self.padding}"


def learned_upsampling(channels: int, stride: int, *, padding: int = 0) -> nn.ConvTranspose2d:
    """The same as a layer that learns: it starts bilinear on the diagonal, and 0 between different classes."""
    layer = nn.ConvTranspose2d(channels, channels, 2 * stride, stride, padding, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[range(channels), range(channels)] = bilinear_kernel(2 * stride).to(layer.weight)
    return layer


def zoom(x: Tensor, size: tuple[int, int], *, first: int) -> Tensor:
    """Bilinear interpolation by 8: score (i, j) lies at pixel (8i + first, 8j + first).

    Within the map it is `interpolate` to 8 (n - 1) + 1 pixels with corners aligned, Caffe's Interp layer; the outermost
    scores are repeated beyond it, for up to 8 pixels, and what is not in `size` is cropped.
    """
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    x = F.interpolate(x, (8 * x.shape[2] - 7, 8 * x.shape[3] - 7), mode="bilinear", align_corners=True)
    start = 8 - first
    return x[:, :, start : start + size[0], start : start + size[1]]
