"""UnpoolingExplorer: four ways back against loops; copied code that prints what is shown."""

import contextlib
import io
import json
import re

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.widgets import UnpoolingExplorer
from seglib.widgets.unpooling import PARTS, PRESETS, SIDE, cut, four_ways, pooled_size
from tests.fixtures import FOLDER
from tests.node import call

CASES = json.loads((FOLDER / "unpooling.json").read_text())["cases"]


def by_loops(values: np.ndarray, pool: int, stride: int, decoder: np.ndarray | None) -> dict[str, np.ndarray]:
    """Maxima, switches, and the two ways back that put single values, one window after the other."""
    size, side = len(values), (len(values) - pool) // stride + 1
    found = {name: np.zeros((side, side)) for name in ("maxima", "switches")}
    found |= {name: np.zeros((size, size)) for name in ("unpooled", "zeros")}
    for i, j in np.ndindex(side, side):
        window = values[i * stride : i * stride + pool, j * stride : j * stride + pool]
        row, column = np.unravel_index(window.argmax(), window.shape)  # the first of equal ones
        found["maxima"][i, j] = window[row, column]
        found["switches"][i, j] = (i * stride + row) * size + j * stride + column
        value = window[row, column] if decoder is None else decoder[i, j]
        found["unpooled"][i * stride + row, j * stride + column] = value
        found["zeros"][i * stride, j * stride] = value
    return found


@st.composite
def grids(draw):
    size, pool, stride = draw(st.integers(4, 8)), draw(st.integers(2, 3)), draw(st.integers(1, 3))
    low, high = draw(st.sampled_from([(-99, 99), (0, 2), (-9, -1)]))
    side = pooled_size(size, pool, stride)
    values = draw(st.lists(st.integers(low, high), min_size=size**2, max_size=size**2))
    decoder = draw(st.just([]) | st.lists(st.integers(-99, 99), min_size=side**2, max_size=side**2))
    return {"size": size, "pool": pool, "stride": stride, "values": values, "decoder": decoder}


@given(grids())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_four_ways_agree_with_loops_and_interpolation_keeps_within_its_values(shown):
    values = np.array(shown["values"], dtype=float).reshape(shown["size"], -1)
    side = pooled_size(shown["size"], shown["pool"], shown["stride"])
    decoder = np.array(shown["decoder"], dtype=float).reshape(side, side) if shown["decoder"] else None
    given_ = None if decoder is None else torch.from_numpy(decoder)
    found = four_ways(torch.from_numpy(values), shown["pool"], shown["stride"], given_)
    for name, expected in by_loops(values, shown["pool"], shown["stride"], decoder).items():
        np.testing.assert_array_equal(found[name].numpy(), expected, err_msg=name)
    back = found["maxima"] if decoder is None else given_
    assert set(found["nearest"].flatten().tolist()) <= set(back.flatten().tolist())
    assert back.min() - 1e-9 <= found["bilinear"].min()
    assert found["bilinear"].max() <= back.max() + 1e-9


def run(code: str) -> dict[str, np.ndarray]:
    """Run copied code; each name that it prints, with the rows of numbers below it."""
    printed, threads = io.StringIO(), torch.get_num_threads()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "copied", "exec"), {"__name__": "copied"})
    torch.set_num_threads(threads)
    blocks = re.findall(r"^(\w+)\n((?:   .*\n)+)", printed.getvalue(), re.MULTILINE)
    return {
        name: np.array([[float(value) for value in row.split()] for row in rows.splitlines()]) for name, rows in blocks
    }


def test_copied_code_runs_and_prints_the_numbers_shown_for_every_size_pool_and_stride():
    for case in CASES[:: len(CASES) // 24]:
        code = call(
            "core/unpooling.js",
            "toPyTorch",
            {name: case[name] for name in ("size", "pool", "stride", "values", "decoder")},
        )
        shown = call("core/unpooling.js", "work", case)
        printed = run(code)
        for way in PARTS[2:]:
            np.testing.assert_allclose(
                printed[way].flatten(), shown["results"][way], atol=0.0051, err_msg=f"{way} {case['size']}"
            )
        np.testing.assert_array_equal(printed["maxima"].flatten(), shown["maxima"])
        np.testing.assert_array_equal(printed["switches"].flatten(), shown["switches"])


def test_copied_code_keeps_to_one_thread_where_units_with_different_values_share_a_switch():
    values = [0] * 16
    values[5] = 9  # the maximum of all four windows
    shared = {"size": 4, "pool": 3, "stride": 1, "values": values, "decoder": []}
    assert "set_num_threads" not in call("core/unpooling.js", "toPyTorch", shared)
    assert "set_num_threads(1)" in call("core/unpooling.js", "toPyTorch", {**shared, "decoder": [1, 2, 3, 4]})


def test_kernel_answers_every_change_with_what_is_now_shown():
    widget = UnpoolingExplorer()
    for name, value in [("pool", 3), ("stride", 1), ("size", 8), ("values", [i % 10 for i in range(64)])]:
        setattr(widget, name, value)
        settings_ = [widget.size, widget.pool, widget.stride, widget.values, widget.decoder]
        assert widget.answer["about"] == settings_
        shown = call(
            "core/unpooling.js",
            "work",
            dict(zip(("size", "pool", "stride", "values", "decoder"), settings_, strict=True)),
        )
        for way in PARTS[2:]:
            np.testing.assert_allclose(widget.answer["results"][way], shown["results"][way], atol=1e-4)
        assert "PyTorch" in widget.answer["by"]
    assert torch.get_num_threads() > 0


def test_a_front_end_s_settings_arrive_at_once():
    widget = UnpoolingExplorer(part="pooled", x=2, y=2, decoder=list(range(9)))
    widget.set_state({"size": 4, "values": [1] * 16, "decoder": [], "x": 1, "y": 1})
    assert (widget.size, len(widget.values), widget.decoder, widget.x) == (4, 16, [], 1)
    assert widget.answer["about"][0] == 4


def test_another_size_keeps_the_preset_or_the_grid_and_the_chosen_cell():
    widget = UnpoolingExplorer(x=5, y=5)
    widget.size = 8
    assert widget.values == next(iter(PRESETS.values()))
    widget.size = 4
    assert (widget.x, widget.y) == (3, 3)
    own = UnpoolingExplorer(values=[[1, 2, 3, 4]] * 4, part="pooled", x=1, y=1, decoder=[5, 6, 7, 8])
    assert own.size == 4
    own.size = 5
    assert own.values == [1, 2, 3, 4, 0] * 4 + [0] * 5
    assert own.decoder == [5, 6, 7, 8], "still a map of 2 x 2"
    own.stride = 3
    assert own.side == 2
    own.pool = 3
    assert (own.side, own.decoder, own.x, own.y) == (1, [], 0, 0)


def test_presets_are_digits_and_show_what_their_names_say():
    assert list(PRESETS) == ["diagonal line", "edge", "ties", "plateau", "random digits"]
    assert all(len(grid) == SIDE**2 and set(grid) <= set(range(10)) for grid in PRESETS.values())
    for size in (6, 8):
        line = torch.tensor(cut(PRESETS["diagonal line"], SIDE, size)).view(size, size).float()
        found = four_ways(line, 2, 2)
        high = line > 5
        assert torch.equal((found["unpooled"] > 5), high), "unpooling keeps the line, every cell of it, and no other"
        assert ((found["bilinear"] > 5).sum() > 2 * high.sum()).item()
    plateau = torch.tensor(cut(PRESETS["plateau"], SIDE, 6)).view(6, 6).float()[1:5, 1:5]
    found = four_ways(plateau, 2, 2)
    assert torch.equal(found["unpooled"], found["zeros"])
    ties = torch.tensor(PRESETS["ties"]).view(SIDE, SIDE)
    windows = ties.unfold(0, 2, 2).unfold(1, 2, 2).flatten(2)
    assert ((windows == windows.amax(2, keepdim=True)).sum(2) > 1).float().mean() > 0.8


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"size": 9}, ["size", "9"]),
        ({"size": 3}, ["size", "3"]),
        ({"pool": 4}, ["pool", "4"]),
        ({"stride": 0}, ["stride", "0"]),
        ({"values": [0] * 35, "size": 6}, ["35", "36"]),
        ({"values": [0] * 17}, ["17", "16"]),
        ({"values": [0] * 15 + [100]}, ["values", "100"]),
        ({"values": [0] * 15 + [2.5]}, ["values", "2.5"]),
        ({"values": [0] * 15 + [float("nan")]}, ["values", "nan"]),
        ({"values": "abc"}, ["values", "abc"]),
        ({"decoder": [1, 2, 3]}, ["decoder", "3", "9"]),
        ({"part": "output"}, ["part", "output"]),
        ({"x": 6}, ["x=6", "0 to 5", "input"]),
        ({"part": "pooled", "y": 3, "x": 0}, ["y=3", "0 to 2", "pooled"]),
    ],
)
def test_bad_values_are_named_with_what_is_legal(bad, words):
    with pytest.raises(traitlets.TraitError) as error:
        UnpoolingExplorer(**bad)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("bad", [{"values": [1] * 16}, {"decoder": [1]}, {"x": 7}, {"y": -1}])
def test_bad_values_are_refused_later_too_and_change_nothing(bad):
    widget = UnpoolingExplorer()
    before = repr(widget)
    name, value = next(iter(bad.items()))
    with pytest.raises(traitlets.TraitError, match=name):
        setattr(widget, name, value)
    assert repr(widget) == before


@given(grids())
@settings(max_examples=10, deadline=None, derandomize=True)
def test_still_picture_is_drawn_for_every_grid(shown):
    widget = UnpoolingExplorer(**shown, part="pooled", x=0, y=0)
    picture = np.asarray(widget.picture())
    assert picture.shape[1] == 1320
    assert (picture == (0xE6, 0x9F, 0x00)).all(-1).sum() > 500, "rings, frames and an arrow"
    assert f"{shown['size']} by {shown['size']}" in widget.alt()


def test_both_sides_know_the_same_limits():
    limits = call("../../../tests/js/unpooling.mjs", "limits")
    traits = UnpoolingExplorer.class_traits()
    for name in ("size", "pool", "stride"):
        assert limits[name] == [traits[name].min, traits[name].max]
    assert limits["value"] == [traits["values"]._trait.min, traits["values"]._trait.max]
    assert limits["parts"] == list(PARTS)
    assert limits["template"] == SIDE
