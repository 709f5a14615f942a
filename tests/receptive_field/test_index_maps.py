"""Index maps against the gradients of the operations that they stand for."""

from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F

from seglib.receptive_field.index_maps import Bins, Reach, Spread, Window, union
from seglib.receptive_field.kernels import resampling, scale_of

LENGTH = 12


def jacobian_taps(operation, length: int = LENGTH) -> list[set[int]]:
    """Which inputs each output of an operation on one row reads, by gradients."""
    row = torch.rand(1, 1, 1, length, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(operation, row).reshape(-1, length).abs()
    return [set(torch.nonzero(line > 1e-9).flatten().tolist()) for line in jacobian]


def assert_taps(index_map, found: list[set[int]], length: int = LENGTH) -> None:
    """Compare where no tap lies outside of the row: at the border operations pad, clamp or ignore."""
    compared = 0
    for i, taps in enumerate(found):
        expected = set(index_map.taps(i))
        if expected <= set(range(length)):
            compared += 1
            assert taps == expected, f"output {i} of {index_map}"
    assert compared > 0
    for i in range(-5, 5):
        moved = {tap + index_map.rate * index_map.period for tap in index_map.taps(i)}
        assert moved == set(index_map.taps(i + index_map.period))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("s", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_convolution_and_its_transpose_read_what_their_gradients_say(k, s, d):
    kernel = torch.rand(1, 1, 1, k, dtype=torch.float64) + 0.5
    for p in (0, 1, 2):
        options = {"stride": (1, s), "dilation": (1, d)}
        found = jacobian_taps(lambda row, p=p, o=options: F.conv2d(row, kernel, padding=(0, p), **o))
        assert_taps(Window(s, -p, k, d), found)
        found = jacobian_taps(lambda row, p=p, o=options: F.conv_transpose2d(row, kernel, padding=(0, p), **o))
        assert_taps(Spread(s, p, k, d), found)


@pytest.mark.parametrize(
    ("operation", "mode", "options"),
    [
        ("upsample_nearest2d", "nearest", {}),
        ("_upsample_nearest_exact2d", "nearest-exact", {}),
        ("upsample_bilinear2d", "bilinear", {"align_corners": False}),
        ("upsample_bilinear2d", "bilinear", {"align_corners": True}),
        ("_upsample_bilinear2d_aa", "bilinear", {"align_corners": False, "antialias": True}),
        ("_upsample_bilinear2d_aa", "bilinear", {"align_corners": True, "antialias": True}),
        ("upsample_bicubic2d", "bicubic", {"align_corners": False}),
        ("upsample_bicubic2d", "bicubic", {"align_corners": True}),
        ("_upsample_bicubic2d_aa", "bicubic", {"align_corners": False, "antialias": True}),
        ("_upsample_bicubic2d_aa", "bicubic", {"align_corners": True, "antialias": True}),
    ],
)
@pytest.mark.parametrize("new", [5, 6, 8, 12, 18, 24, 25, 31, 36])
def test_interpolation_to_a_size_reads_what_its_gradient_says(operation, mode, options, new):
    found = jacobian_taps(lambda row: F.interpolate(row, size=(1, new), mode=mode, **options))
    corners = options.get("align_corners", False)
    assert_taps(resampling(operation, scale_of(LENGTH, new, None, corners), corners), found)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("factor", [0.4, 0.5, 1.25, 1.5, 1.7, 2.0, 2.5, 3.0])
def test_interpolation_by_a_factor_uses_the_factor_and_not_the_ratio_of_sizes(mode, factor):
    found = jacobian_taps(lambda row: F.interpolate(row, scale_factor=(1.0, factor), mode=mode))
    assert_taps(resampling(f"upsample_{mode}2d", scale_of(LENGTH, len(found), factor, False), False), found)


@pytest.mark.parametrize("new", [1, 2, 3, 5, 7, 8, 12, 17])
def test_adaptive_pooling_reads_what_its_gradient_says(new):
    found = jacobian_taps(lambda row: F.adaptive_avg_pool2d(row, (1, new)))
    assert_taps(Bins(Fraction(LENGTH, new)), found)


def test_a_transposed_convolution_of_a_small_kernel_leaves_holes():
    assert [Spread(3, 0, 1).taps(i) for i in range(4)] == [[0], [], [], [1]]


def test_union_keeps_gaps():
    both = union([Reach(3, 0b1), Reach(0, 0), Reach(-2, 0b11)])
    assert both == Reach(-2, 0b100011)
    assert both.span == (-2, 4)
    assert both.moved(5) == Reach(3, 0b100011)
