"""The picture of what a dilated kernel reads: taps on the picture, taps in the padding, and taps beyond."""

import pytest
import torch
from matplotlib.colors import to_rgb

from seglib import plot

ORANGE = torch.tensor(to_rgb(plot.KERNEL))


def at(picture: torch.Tensor, row: int, column: int) -> list[float]:
    return picture[:, row, column].tolist()


def test_taps_lie_a_step_apart_around_the_middle():
    sheet = plot.taps(torch.zeros(3, 41, 61), (20, 30), kernel=3, step=12)
    assert sheet.shape == (3, 41, 61)
    assert sheet.dtype == torch.float32
    orange = (sheet == ORANGE[:, None, None]).all(0).nonzero()
    assert [orange[:, axis].unique().tolist()[2::5] for axis in (0, 1)] == [[8, 20, 32], [18, 30, 42]]
    assert len(orange) == 9 * 5 * 5


def test_an_even_kernel_has_no_tap_in_the_middle():
    sheet = plot.taps(torch.zeros(3, 41, 41), (20, 20), kernel=4, step=8, dot=1)
    assert at(sheet, 20, 20) == [0, 0, 0]
    assert at(sheet, 16, 24) == pytest.approx(ORANGE.tolist())
    assert at(sheet, 8, 8) == pytest.approx(ORANGE.tolist())


def test_taps_in_the_padding_are_hollow_on_grey():
    image = torch.full((3, 20, 20), 0.5)
    sheet = plot.taps(image, (4, 10), kernel=3, step=10, margin=12)
    assert sheet.shape == (3, 44, 44)
    assert at(sheet, 12 + 4, 12 + 10) == pytest.approx(ORANGE.tolist())  # the middle
    assert at(sheet, 12 - 6, 12 + 10) == [1, 1, 1]  # above the picture
    assert at(sheet, 12 - 6 + 3, 12 + 10) == pytest.approx(ORANGE.tolist())  # its rim
    grey = sheet[:, -1]
    assert grey.unique().tolist() == pytest.approx([0.72, 0.86])
    assert at(sheet, 12 + 19, 12 + 1) == [0.5, 0.5, 0.5]


def test_taps_beyond_the_margin_are_left_out():
    sheet = plot.taps(torch.full((3, 20, 20), 0.5), (10, 10), kernel=3, step=80, margin=8)
    assert (sheet == ORANGE[:, None, None]).all(0).sum() == 25  # the tap in the middle
