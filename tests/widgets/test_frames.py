"""FrameSlider: pictures come back as they were."""

import base64
import io

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seglib.widgets import FrameSlider
from seglib.widgets.frames import heat, side_by_side, to_picture

FRAMES = [torch.full((3, 12, 20), shade) for shade in (0.0, 0.5, 1.0)]
LABELS = ["dark", "grey", "light"]


def slider(**options) -> FrameSlider:
    return FrameSlider(FRAMES, LABELS, "A plain picture.", **options)


def test_pictures_come_back_as_they_were():
    shown = slider()
    for frame, url in zip(FRAMES, shown.pictures, strict=True):
        kind, text = url.split(",", 1)
        assert kind == "data:image/webp;base64"
        image = Image.open(io.BytesIO(base64.b64decode(text)))
        assert image.size == (20, 12)
        assert abs(np.asarray(image.convert("RGB")).astype(float) - 255 * frame[0, 0, 0].item()).max() <= 1
    assert shown.size == [20, 12, 0, 0]
    assert shown.beside == ""


def test_state_of_the_page():
    shown = slider(frame=2, name="Shade", captions=["a", "b", "c"], key="shades")
    assert shown.alts[1] == "A plain picture. grey."
    assert shown.alt() == "A plain picture. All frames: dark, grey, light."
    assert (shown.frame, shown.defaults, shown.name, shown.captions[2]) == (2, {"frame": 2}, "Shade", "c")
    assert repr(shown) == "FrameSlider(3 frames, 'Shade', frame=2)"
    assert shown.picture().width > 3 * 150
    assert "data:image/webp" in shown.static_html()


def test_picture_that_stays_beside():
    shown = slider(beside=torch.rand(3, 12, 12))
    assert shown.size == [20, 12, 12, 12]
    assert shown.beside.startswith("data:image/webp")
    assert shown.picture().size[0] > slider().picture().size[0]


def test_panels_stand_in_a_row():
    row = side_by_side([torch.zeros(3, 4, 4), torch.zeros(3, 8, 8)], 16, gap=2)
    assert row.shape == (3, 16, 34)
    assert row[:, :, 16:18].min() == 1
    assert row[:, :, :16].max() == 0


def test_own_words_for_every_frame():
    shown = FrameSlider(FRAMES, LABELS, ["one", "two", "three"])
    assert shown.alts == ["one", "two", "three"]
    assert shown.alt() == "one two three"


@pytest.mark.parametrize(
    "frame",
    [torch.rand(5, 7), torch.rand(1, 5, 7), torch.rand(3, 5, 7), np.random.rand(5, 7, 3), Image.new("L", (7, 5))],
)
def test_pictures_of_every_kind(frame):
    assert to_picture(frame).size == (7, 5)
    assert to_picture(frame).mode == "RGB"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"frames": []}, ValueError, "0 pictures"),
        ({"frames": FRAMES[:2]}, ValueError, "labels"),
        ({"frames": [*FRAMES[:2], torch.zeros(3, 4, 4)]}, ValueError, "different sizes"),
        ({"frames": [1, 2, 3]}, TypeError, "int"),
        ({"frames": [torch.zeros(2, 4, 4)] * 3}, ValueError, "shape"),
        ({"labels": "abc"}, ValueError, "labels"),
        ({"alt": ["one"]}, ValueError, "alt"),
        ({"alt": ["", "", ""]}, ValueError, "alt"),
        ({"captions": ["one"]}, ValueError, "captions"),
        ({"quality": 0}, ValueError, "quality=0"),
        ({"frame": 3}, traitlets.TraitError, "0 to 2"),
        ({"speed": 3}, TypeError, "no setting 'speed'"),
        ({"frames": [torch.rand(3, 400, 400) for _ in range(3)], "quality": 100}, ValueError, "300,000"),
    ],
)
def test_bad_values_are_refused_with_a_reason(change, error, words):
    given_ = {"frames": FRAMES, "labels": LABELS, "alt": "A plain picture."} | change
    with pytest.raises(error, match=words):
        FrameSlider(given_.pop("frames"), given_.pop("labels"), given_.pop("alt"), **given_)


@given(frame=st.integers())
@settings(max_examples=30, deadline=None)
def test_only_frames_that_are_there_can_be_chosen(frame):
    shown = slider()
    if 0 <= frame <= 2:
        shown.frame = frame
        assert shown.frame == frame
    else:
        with pytest.raises(traitlets.TraitError):
            shown.frame = frame


def test_heat_spans_the_map_or_the_given_range():
    values = torch.tensor([[0.0, 1.0], [2.0, 4.0]])
    colours = heat(values)
    assert colours.shape == (3, 2, 2)
    assert colours.mean(0)[0, 0] < colours.mean(0)[0, 1] < colours.mean(0)[1, 1]
    assert torch.equal(heat(values, low=0, high=2)[:, 1, 0], heat(values)[:, 1, 1])
