"""ObjectSizeExplorer's record is of today's weights, and its numbers are the metric's."""

import contextlib
import io
import re

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from seglib import weights
from seglib.data import Shape, draw
from seglib.data.scenes import SHAPES
from seglib.metrics import IoUBySize
from seglib.widgets import ObjectSizeExplorer, size_sweep
from seglib.widgets.object_size_picture import glass
from seglib.widgets.size_sweep import INSTANCES, NETWORKS, RADII, SIZE, iou, place, predict, recorded, scene, seed
from tests.node import call
from tests.widgets.test_base import mounted

CPU = torch.device("cpu")
# every shape, small, middling and large, and every scene
SAMPLE = [("disc", 10, 0), ("square", 6, 1), ("triangle", 24, 2), ("cross", 96, 3), ("square", 80, 4), ("disc", 3, 5)]


def test_record_is_of_today_s_weights():
    entries = weights.manifest()
    today = {name: entries[f"{name}_scenes"]["sha256"] for name in NETWORKS}
    assert recorded().weights == today, "the networks have changed: run python -m seglib.widgets.size_sweep"


@pytest.mark.parametrize("setting", SAMPLE)
def test_page_and_kernel_give_the_same_labels(setting):
    shown = recorded().labels(*setting)
    live = predict(scene(*setting).image, CPU)
    # the same arithmetic; another processor may settle a tie between two classes in another way
    assert (shown != live).sum() <= 1, "run python -m seglib.widgets.size_sweep"


@pytest.mark.parametrize("setting", SAMPLE)
def test_recorded_iou_is_that_of_the_labels_and_of_seglib_s_metric(setting):
    kind, radius, instance = setting
    drawn, found = scene(*setting), recorded()
    kept = found.iou[instance, SHAPES.index(kind), RADII.index(radius)]
    for predicted, value in zip(found.labels(*setting), kept, strict=True):
        metric = IoUBySize((1, 1000))
        metric.update(predicted, drawn.target, drawn.instances, [radius])
        assert value == pytest.approx(metric.compute().iou[0], abs=1e-6)
        assert value == pytest.approx(iou(predicted, drawn.target.numpy(), drawn.shapes[0].label), abs=1e-6)
        assert (value == 0) == (metric.compute().missed[0] == 1)


def test_curves_are_mean_and_spread_over_the_scenes():
    found = recorded()
    assert found.iou.shape == (INSTANCES, len(SHAPES), len(RADII), len(NETWORKS))
    curves = found.curves()
    for s, kind in enumerate(SHAPES):
        for n in range(len(NETWORKS)):
            np.testing.assert_allclose(curves[kind]["mean"][n], found.iou[:, s, :, n].mean(0), atol=1e-4)
            np.testing.assert_allclose(curves[kind]["spread"][n], found.iou[:, s, :, n].std(0, ddof=1), atol=1e-4)


def test_scenes_are_where_the_record_says_and_lie_in_the_picture():
    for instance, kept in enumerate(recorded().places):
        assert {name: kept[name] for name in ("x", "y", "angle")} == place(instance)
        assert 0.3 * SIZE <= kept["x"] <= 0.7 * SIZE
        assert 0.3 * SIZE <= kept["y"] <= 0.7 * SIZE


@pytest.mark.parametrize("instance", [0, 5, 7])
def test_page_s_surfaces_are_the_scene_s(instance):
    at = place(instance)
    parts = size_sweep.surfaces(instance)
    if instance < INSTANCES:
        found = recorded()
        assert parts == {name: found.pack[slice(*found.places[instance][name])] for name in parts}
    for name, shape in {
        "background": Shape("disc", x=-999, y=0, radius=1),
        "paint": Shape("square", x=at["x"], y=at["y"], radius=999),
    }.items():
        pixels = np.asarray(Image.open(io.BytesIO(parts[name]))).transpose(2, 0, 1) / 255
        truth = draw([shape], (SIZE, SIZE), seed=seed(instance)).image.numpy()
        assert np.abs(pixels - truth).mean() < 0.03  # less than the camera's noise


def test_page_gets_everything_but_what_only_a_kernel_has():
    widget = ObjectSizeExplorer(radius=2.5, kind="cross")
    given_ = mounted(widget)
    assert given_["state"]["defaults"] == {"kind": "cross", "radius": 2.5, "instance": 0}
    assert given_["settings"]["radius"] == {"values": list(RADII)}
    assert not {"answer", "extra"} & set(given_["state"])
    script = re.search(r"<script.*</script>", widget.static_html(), re.DOTALL)[0]
    assert len(script.encode()) <= 270_000, "the page needs room for its other scripts"


def test_kernel_answers_a_page_that_asks_and_no_other():
    widget = ObjectSizeExplorer()
    assert widget.answer == {}
    widget.kind, widget.radius, widget.instance = "square", 12, 2
    assert widget.answer == {}
    widget._handle_custom_msg("predict", [])
    assert widget.answer["about"] == ["square", 12, 2]
    assert "PyTorch" in widget.answer["by"]
    assert widget.answer["milliseconds"] >= 0
    labels = np.frombuffer(widget.answer["labels"], np.uint8).reshape(len(NETWORKS), SIZE, SIZE)
    assert (labels != recorded().labels("square", 12, 2)).sum() <= 3


def test_kernel_draws_scenes_that_the_page_does_not_have():
    widget = ObjectSizeExplorer()
    assert widget.extra == {}
    widget.instance = INSTANCES
    assert widget.extra["instance"] == INSTANCES
    assert {name: widget.extra[name] for name in ("x", "y", "angle")} == place(INSTANCES)
    assert widget.extra["paint"].startswith(b"RIFF")
    assert widget.labels().shape == (len(NETWORKS), SIZE, SIZE)


def test_predicting_leaves_the_number_of_threads_as_it_was():
    before = torch.get_num_threads()
    predict(scene("disc", 4, 0).image, CPU)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    "bad", [{"kind": "star"}, {"kind": 1}, {"radius": 7}, {"radius": "12"}, {"instance": -1}, {"instance": 1000}]
)
def test_bad_value_raises_and_names_itself_and_what_is_legal(bad):
    name, value = next(iter(bad.items()))
    with pytest.raises(traitlets.TraitError) as error:
        ObjectSizeExplorer(**bad)
    assert name in str(error.value)
    assert str(value) in str(error.value)


@given(st.floats(-10, 200).filter(lambda radius: radius not in RADII))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_no_other_radius_is_taken(radius):
    with pytest.raises(traitlets.TraitError, match="radius"):
        ObjectSizeExplorer(radius=radius)


def run(code: str) -> dict[str, str]:
    """Run copied code; the first word of each printed line names the number after it."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "copied", "exec"), {})
    return dict(line.split(" ", 1) for line in printed.getvalue().splitlines())


@pytest.mark.parametrize(("kind", "radius", "instance"), [("disc", 10, 0), ("square", 2.5, 3), ("cross", 96, 5)])
def test_copied_code_runs_and_prints_the_iou_shown(kind, radius, instance):
    state = {"kind": kind, "radius": radius, **place(instance), "seed": seed(instance), "size": SIZE}
    printed = run(call("core/object_size.js", "toPyTorch", {**state, "networks": list(NETWORKS)}))
    shown = recorded().iou[instance, SHAPES.index(kind), RADII.index(radius)]
    assert list(printed) == list(NETWORKS)
    for text, value in zip(printed.values(), shown, strict=True):
        assert float(text) == pytest.approx(value, abs=0.0051)


def test_still_picture_shows_what_the_page_shows():
    widget = ObjectSizeExplorer(kind="triangle", radius=20)
    still = np.asarray(widget.picture())
    for colour in ((0xD5, 0x5E, 0x00), (0x1F, 0x23, 0x28)):  # errors, and the outline
        assert (still == colour).all(-1).sum() > 100
    shown = recorded().iou[0, SHAPES.index("triangle"), RADII.index(20)]
    for name, value in zip(NETWORKS.values(), shown, strict=True):
        assert f"{name} {value:.2f}" in widget.alt()


def test_both_sides_zoom_alike():
    for instance in range(INSTANCES):
        for radius in RADII:
            at = place(instance)
            rows, columns = glass(Shape("disc", radius=radius, **at))
            page = call("core/object_size.js", "glass", radius, at, SIZE) if radius in (2, 8, 12) else None
            if page:
                assert (page["top"], page["left"], page["length"]) == (
                    rows.start,
                    columns.start,
                    rows.stop - rows.start,
                )
