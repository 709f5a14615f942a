"""Receptive fields against gradients: random graphs, and operations one by one."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from seglib.receptive_field import receptive_field
from tests.receptive_field.gradients import seen_by, without_cancellation

CHANNELS = 2
LARGEST = 300  # side of a map
MARGIN = 16  # a field so far inside the image that no padding or crop can touch it


class Function(nn.Module):
    """A function as a module without parameters."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Branches(nn.Module):
    """Branches that need not be aligned, cropped at the top left to a common size, and added or concatenated."""

    def __init__(self, *branches: nn.Module, concatenate: bool):
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.concatenate = concatenate
        self.mix = nn.Conv2d(CHANNELS * len(branches), CHANNELS, 1)

    def forward(self, x):
        maps = [branch(x) for branch in self.branches]
        height, width = (min(m.shape[d] for m in maps) for d in (2, 3))
        maps = [m[:, :, :height, :width] for m in maps]
        return self.mix(torch.cat(maps, dim=1)) if self.concatenate else sum(maps[1:], maps[0])


@st.composite
def convolutions(draw):
    k, d = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    options = {"stride": draw(st.integers(1, 2)), "padding": draw(st.integers(0, 3)), "dilation": d}
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    groups = draw(st.sampled_from([1, CHANNELS]))
    return nn.Conv2d(CHANNELS, CHANNELS, (k, draw(st.integers(1, 4))), padding_mode=mode, groups=groups, **options)


@st.composite
def same_convolutions(draw):
    """Of the size of their input, for residual branches."""
    k, d = draw(st.sampled_from([(1, 1), (2, 2), (3, 1), (3, 2), (3, 3), (4, 2), (5, 1)]))  # others make torch warn
    return nn.Conv2d(CHANNELS, CHANNELS, k, padding="same", dilation=d)


@st.composite
def poolings(draw):
    k = draw(st.integers(2, 3))
    return nn.AvgPool2d(k, draw(st.integers(1, 3)), padding=draw(st.integers(0, k // 2)), ceil_mode=draw(st.booleans()))


@st.composite
def transposed_convolutions(draw):
    s = draw(st.integers(1, 3))
    k = draw(st.integers(s, 5))  # smaller ones leave holes
    options = {"stride": s, "padding": draw(st.integers(0, 2)), "output_padding": draw(st.integers(0, s - 1))}
    return nn.ConvTranspose2d(CHANNELS, CHANNELS, k, **options)


@st.composite
def upsamplings(draw):
    mode = draw(st.sampled_from(["nearest", "nearest-exact", "bilinear"]))
    corners = {"align_corners": draw(st.booleans())} if mode == "bilinear" else {}
    return nn.Upsample(scale_factor=draw(st.sampled_from([2, 1.5])), mode=mode, **corners)


@st.composite
def rearrangements(draw):
    a, b, c, d = (draw(st.integers(-2, 2)) for _ in range(4))
    return draw(
        st.sampled_from(
            [
                nn.ReLU(),
                nn.BatchNorm2d(CHANNELS),
                Function(lambda x: F.pad(x, (a, b, c, d))),
                Function(lambda x: x[:, :, abs(a) :, abs(b) : x.shape[3] - 1]),
                Function(lambda x: x[:, :, abs(a) :: 2, :: abs(b) + 1]),
                Function(
                    lambda x: (
                        F.pixel_unshuffle(x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2], 2)[:, ::4]
                        + F.avg_pool2d(x, 2)
                    )
                ),
                nn.Sequential(nn.Conv2d(CHANNELS, 4 * CHANNELS, 1), nn.PixelShuffle(2)),
            ]
        )
    )


LAYERS = st.one_of(convolutions(), poolings(), transposed_convolutions(), upsamplings(), rearrangements())


@st.composite
def graphs(draw):
    """Chains of layers, with residual, misaligned and concatenated branches."""
    blocks = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["chain", "residual", "branches"]))
        chain = [draw(LAYERS) for _ in range(draw(st.integers(1, 2)))]
        if kind == "residual":
            chain = [Branches(nn.Identity(), draw(same_convolutions()), concatenate=draw(st.booleans()))]
        if kind == "branches":
            s = draw(st.integers(1, 2))
            arms = [
                nn.Conv2d(CHANNELS, CHANNELS, draw(st.integers(1, 4)), stride=s, padding=draw(st.integers(0, 3)))
                for _ in range(2)
            ]
            chain = [Branches(*arms, concatenate=draw(st.booleans()))]
        blocks += chain
    return without_cancellation(nn.Sequential(*blocks))


def assert_fields(model: nn.Module, size: tuple[int, int, int], margin: int = MARGIN) -> int:
    """Compare units of several phases near the centre; how many of them see no border."""
    field = receptive_field(model, size)
    height, width = field.output_size
    boxes = {}
    for y, x in [(height // 2 + n, width // 2 - n) for n in range(-2, 3)]:
        if 0 <= y < height and 0 <= x < width:
            top, left, bottom, right = field.box(y, x)
            assert (bottom - top, right - left) in field.sizes
            if top >= margin and left >= margin and bottom <= size[1] - margin and right <= size[2] - margin:
                boxes[y, x] = (top, left, bottom, right)
    torch.manual_seed(0)
    image = torch.rand(1, *size, dtype=torch.float64) + 0.5
    assert dict(zip(boxes, seen_by(model, image, list(boxes)), strict=True)) == boxes
    return len(boxes)


def accepts(model: nn.Sequential, size: tuple[int, int, int]) -> bool:
    """Whether layer after layer leaves something of an image of this size, and no map is too large for a quick test."""
    x = torch.zeros(1, *size, dtype=torch.float64)
    try:
        with torch.no_grad():
            for layer in model:
                x = layer(x)
                if not 0 < x.numel() <= CHANNELS * LARGEST**2:
                    return False
    except RuntimeError:
        return False
    return True


@given(graphs(), st.integers(80, 91), st.integers(80, 91))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_random_graphs_see_what_their_gradients_say(model, height, width):
    size = (CHANNELS, height, width)
    assume(accepts(model, size))
    assume(assert_fields(model, size) > 0)


def pool_by_view(x):
    n, c, h, w = x.shape
    return x.view(n, c, h // 2, 2, w // 2, 2).mean(dim=(3, 5))


def shuffle_by_view(x):
    n, c, h, w = x.shape
    return x.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)


def mix_channels_last(x):
    weight = torch.ones(x.shape[1], 3, dtype=x.dtype)
    return (x.permute(0, 2, 3, 1) @ weight).permute(0, 3, 1, 2)


def mix_flattened(x):
    tokens = x.flatten(2).transpose(1, 2)
    tokens = F.linear(F.layer_norm(tokens, tokens.shape[-1:]), torch.rand(4, tokens.shape[-1], dtype=x.dtype))
    return tokens.transpose(1, 2).reshape(x.shape)


def convolve_by_unfold(x):
    columns = F.unfold(x, 3, dilation=2)
    weight = torch.ones(2, columns.shape[1], dtype=x.dtype)
    return (weight @ columns).view(x.shape[0], 2, x.shape[2] - 4, x.shape[3] - 4)


def blend_patches(x):
    """Patches, each replaced by a mix of its entries, added up again."""
    columns = F.unfold(x, 4, stride=2)
    mixed = torch.rand(columns.shape[1], columns.shape[1], dtype=x.dtype) @ columns
    return F.fold(mixed, x.shape[2:], 4, stride=2)


def shuffle_channels(x):
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).flatten(1, 2)


def windowed_attention(x):
    """Attention within windows of 4 x 4."""
    n, c, h, w = x.shape
    x = x / 100  # a softmax that is not saturated
    tokens = x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, c)
    tokens = F.scaled_dot_product_attention(tokens, tokens, tokens)
    return tokens.view(n, h // 4, w // 4, 4, 4, c).permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)


def pool_halves(x):
    """Each half of the channels by a pool of its own."""
    one, other = x.split(2, dim=1)
    return F.avg_pool2d(one, 3, 1, 1) + F.avg_pool2d(other, 5, 1, 2)


def misaligned_maximum(x):
    return torch.max(F.avg_pool2d(x, 5, 1), x[:, :, 3:-1, 1:-3])


def conv(k: int = 3, **options) -> nn.Conv2d:
    return nn.Conv2d(4, 4, k, **options)


OPERATIONS = {
    "local response normalisation": nn.Sequential(conv(), nn.LocalResponseNorm(3)),
    "lp pooling": nn.LPPool2d(2, 3, stride=2),
    "softmax over channels": nn.Sequential(conv(stride=2), nn.Softmax(dim=1)),
    "glu": nn.Sequential(conv(stride=2), nn.GLU(dim=1)),
    "chunk and multiply": nn.Sequential(conv(), Function(lambda x: torch.mul(*x.chunk(2, dim=1)))),
    "split": Function(pool_halves),
    "maximum of two": Function(lambda x: torch.max(F.avg_pool2d(x, 5, 1), 2 * F.avg_pool2d(x, 5, 1))),
    "pooling by view": nn.Sequential(conv(padding=1), Function(pool_by_view)),
    "pixel shuffle by view": nn.Sequential(conv(padding=1), Function(shuffle_by_view)),
    "pixel shuffle": nn.Sequential(nn.Conv2d(4, 8, 3, stride=2), nn.PixelShuffle(2), nn.Conv2d(2, 2, 2)),
    "pixel unshuffle": nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(16, 2, 3)),
    "channels last matrix product": nn.Sequential(conv(5, dilation=2), Function(mix_channels_last)),
    "linear on tokens": nn.Sequential(conv(stride=2), Function(mix_flattened)),
    "einsum": nn.Sequential(
        conv(), Function(lambda x: torch.einsum("bchw,cd->bdhw", x, torch.rand(4, 3, dtype=x.dtype)))
    ),
    "convolution by unfold": Function(convolve_by_unfold),
    "fold": Function(blend_patches),
    "sliding windows": Function(lambda x: x.unfold(2, 5, 2).sum(dim=-1)),
    "channel shuffle": nn.Sequential(conv(groups=4), Function(shuffle_channels), conv(2)),
    "repeat_interleave": nn.Sequential(conv(stride=2), Function(lambda x: x.repeat_interleave(2, dim=2))),
    "window attention": nn.Sequential(conv(padding=1), Function(windowed_attention)),
    "transposed image": Function(lambda x: F.avg_pool2d(x.transpose(2, 3), (3, 5), stride=1).transpose(2, 3)),
    "in-place ReLU": nn.Sequential(conv(), nn.ReLU(inplace=True), conv(2)),
    "in-place sum": Function(lambda x: F.avg_pool2d(x, 3, 1, 1).add_(x)),
    "stacked branches": Function(lambda x: torch.stack([F.avg_pool2d(x, 5, 1), x[:, :, 1:-3, 3:-1]], dim=1).sum(dim=1)),
    "area interpolation": Function(lambda x: F.interpolate(x, size=(x.shape[2] // 3, x.shape[3] // 2), mode="area")),
    "antialiased shrinking": Function(
        lambda x: F.interpolate(x, size=(x.shape[2] * 2 // 5, x.shape[3] // 3), mode="bilinear", antialias=True)
    ),
    "depthwise transposed convolution": nn.ConvTranspose2d(4, 4, 4, stride=2, padding=1, groups=4, bias=False),
    "dilated transposed convolution": nn.ConvTranspose2d(4, 4, 3, stride=2, dilation=3),
    "dilated transposed convolution with gaps": nn.Sequential(
        nn.ConvTranspose2d(4, 4, 3, stride=2, dilation=3), conv(2, dilation=2)
    ),
    "holes": nn.Sequential(nn.ConvTranspose2d(4, 4, 1, stride=2, bias=False), conv(2)),
    "odd sizes resized to a skip": Function(
        lambda x: x + F.interpolate(F.avg_pool2d(x, 5, 2), size=x.shape[2:], mode="bilinear", align_corners=True)
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_sees_what_its_gradient_says(name):
    model = without_cancellation(OPERATIONS[name])
    assert assert_fields(model, (4, 84, 96), margin=8) == 5
