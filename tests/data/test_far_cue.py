"""Far cues: the mark alone tells the class, at every distance."""

from collections import Counter

import numpy as np
import pytest
import torch

from seglib.data import FarCue


def test_what_a_strip_is_made_of():
    strips = FarCue(30, size=(40, 200), seed=2)
    for index in range(30):
        image, target = strips[index]
        scene, distance = strips.strip(index)
        assert (image.dtype, image.shape, target.dtype) == (torch.float32, (3, 40, 200), torch.int64)
        assert torch.equal(image, scene.image)
        assert torch.equal(target, scene.target)
        (mark,) = scene.shapes
        label = {"disc": 1, "cross": 2}[mark.kind]
        assert target.unique().tolist() in ([0, label], [label])
        bar = target == label
        assert torch.equal(bar, ~distance.isnan())
        assert bar.all(1).sum() == bar.any(1).sum()  # from the left edge to the right
        assert 16 <= bar.any(1).sum() <= 24
        column = int(mark.x)
        assert torch.nan_to_num(distance, torch.inf).min(0).values.argmin() == column
        marked = scene.instances == 1
        assert marked.sum() > 30
        assert bar[marked].all()
        assert distance[marked].max() < 10


def test_the_distance_is_along_the_bar():
    scene, distance = FarCue(5, size=(32, 64)).strip(3)
    row = int(torch.nonzero(scene.target)[0, 0])
    expected = np.abs(np.arange(64) + 0.5 - scene.shapes[0].x)
    np.testing.assert_allclose(distance[row], expected, atol=1e-4)


def test_away_from_the_mark_nothing_tells_the_class():
    """Means of colour and of its spread, class against class: no more apart than chance has it."""
    strips = FarCue(600, size=(32, 96), noise=0)
    features = {1: [], 2: []}
    for index in range(600):
        scene, distance = strips.strip(index)
        far = (distance > 15) & ~distance.isnan()
        if far.any():
            pixels = scene.image[:, far]
            features[int(scene.target.max())].append(torch.cat([pixels.mean(1), pixels.std(1)]).numpy())
    one, two = (np.stack(features[label]) for label in (1, 2))
    error = np.sqrt(one.var(0) / len(one) + two.var(0) / len(two))
    assert (np.abs(one.mean(0) - two.mean(0)) < 4 * error).all()
    assert Counter({1: len(one), 2: len(two)})[1] == pytest.approx(300, abs=60)


def test_a_strip_follows_from_seed_and_index_alone():
    assert torch.equal(FarCue(9, seed=1)[4][0], FarCue(20, seed=1)[4][0])
    assert not torch.equal(FarCue(9, seed=1)[4][0], FarCue(9, seed=2)[4][0])
    assert not torch.equal(FarCue(9, split="val")[4][0], FarCue(9)[4][0])


def test_the_mark_lies_anywhere_on_the_bar():
    places = np.array([FarCue(200, size=(32, 100)).strip(index)[0].shapes[0].x for index in range(200)])
    assert places.min() < 20
    assert places.max() > 80
    assert abs(places.mean() - 50) < 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length=0"),
        ({"size": (16, 100)}, "size=(16, 100) must be at least 24 px high"),
        ({"size": (32, 10)}, "18 px wide"),
        ({"split": "dev"}, "split='dev'"),
        ({"seed": -3}, "seed=-3"),
        ({"size": 96}, "size=96 must be (h, w), two whole numbers"),
        *[({"noise": noise}, f"noise={noise} must be from 0 to 1") for noise in (-1, float("nan"), 5)],
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        FarCue(**options)
    assert message in str(error.value)
