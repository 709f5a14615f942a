"""Overlap-tile against the whole image in one piece, for networks and images of many sizes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from seglib import models
from seglib.models import overlap_tile
from seglib.models.overlap_tile import mirrored


class Shrinking(nn.Module):
    """Two valid 3 x 3 convolutions around a pool and an up-convolution: margin 5, stride 2; sizes are even."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(2, 3, 3)
        self.pool = nn.MaxPool2d(2)
        self.deep = nn.Conv2d(3, 3, 5)
        self.up = nn.ConvTranspose2d(3, 4, 2, stride=2)
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, x: Tensor) -> Tensor:
        assert not any(side % 2 for side in x.shape[2:])
        self.sizes.append(tuple(x.shape))
        return self.up(self.deep(self.pool(self.down(x))))


def shrinking() -> Shrinking:
    torch.manual_seed(0)
    return Shrinking().double().eval()


def in_one_piece(model: nn.Module, image: Tensor, margin: int, stride: int) -> Tensor:
    """NumPy mirrors the image; on the right and at the bottom so far that its size is legal."""
    height, width = image.shape[2:]
    more = [-height % stride, -width % stride]
    pads = [(0, 0), (0, 0), (margin, margin + more[0]), (margin, margin + more[1])]
    with torch.no_grad():
        scores = model(torch.from_numpy(np.pad(image.numpy(), pads, mode="reflect")))
    return scores[:, :, :height, :width]


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 5),
    st.integers(1, 2),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_tiles_equal_the_whole_image(height, width, tall, wide, batch_size, count):
    model = shrinking()
    generator = torch.Generator().manual_seed(height * 41 + width)
    image = torch.rand(count, 2, height, width, dtype=torch.float64, generator=generator)
    whole = in_one_piece(model, image, 5, 2)
    model.sizes.clear()
    tile = (10 + 2 * tall, 10 + 2 * wide)
    scores = overlap_tile(model, image, tile=tile, margin=5, stride=2, batch_size=batch_size)
    torch.testing.assert_close(scores, whole)
    assert all(n <= batch_size * count and h <= tile[0] and w <= tile[1] for n, _, h, w in model.sizes)


@given(st.integers(1, 130), st.integers(1, 130), st.sampled_from([204, 236]))
@settings(max_examples=6, deadline=None, derandomize=True)
def test_unet_tile_by_tile_equals_the_whole_image(height, width, tile):
    torch.manual_seed(0)
    model = models.create("unet", num_classes=2, width=1 / 32).double().eval()
    image = torch.rand(1, 3, height, width, dtype=torch.float64)
    rows, columns = (mirrored(side, -92, side + 92 + (4 - side) % 16) for side in (height, width))
    with torch.no_grad():
        whole = model(image[:, :, rows][:, :, :, columns])[:, :, :height, :width]
    torch.testing.assert_close(overlap_tile(model, image, tile=tile), whole)


@given(st.integers(1, 9), st.integers(0, 40), st.integers(0, 40))
@settings(deadline=None, derandomize=True)
def test_mirror_is_numpys_reflect(size, before, after):
    expected = np.pad(np.arange(size), (before, after), mode="reflect" if size > 1 else "edge")
    assert mirrored(size, -before, size + after).tolist() == expected.tolist()


@pytest.mark.parametrize("step", [2, 4, 6])
def test_any_multiple_of_the_stride_gives_the_same(step):
    model, image = shrinking(), torch.rand(1, 2, 17, 23, dtype=torch.float64)
    scores = overlap_tile(model, image, tile=16, margin=5, stride=2, step=step)
    torch.testing.assert_close(scores, in_one_piece(model, image, 5, 2))


def test_papers_tile_moves_by_384_pixels():
    """It answers for 388, which is no multiple of 16."""
    seen = []

    class Middle(nn.Module):
        def forward(self, x):
            seen.append(x[0, 0, 92, 92].item())
            return x[:, :, 92:-92, 92:-92]

    image = torch.arange(1000.0)[None, None, None].expand(1, 1, 500, 1000)
    scores = overlap_tile(Middle(), image)
    assert torch.equal(scores, image)
    assert sorted(set(seen)) == [0, 384, 768]


def test_small_images_take_small_tiles():
    model = shrinking()
    overlap_tile(model, torch.rand(1, 2, 5, 40, dtype=torch.float64), tile=30, margin=5, stride=2)
    assert {shape[2] for shape in model.sizes} == {16}
    assert {shape[3] for shape in model.sizes} == {30}


def test_nothing_is_kept_for_a_way_back_and_the_mode_stays():
    model = shrinking().train()
    scores = overlap_tile(model, torch.rand(1, 2, 8, 8, dtype=torch.float64), tile=20, margin=5, stride=2)
    assert not scores.requires_grad
    assert model.training


IMAGE = torch.zeros(1, 2, 20, 20, dtype=torch.float64)


@pytest.mark.parametrize(
    ("image", "options", "error", "message"),
    [
        (IMAGE[0], {}, ValueError, r"wants a batch of images.*\(2, 20, 20\)"),
        (IMAGE[:, :, :0], {}, ValueError, r"wants a batch of images.*\(1, 2, 0, 20\)"),
        (IMAGE.long(), {}, TypeError, "floating point; got torch.int64"),
        (IMAGE, {"tile": 11}, ValueError, "tile of height 11 scores 1 px, less than the stride of 2.*take 12 or more"),
        (IMAGE, {"tile": (20, 9)}, ValueError, "tile of width 9 scores 0 px"),
        (IMAGE, {"tile": (20, 20, 20)}, ValueError, r"tile=\(20, 20, 20\) must be one side"),
        (IMAGE, {"step": 3}, ValueError, "step=3 must be a multiple of the stride of 2 px.*10 at most"),
        (IMAGE, {"step": 12}, ValueError, "step=12 .* at most the 10 px"),
        (IMAGE, {"step": 0}, ValueError, "step=0 must be"),
        (IMAGE, {"stride": 0}, ValueError, "stride=0 must be a whole number"),
        (IMAGE, {"margin": -1}, ValueError, "margin=-1 must be"),
        (IMAGE, {"batch_size": 0}, ValueError, "batch_size=0 must be"),
        (IMAGE, {"margin": 4}, ValueError, r"returned \(1, 4, 10, 10\) for tiles of 20 x 20.*N K 12 12"),
    ],
    ids=str,
)
def test_bad_input_is_named(image, options, error, message):
    with pytest.raises(error, match=message):
        overlap_tile(shrinking(), image, **({"tile": 20, "margin": 5, "stride": 2} | options))


def test_illegal_tile_is_refused_by_the_network_itself():
    model = models.create("unet", num_classes=2, width=1 / 32).eval()
    with pytest.raises(ValueError, match=r"height 210 should be 204 or 220"):
        overlap_tile(model, torch.zeros(1, 3, 300, 300), tile=210)
