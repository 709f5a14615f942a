"""BilinearExplorer against `interpolate` and FCN's layer; its copied code runs."""

import contextlib
import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.models._upsampling import bilinear_kernel
from seglib.widgets import BilinearExplorer
from seglib.widgets.bilinear import GRIDS, METHODS, VALUES, layer, output_size, upsampled
from tests.node import call

PAIRS = [(grid, method) for grid in GRIDS for method in METHODS if (grid, method) != ("corners", METHODS[1])]


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("grid", "method"), PAIRS)
def test_upsampled_is_interpolate_or_fcns_layer(grid, method, scale):
    x = torch.tensor(VALUES, dtype=torch.float64)[None, None]
    size = output_size(grid, scale)
    if method == METHODS[0] and grid == "half pixels":
        expected = F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)
    elif method == METHODS[0]:
        expected = F.interpolate(x, size, mode="bilinear", align_corners=True)
    else:
        steps = layer(grid, scale)
        weight = bilinear_kernel(steps["kernel"]).double()[None, None]
        expected = F.conv_transpose2d(x, weight, stride=steps["stride"], padding=steps["padding"])
    assert expected.shape[2:] == (size, size)
    torch.testing.assert_close(upsampled(grid, method, scale), expected[0, 0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_both_methods_agree_inside_and_on_whole_steps_everywhere(scale):
    ways = [upsampled("half pixels", method, scale) for method in METHODS]
    strip = scale // 2
    inside = (slice(strip, -strip), slice(strip, -strip))
    torch.testing.assert_close(ways[0][inside], ways[1][inside])
    differs = (ways[0] - ways[1]).abs() > 1e-9
    assert not differs[inside].any()
    assert differs[0].sum() > len(differs) // 2
    ways = [upsampled("whole steps", method, scale) for method in METHODS]
    torch.testing.assert_close(*ways)


@given(
    st.sampled_from(PAIRS), st.integers(2, 4), st.integers(0, 15), st.integers(0, 15)
)  # fmt: skip
@settings(max_examples=40, deadline=None, derandomize=True)
def test_copied_code_runs_and_prints_the_numbers_shown(pair, scale, x, y):
    grid, method = pair
    size = output_size(grid, scale)
    x, y = min(x, size - 1), min(y, size - 1)
    state = {"grid": grid, "method": method, "scale": scale, "x": x, "y": y}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(call("core/bilinear.js", "toPyTorch", state), "copied", "exec"), {})
    words = dict(line.split(" ", 1) for line in printed.getvalue().splitlines())
    page = call("core/bilinear.js", "pixel", grid, method, scale, y, x)
    assert words["size"] == f"{size} {size}"
    assert float(words["value"]) == pytest.approx(page["value"], abs=6e-5)
    if method == METHODS[1]:
        other = call("core/bilinear.js", "pixel", grid, METHODS[0], scale, y, x)
        assert float(words["difference"]) == pytest.approx(other["value"] - page["value"], abs=6e-5)


@pytest.mark.parametrize(
    "bad", [{"scale": 1}, {"scale": 5}, {"grid": "middle"}, {"method": "nearest"}, {"x": 16}, {"y": -1}]
)
def test_bad_value_raises_and_names_itself(bad):
    name, value = next(iter(bad.items()))
    with pytest.raises(traitlets.TraitError) as error:
        BilinearExplorer(**bad)
    assert name in str(error.value)
    assert str(value) in str(error.value)


def test_corners_have_no_transposed_convolution():
    with pytest.raises(traitlets.TraitError, match="do not go together"):
        BilinearExplorer(grid="corners", method=METHODS[1])
    widget = BilinearExplorer(method=METHODS[1])
    with pytest.raises(traitlets.TraitError, match="grid='corners'"):
        widget.grid = "corners"
    assert widget.grid == "half pixels"


def test_page_says_no_to_what_python_says_no_to():
    for grid in GRIDS:
        for method in METHODS:
            assert (call("core/bilinear.js", "refusal", grid, method) is None) == ((grid, method) in PAIRS)


def test_kernel_answers_every_change():
    widget = BilinearExplorer()
    for scale, grid, method in [(2, "corners", METHODS[0]), (4, "whole steps", METHODS[1])]:
        with widget.hold_trait_notifications():
            widget.scale, widget.grid, widget.method = scale, grid, method
        assert widget.answer["about"] == [scale, grid, method]
        np.testing.assert_allclose(widget.answer["output"], upsampled(grid, method, scale).flatten())


def test_still_picture_marks_the_chosen_pixel():
    still = np.asarray(BilinearExplorer().picture())
    assert (still == (0x00, 0x9E, 0x73)).all(-1).sum() > 500
    assert (still == (0x1F, 0x23, 0x28)).all(-1).sum() > 500
    assert "12 by 12" in BilinearExplorer().alt()
