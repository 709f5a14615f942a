"""CRFExplorer: scribbles, probabilities and copied code are `seglib.crf`'s."""

import contextlib
import io

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.crf import DenseCRF
from seglib.data import photograph
from seglib.widgets import CRFExplorer
from seglib.widgets.crf import (
    FINE,
    PRESETS,
    SIZE,
    energies,
    grid,
    read_scribbles,
    strokes,
    write_scribbles,
)
from tests.node import call
from tests.widgets.test_base import mounted


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 300)), max_size=12))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_scribbles_come_back_from_their_text(runs):
    flat = torch.zeros(SIZE[0] * SIZE[1], dtype=torch.int64)
    at = 0
    for label, length in runs:
        flat[at : at + length] = label
        at += length
    labels = flat.view(SIZE)
    assert torch.equal(read_scribbles(write_scribbles(labels)), labels)


def test_both_sides_write_the_same_text():
    labels = strokes(PRESETS["coffee"][1])
    assert call("core/crf.js", "encode", labels.flatten().tolist()) == write_scribbles(labels)


@pytest.mark.parametrize("photo", PRESETS)
def test_untouched_state_has_scribbles_of_each_label_and_decides_every_pixel(photo):
    widget = CRFExplorer(photo=photo, iterations=20)
    q, labels = widget.probabilities()
    assert len(labels) == len(widget.names) == len(q)
    assert q.max(0).values.mean() > 0.9
    assert (read_scribbles(widget.scribbles) > 0).float().mean() < 0.15


def test_probabilities_are_seglib_s():
    widget = CRFExplorer(appearance=7, sigma_xy=9, sigma_rgb=20, smoothness=1, sigma=2, iterations=3)
    unary, _ = energies(read_scribbles(widget.scribbles))
    crf = DenseCRF(grid("coffee"), gaussian=(1, 2), bilateral=(7, 9, 20), method="exact")
    torch.testing.assert_close(widget.probabilities()[0], crf(energies=unary, iterations=3), atol=1e-5, rtol=0)


def test_own_picture_takes_the_place_of_the_photograph():
    widget = CRFExplorer(image=photograph("coffee"))
    assert widget.photo == ""
    assert widget.pixels == CRFExplorer().pixels
    assert widget.image.shape == (3, SIZE[0] * FINE, SIZE[1] * FINE)
    assert set(read_scribbles(widget.scribbles).unique().tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (torch.zeros(4, 4), "3 H W"),
        (torch.zeros(1, 4, 4), "3 H W"),
        (torch.full((3, 4, 4), 255.0), "divide"),
        (torch.full((3, 4, 4), float("nan")), "0 to 1"),
    ],
)
def test_own_picture_that_is_none_raises(bad, words):
    with pytest.raises(ValueError, match=words):
        CRFExplorer(image=bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"iterations": 21},
        {"iterations": -1},
        {"appearance": 21},
        {"sigma_xy": 0},
        {"sigma_rgb": 101},
        {"smoothness": 2.5},
        {"sigma": 0},
        {"x": 48},
        {"y": 32},
        {"photo": "dog"},
        {"scribbles": "12z"},
        {"scribbles": "1537a"},
    ],
)
def test_bad_value_raises_and_names_itself(bad):
    name, value = next(iter(bad.items()))
    with pytest.raises(traitlets.TraitError) as error:
        CRFExplorer(**bad)
    assert name in str(error.value)
    assert str(value) in str(error.value)


def test_photograph_is_asked_for_where_there_is_none():
    with pytest.raises(traitlets.TraitError, match="image="):
        CRFExplorer(photo="")


@given(st.integers(-100, 200).filter(lambda value: not 1 <= value <= 60))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_no_sigma_outside_its_range_is_taken(value):
    with pytest.raises(traitlets.TraitError, match="sigma_xy"):
        CRFExplorer(sigma_xy=value)


def test_page_gets_the_photograph_and_no_answer():
    given_ = mounted(CRFExplorer(sigma_xy=9))
    assert given_["state"]["sigma_xy"] == 9
    assert "answer" not in given_["state"]
    assert given_["settings"]["iterations"] == {"type": "integer", "min": 0, "max": 20}
    assert len(CRFExplorer().pixels) == 3 * SIZE[0] * SIZE[1]
    assert len(CRFExplorer().static_html()) <= 75_000


def test_kernel_labels_the_larger_photograph_when_asked():
    widget = CRFExplorer(iterations=5)
    assert widget.answer == {}
    widget._handle_custom_msg("refine", [])
    assert widget.answer["about"] == [getattr(widget, name) for name in widget.settings[:-2]]
    assert "seglib.crf on" in widget.answer["by"]
    labels = np.frombuffer(widget.answer["labels"], np.uint8).reshape(SIZE[0] * FINE, SIZE[1] * FINE)
    assert set(np.unique(labels)) == {1, 2, 3}
    q, _ = widget.probabilities()
    small = q.argmax(0).numpy() + 1
    assert (labels[FINE // 2 :: FINE, FINE // 2 :: FINE] == small).mean() > 0.9


def test_one_label_leaves_nothing_to_decide():
    with pytest.raises(ValueError, match="fewer than two labels"):
        CRFExplorer(scribbles="10.5a").refine()


def run(code, **names):
    """Run copied code; label, pixels and probability of each printed line."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "copied", "exec"), names)
    return [
        (name, int(count), float(q)) for name, count, q in (x.rsplit(" ", 2) for x in printed.getvalue().splitlines())
    ]


@pytest.mark.parametrize("own", [False, True])
def test_copied_code_runs_and_prints_what_is_shown(own):
    picture = photograph("chelsea")
    options = {"iterations": 7, "appearance": 5, "sigma_xy": 8, "sigma_rgb": 15, "smoothness": 2, "sigma": 2}
    widget = CRFExplorer(**options, x=30, y=11, **({"image": picture} if own else {}))
    q, labels = widget.probabilities()
    names = [widget.names[label - 1] for label in labels]
    state = {"photo": widget.photo, "scribbles": widget.scribbles, "labels": names, "iterations": 7, "appearance": 5}
    state |= {"sigmaXy": 8, "sigmaRgb": 15, "smoothness": 2, "sigma": 2, "x": 30, "y": 11}
    printed = run(call("core/crf.js", "toPyTorch", state), photograph=picture)
    assert [name for name, _, _ in printed] == names
    for (_, count, probability), index in zip(printed, range(len(q)), strict=True):
        assert count == int((q.argmax(0) == index).sum())
        assert probability == pytest.approx(q[index, 11, 30].item(), abs=6e-4)


def test_still_picture_and_words_show_the_untouched_state():
    widget = CRFExplorer()
    picture = np.asarray(widget.picture())
    assert picture.shape[1] > 2 * picture.shape[0]
    assert (picture == (86, 180, 233)).all(-1).sum() > 1000  # the scribbles' blue
    assert "4 iterations" in widget.alt()
    assert "coffee" in widget.alt()
