"""Bilinear upsampling, against PyTorch's transposed convolution and interpolation."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from seglib.models._upsampling import BilinearUpsampling, bilinear_kernel, learned_upsampling


def transposed(channels: int, stride: int, padding: int) -> nn.ConvTranspose2d:
    """What the release has: a grouped transposed convolution with the bilinear kernel."""
    layer = nn.ConvTranspose2d(channels, channels, 2 * stride, stride, padding, groups=channels, bias=False).double()
    with torch.no_grad():
        layer.weight[:] = bilinear_kernel(2 * stride)
    return layer


@pytest.mark.parametrize(("size", "middle"), [(3, [0.5, 1, 0.5]), (4, [0.25, 0.75, 0.75, 0.25]), (2, [0.5, 0.5])])
def test_kernel_is_a_pyramid(size, middle):
    kernel = bilinear_kernel(size)
    assert torch.allclose(kernel, torch.outer(torch.tensor(middle), torch.tensor(middle)))


def test_kernel_of_the_release():
    # surgery.py of FCN's release, for size 64: (1 - |og - center| / factor) in both directions
    og = torch.arange(64, dtype=torch.float64)
    line = 1 - (og - 31.5).abs() / 32
    torch.testing.assert_close(bilinear_kernel(64).double(), torch.outer(line, line))


@given(
    channels=st.integers(1, 3),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    stride=st.sampled_from([2, 4, 8, 16]),
    share=st.integers(0, 2),
    seed=st.integers(0, 99),
)
def test_equals_the_transposed_convolution_at_every_pixel(channels, height, width, stride, share, seed):
    padding = share * stride // 2 if share < 2 else stride // 2 - 1
    x = torch.randn(2, channels, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    ours = BilinearUpsampling(stride, padding=padding)(x)
    torch.testing.assert_close(ours, transposed(channels, stride, padding)(x), rtol=0, atol=1e-12)


def test_interior_equals_interpolate_and_the_border_does_not():
    x = torch.rand(1, 1, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 1
    ours = BilinearUpsampling(8, padding=4)(x)
    plain = F.interpolate(x, scale_factor=8, mode="bilinear", align_corners=False)
    torch.testing.assert_close(ours[:, :, 4:-4, 4:-4], plain[:, :, 4:-4, 4:-4], rtol=0, atol=1e-12)
    # zeros beyond the border pull the outer half pixel down; `interpolate` repeats the border instead
    assert (ours[:, :, 0] < plain[:, :, 0]).all()


def test_learned_layer_starts_as_the_frozen_one():
    x = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(learned_upsampling(3, 4, padding=2)(x), BilinearUpsampling(4, padding=2)(x))


def test_gradient_of_the_frozen_layer():
    x = torch.rand(1, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(BilinearUpsampling(4, padding=1), x)


@pytest.mark.parametrize("stride", [0, 1, 3])
def test_odd_stride_is_refused(stride):
    with pytest.raises(ValueError, match=f"stride={stride} must be even"):
        BilinearUpsampling(stride)


def test_padding_beyond_the_stride_is_refused():
    with pytest.raises(ValueError, match="padding=5 must lie between 0 and the stride, 4"):
        BilinearUpsampling(4, padding=5)
