"""DilationExplorer against the sum over taps; its copied code runs."""

import contextlib
import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seglib.data import photograph
from seglib.widgets import DilationExplorer
from seglib.widgets.dilation import SIZE, dilated_response, filter_weights
from tests.node import call
from tools import ROOT


def brute_force(image: torch.Tensor, weights: torch.Tensor, rate: int, y: int, x: int) -> float:
    """One output of a dilated convolution, added up tap by tap."""
    half = weights.shape[0] // 2
    total = 0.0
    for i in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            row, column = y + (i - half) * rate, x + (j - half) * rate
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                total += weights[i, j].item() * image[row, column].item()
    return total


@given(
    st.sampled_from(["edges", "vertical edges", "blur"]),
    st.sampled_from([3, 5, 7]),
    st.integers(1, 12),
    st.integers(0, 119),
    st.integers(0, 179),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_response_is_the_sum_over_taps(name, kernel, rate, y, x):
    image = photograph("chelsea", size=SIZE, gray=True)[0].double()
    weights = filter_weights(name, kernel)
    assert dilated_response(image, weights, rate)[y, x].item() == pytest.approx(
        brute_force(image, weights, rate, y, x), abs=1e-12
    )


def test_filters_do_what_their_names_say():
    for kernel in (3, 5, 7):
        assert filter_weights("blur", kernel).sum().item() == pytest.approx(1)
        assert filter_weights("edges", kernel).sum().item() == pytest.approx(0)
        step = (torch.arange(20) >= 10).double().repeat(20, 1)
        assert dilated_response(step, filter_weights("vertical edges", kernel), 1).abs().argmax() % 20 in (9, 10)
    with pytest.raises(ValueError, match="'sobel'"):
        filter_weights("sobel", 3)


def test_kernel_answers_every_change_with_the_layer_now_shown():
    widget = DilationExplorer()
    for rate, kernel, name in [(1, 3, "edges"), (7, 5, "blur"), (12, 7, "vertical edges")]:
        widget.rate, widget.kernel, widget.filter = rate, kernel, name
        answer = widget.answer
        assert (answer["rate"], answer["kernel"], answer["filter"]) == (rate, kernel, name)
        pixels = np.frombuffer(answer["pixels"], np.float32).reshape(SIZE)
        image = photograph("chelsea", size=SIZE, gray=True)[0]
        expected = dilated_response(image.double(), filter_weights(name, kernel), rate).numpy()
        np.testing.assert_allclose(pixels, expected, atol=1e-5)
        assert answer["milliseconds"] > 0
        assert "PyTorch" in answer["by"]


def test_landing_page_counts_the_pixels_right():
    assert f"each of {SIZE[0] * SIZE[1]:,} pixels" in (ROOT / "book/index.md").read_text(encoding="utf-8")


def test_photo_in_the_page_is_the_photo_in_python():
    widget = DilationExplorer()
    pixels = np.asarray(Image.open(io.BytesIO(widget.photo_png)), dtype=np.float32) / 255
    np.testing.assert_array_equal(pixels, photograph("chelsea", size=SIZE, gray=True)[0].numpy())
    assert len(widget.photo_png) < 30_000


def test_still_picture_marks_the_taps():
    still = np.asarray(DilationExplorer(rate=3).picture())
    orange = (still == (0xE6, 0x9F, 0x00)).all(-1)
    assert orange.sum() > 9 * 16


def run(code: str) -> dict[str, str]:
    """Run copied code; the first word of each printed line names the number after it."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "copied", "exec"), {})
    return dict(line.split(" ", 1) for line in printed.getvalue().splitlines())


@pytest.mark.parametrize(
    ("kernel", "rate", "filter_", "x", "y", "rates"),
    [
        (3, 2, "edges", 51, 42, [2, 2, 2]),
        (5, 1, "blur", 0, 0, [1]),
        (7, 12, "vertical edges", 179, 119, [1, 2, 5]),
        (3, 12, "blur", 90, 3, [16, 1, 3]),
    ],
)
def test_copied_code_runs_and_prints_the_numbers_shown(kernel, rate, filter_, x, y, rates):
    state = {
        "photo": "chelsea",
        "size": SIZE,
        "kernel": kernel,
        "rate": rate,
        "filter": filter_,
        "x": x,
        "y": y,
        "rates": rates,
    }
    printed = run(call("core/dilation.js", "toPyTorch", state))
    shown = call("core/dilation.js", "coverage", kernel, rates)
    assert int(printed["span"]) == call("core/dilation.js", "span", kernel, rate)
    image = photograph("chelsea", size=SIZE, gray=True)[0].double()
    expected = brute_force(image, filter_weights(filter_, kernel), rate, y, x)
    assert float(printed["output"]) == pytest.approx(expected, abs=6e-4)
    assert int(printed["field"]) == shown["field"]
    assert printed["touched"] == f"{shown['touched']} of {shown['pixels']}"
