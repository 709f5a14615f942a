"""TransposedConvolutionExplorer refuses what PyTorch refuses, and adds up what PyTorch adds up."""

import contextlib
import io
import json
import random
import re
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.widgets import TransposedConvolutionExplorer
from seglib.widgets.base import encode_bytes
from seglib.widgets.transposed_convolution import LAYER, NUMBERS, enlarged, input_values, kernel_weights, refusal
from tests.fixtures.transposed_convolution import RANGES, every
from tests.node import call

LAYERS = st.fixed_dictionaries({name: st.sampled_from(list(values)) for name, values in RANGES.items()})
DIMS = st.sampled_from(["grid", "row"])
WEIGHTS = st.sampled_from(["ones", "bilinear", "numbers"])


def steps(layer: dict[str, int]) -> dict[str, int]:
    return {name: layer[name] for name in ("stride", "padding", "output_padding")}


def test_refuses_what_pytorch_refuses_over_all_settings():
    for layer in every():
        try:
            ones = torch.ones(1, 1, layer["size"]), torch.ones(1, 1, layer["kernel"])
            F.conv_transpose1d(*ones, **steps(layer))
            refused = False
        except RuntimeError:
            refused = True
        assert refused == (refusal(**layer) is not None), layer


@given(LAYERS, DIMS, WEIGHTS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_widget_takes_what_is_legal_and_names_what_is_not(layer, dims, weights):
    why = refusal(**layer)
    if why:
        with pytest.raises(traitlets.TraitError) as error:
            TransposedConvolutionExplorer(**layer)
        text = str(error.value)
        assert any(f"{name}={layer[name]}" in text for name in ("padding", "output_padding"))
        return
    widget = TransposedConvolutionExplorer(**layer, dims=dims, weights=weights)
    assert dict(zip(LAYER, widget.answer["about"], strict=True)) == {
        **layer,
        "dims": dims,
        "weights": weights,
        "values": "numbers",
    }
    expected = widget.result()
    assert widget.answer["output"] == expected.flatten().tolist()
    assert "x".join(map(str, expected.shape)) in widget.alt().replace(" by ", "x")


@given(LAYERS, DIMS, WEIGHTS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_output_is_the_sum_of_stamps(layer, dims, weights):
    if refusal(**layer):
        return
    values, kernel = input_values("numbers", layer["size"], dims), kernel_weights(weights, layer["kernel"], dims)
    s, p, extra = steps(layer).values()
    down = 0 if dims == "row" else 1  # a row has one step of one cell down
    size = [(n - 1) * s * d + k + extra * d for n, k, d in zip(values.shape, kernel.shape, (down, 1), strict=True)]
    canvas = torch.zeros(size, dtype=torch.float64)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            canvas[i * s : i * s + kernel.shape[0], j * s : j * s + kernel.shape[1]] += values[i, j] * kernel
    canvas = canvas[p * down : size[0] - p * down, p : size[1] - p]
    torch.testing.assert_close(enlarged(values, kernel, dims=dims, **steps(layer)), canvas)


@pytest.mark.parametrize(
    "bad",
    [
        {"kernel": 0},
        {"kernel": 6},
        {"stride": 5},
        {"size": 1},
        {"padding": -1},
        {"output_padding": 4},
        {"weights": "gauss"},
        {"values": "zeros"},
        {"dims": "cube"},
        {"view": "all"},
        {"input": [1]},
        {"input": [5, 0]},
        {"output": [0, 24]},
        {"stride": 2.5},
    ],
)
def test_bad_value_raises_and_names_itself(bad):
    name, value = next(iter(bad.items()))
    with pytest.raises(traitlets.TraitError) as error:
        TransposedConvolutionExplorer(**bad)
    assert name in str(error.value)
    if not isinstance(value, list):
        assert str(value) in str(error.value)


def test_illegal_change_leaves_the_widget_as_it_was():
    widget = TransposedConvolutionExplorer(stride=3, output_padding=2)
    with pytest.raises(traitlets.TraitError, match="output_padding=2 must be smaller than stride=2"):
        widget.stride = 2
    assert widget.stride == 3
    with widget.hold_trait_notifications():  # as a page does that changes both
        widget.stride, widget.output_padding = 2, 1
    assert widget.answer["about"][3:6] == [2, 0, 1]


def test_weights_are_what_their_names_say():
    assert kernel_weights("numbers", 2).tolist() == [[1, 2], [3, 4]]
    assert kernel_weights("bilinear", 4, "row").tolist() == [[0.25, 0.75, 0.75, 0.25]]
    assert kernel_weights("ones", 3, "row").shape == (1, 3)
    with pytest.raises(ValueError, match="'gauss'"):
        kernel_weights("gauss", 3)


def test_python_and_page_have_the_same_numbers():
    for dims in ("grid", "row"):
        for size in range(2, 6):
            state = {"dims": dims, "size": size, "kernel": 3, "stride": 2, "padding": 0, "output_padding": 0}
            page = call("core/transposed_convolution.js", "problem", {**state, "weights": "ones", "values": "numbers"})
            assert list(page["values"].values()) == input_values("numbers", size, dims).flatten().tolist()
    assert len(NUMBERS) == 5


def test_page_allows_what_python_allows():
    assert {name: [values[0], values[-1]] for name, values in RANGES.items()} == {
        name: [trait.min, trait.max] for name, trait in TransposedConvolutionExplorer.class_traits().items()
        if name in RANGES
    }  # fmt: skip


def test_still_picture_shows_input_kernel_and_output():
    still = np.asarray(TransposedConvolutionExplorer().picture())
    for colour in ((0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00), (0x00, 0x9E, 0x73)):
        assert (still == colour).all(-1).sum() > 500
    assert "7 by 7 numbers" in TransposedConvolutionExplorer().alt()


def run(code: str) -> tuple[list[int], list[list[float]]]:
    """Run copied code; the size that it prints, and the rows of numbers."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "copied", "exec"), {})
    first, *rows = printed.getvalue().splitlines()
    return [int(word) for word in first.split()[1:]], [[float(word) for word in row.split()] for row in rows]


def test_copied_code_runs_and_prints_the_output_shown():
    legal = [layer for layer in every() if not refusal(**layer)]
    for i, layer in enumerate(random.Random(0).sample(legal, 60)):
        choice: dict[str, Any] = {
            "dims": ("grid", "row")[i % 2],
            "weights": ("ones", "bilinear", "numbers")[i % 3],
            "values": ("numbers", "ones")[i // 2 % 2],
        }
        shape, rows = run(call("core/transposed_convolution.js", "toPyTorch", {**layer, **choice}))
        expected = enlarged(
            input_values(choice["values"], layer["size"], choice["dims"]),
            kernel_weights(choice["weights"], layer["kernel"], choice["dims"]),
            dims=choice["dims"],
            **steps(layer),
        )
        assert shape == list(expected.shape)[-len(shape) :]
        np.testing.assert_allclose(rows, expected.numpy(), atol=5.1e-4)


def test_state_of_the_page_is_small_and_has_no_answer():
    text = TransposedConvolutionExplorer().static_html()
    state = json.loads(re.search(r"mountWidget\((.*)\);</script>$", text, re.DOTALL).group(1))["state"]
    assert "answer" not in state
    assert len(json.dumps(state, default=encode_bytes)) < 1500
