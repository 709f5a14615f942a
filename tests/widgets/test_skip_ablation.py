"""SkipAblationExplorer's record is what the network says now."""

import contextlib
import io
import json

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib import ablation, data, weights
from seglib.metrics import Segmentation
from seglib.widgets import SkipAblationExplorer, skip_maps
from seglib.widgets.base import encode_bytes
from tests.node import call


def scores(labels: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Part of the pixels that are right, and mean IoU."""
    score = Segmentation(5)
    score.update(labels.astype(np.int64), truth.astype(np.int64))
    found = score.compute()
    return found.pixel_accuracy, found.mean_iou


def test_measured_with_the_weights_that_are_there():
    fix = "the weights have changed: run python -m seglib.widgets.skip_maps"
    assert skip_maps.load()["weights_sha256"] == weights.manifest()["unet_scenes"]["sha256"], fix
    found = skip_maps.load()["means"]
    for skip, means in skip_maps.means().items():
        np.testing.assert_allclose(found[skip], means.flatten().numpy(), atol=1e-4, err_msg=fix)


@pytest.mark.parametrize("kind", ablation.KINDS)
def test_maps_are_what_the_network_says_now(kind):
    """A few pixels may differ: another processor adds in another order."""
    measured = skip_maps.scenes(max(skip_maps.SHOWN) + 1)
    for scene, on in ((53, 0), (16, 11), (20, 4)):
        pair = measured.images[[scene - 1, scene]]
        labels = ablation.predict(skip_maps.network(), pair, skip_maps.off(on), kind=kind, means=skip_maps.means())[1]
        assert (labels.numpy() == skip_maps.shown(scene, on, kind)).mean() > 0.995
        assert (skip_maps.labels_of(_picture(scene)["truth"]) == measured.targets[scene].numpy()).all()


def _picture(scene: int) -> dict:
    return skip_maps.load()["pictures"][skip_maps.SHOWN.index(scene)]


def test_scores_hang_together():
    measured = skip_maps.load()
    every = measured["scores"]["mean"][15]
    assert every["change"] == [0, 0, 0]
    for rows in measured["scores"].values():
        assert len(rows) == 16
        assert rows[15] == every
        for row in rows:
            np.testing.assert_allclose(np.subtract(row["means"], every["means"]), row["change"], atol=2e-4)
    assert all(len(draws) == skip_maps.DRAWS for draws in measured["control"].values())


def test_small_measurement_runs_from_end_to_end(monkeypatch):
    monkeypatch.setattr(skip_maps, "SHOWN", (1,))
    monkeypatch.setattr(skip_maps, "DRAWS", 1)
    found = skip_maps.measure(2)
    assert list(found) == list(skip_maps.load())
    sheet = skip_maps.labels_of(found["pictures"][0]["maps"])
    assert sheet.shape == (3 * skip_maps.SIZE, 16 * skip_maps.SIZE)
    assert sheet.max() < 5
    json.dumps(found)


def test_page_fits_its_budget():
    widget = SkipAblationExplorer()
    state = {name: getattr(widget, name) for name in widget.own_names() if name not in widget.kernel_only}
    assert len(json.dumps(state, default=encode_bytes)) < 190_000


def test_kernel_answers_every_change():
    widget = SkipAblationExplorer()
    for change in ({"d2": True}, {"off": "other"}, {"scene": 29}, {"d0": True, "off": "zero"}):
        for name, value in change.items():
            setattr(widget, name, value)
        answer = widget.answer
        assert all(answer[name] == getattr(widget, name) for name in ("scene", "d0", "d1", "d2", "d3", "off"))
        labels = np.frombuffer(answer["labels"], np.uint8).reshape(skip_maps.SIZE, skip_maps.SIZE)
        assert (labels == widget.labels()).mean() > 0.995
        assert "PyTorch" in answer["by"]


def test_page_scores_maps_as_the_metrics_do():
    widget = SkipAblationExplorer(scene=20, d3=True)
    labels, truth = widget.labels(), widget.truth()
    found = call("core/skip_ablation.js", "scores", labels.flatten().tolist(), truth.flatten().tolist(), 5)
    assert (found["right"], found["iou"]) == pytest.approx(scores(labels, truth))


def test_still_picture_and_words_say_the_same():
    widget = SkipAblationExplorer(d3=True, d2=True)
    still = np.asarray(widget.picture())
    error = (still == (0xD5, 0x5E, 0x00)).all(-1)[:, -3 * skip_maps.SIZE :]
    wrong = (widget.labels() != widget.truth()).mean()
    assert error.mean() == pytest.approx(wrong, abs=1e-9)
    assert f"{wrong:.0%}" in widget.alt()
    assert "d0c, d1c off" in widget.alt()
    assert "all skip connections on" in SkipAblationExplorer(d0=True, d1=True, d2=True, d3=True).alt()


@given(
    st.one_of(
        st.integers().filter(lambda n: n not in skip_maps.SHOWN).map(lambda n: ("scene", n)),
        st.one_of(st.text(), st.integers(min_value=2)).map(lambda v: ("d1", v)),
        st.text().filter(lambda t: t not in ablation.KINDS).map(lambda v: ("off", v)),
        st.one_of(st.integers(max_value=-1), st.integers(min_value=skip_maps.SIZE)).map(lambda v: ("x", v)),
    )
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_bad_value_raises_and_names_the_setting(pair):
    name, value = pair
    with pytest.raises(traitlets.TraitError, match=name):
        SkipAblationExplorer(**{name: value})


@pytest.mark.parametrize(
    ("scene", "on", "kind"), [(53, 0, "mean"), (16, 15, "mean"), (51, 11, "zero"), (55, 7, "other")]
)
def test_copied_code_runs_and_prints_the_numbers_shown(scene, on, kind):
    state = {"scene": scene, "size": skip_maps.SIZE, "scenes": skip_maps.SCENES, "references": skip_maps.REFERENCES}
    code = call("core/skip_ablation.js", "toPyTorch", {**state, "off": skip_maps.off(on), "kind": kind})
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "copied", "exec"), {})
    lines = dict(line.split(" ", 1) for line in printed.getvalue().splitlines())
    expected = scores(skip_maps.shown(scene, on, kind), skip_maps.labels_of(_picture(scene)["truth"]))
    assert float(lines["right"]) == pytest.approx(expected[0], abs=3e-3)
    assert float(lines["iou"]) == pytest.approx(expected[1], abs=1e-2)


def test_shown_scenes_are_of_the_test_split():
    image = data.load("scenes", "test", length=skip_maps.SCENES, size=skip_maps.SIZE)[53][0]
    torch.testing.assert_close(data.denormalise(skip_maps.scenes(54).images[53]), image)
