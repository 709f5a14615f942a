"""Accuracy against distance."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seglib.metrics import AccuracyByDistance
from seglib.metrics.distance import wilson
from tests.metrics.oracles import NAN, pairs

EDGES = (0, 2, 4, 8)


def measure(prediction, target, distance, ignore=None, edges=EDGES):
    metric = AccuracyByDistance(edges, ignore_index=ignore)
    metric.update(prediction, target, distance)
    return metric.compute()


def curve(*accuracies, width=10):
    """Bins of `width` px with one pixel in 20 for each 5 % of accuracy, at their middles; None for an empty bin."""
    target = np.zeros((1, 20 * len(accuracies)), dtype=np.int64)
    distance = np.repeat(width * (np.arange(len(accuracies)) + 0.5), 20)[None]
    prediction = np.concatenate([np.arange(20) >= 20 * (a or 0) for a in accuracies]).astype(np.int64)[None]
    distance[0, np.repeat([a is None for a in accuracies], 20)] = NAN
    return measure(prediction, target, distance, edges=width * np.arange(len(accuracies) + 1))


def test_hand_worked_bins():
    target = np.array([[1, 1, 1, 1, 1, 1, 0, 9]])
    prediction = np.array([[1, 0, 1, 1, 0, 1, 0, 1]])
    distance = np.array([[0.0, 1.0, 2.0, 3.0, 8.0, 8.1, NAN, 1.0]])
    result = measure(prediction, target, distance, ignore=9)
    np.testing.assert_array_equal(result.accuracy, [1 / 2, 1, 0])
    np.testing.assert_array_equal(result.count, [2, 2, 1])
    np.testing.assert_array_equal(result.distance, [0.5, 2.5, 8])
    np.testing.assert_array_equal(result.pictures, [1, 1, 1])
    assert result.outside == 1
    assert "1 pixels at other distances" in str(result)


def test_wilson_in_closed_form():
    z2 = 1.959963984540054**2
    low, high = wilson(np.array([0, 5, 10, 0]), np.array([10, 10, 10, 0]))
    # none right: from 0 to z^2 / (n + z^2); all right: the mirror image; half: 1/2 -+ z / (2 sqrt(n + z^2))
    half = math.sqrt(z2) / (2 * math.sqrt(10 + z2))
    np.testing.assert_allclose(low, [0, 0.5 - half, 10 / (10 + z2), NAN], atol=1e-15)
    np.testing.assert_allclose(high, [z2 / (10 + z2), 0.5 + half, 1, NAN], atol=1e-15)


@given(st.integers(1, 10**7), st.floats(0, 1))
def test_wilson_solves_its_equation(count, part):
    right = round(part * count)
    p = right / count
    low, high = wilson(np.array([right]), np.array([count]))
    assert 0 <= low[0] <= p + 1e-12
    assert p - 1e-12 <= high[0] <= 1
    for end in (low[0], high[0]):  # |p - end| = z sqrt(end (1 - end) / n)
        assert (p - end) ** 2 == pytest.approx(3.841458820694124 * end * (1 - end) / count, rel=1e-5, abs=1e-12)


def test_reach_lies_between_bins():
    assert curve(1.0, 1.0, 0.5, 0.5).reach() == pytest.approx(20)  # halfway from (15, 1) to (25, 0.5)
    assert curve(1.0, 0.75, 0.5).reach() == pytest.approx(15)  # at the threshold is not below it
    assert curve(1.0, 0.5).reach(0.9) == pytest.approx(7)
    assert curve(1.0, 0.5, 1.0, 1.0).reach() == pytest.approx(10)  # what comes back later does not count


def test_reach_at_the_ends():
    assert curve(0.7, 1.0).reach() == 0
    assert curve(1.0, 0.8, 0.75).reach() == 25  # a lower bound
    assert curve(0.75, 1.0).reach() == 15  # touching the threshold is not falling below it
    assert math.isnan(AccuracyByDistance(EDGES).compute().reach())


def test_reach_skips_empty_bins():
    assert curve(1.0, None, 0.5).reach() == pytest.approx(15)
    assert curve(None, 1.0, 0.5, None).reach() == pytest.approx(20)
    assert curve(1.0, None).reach() == 5
    assert "-" in str(curve(1.0, None))


@given(pairs(), st.data())
def test_agrees_with_loops_over_pixels(pair, data):
    _, prediction, target, ignore = pair
    elements = st.one_of(st.sampled_from([0.0, 2.0, 4.0, 8.0, NAN, math.inf]), st.floats(-1, 9))
    distance = data.draw(arrays(np.float64, target.shape, elements=elements))
    result = measure(prediction, target, distance, ignore)
    outside = 0
    bins = [[], [], []]
    for at in np.ndindex(target.shape):
        if target[at] == ignore or math.isnan(distance[at]):
            continue
        where = [i for i in range(3) if EDGES[i] <= distance[at] < EDGES[i + 1] or distance[at] == EDGES[i + 1] == 8]
        outside += not where
        for i in where:
            bins[i].append((at[0], float(distance[at]), prediction[at] == target[at]))
    assert result.outside == outside
    for i, rows in enumerate(bins):
        assert result.count[i] == len(rows)
        assert result.pictures[i] == len({n for n, _, _ in rows})
        right = np.mean([r for _, _, r in rows]) if rows else NAN
        np.testing.assert_allclose(result.accuracy[i], right)
        np.testing.assert_allclose(result.distance[i], np.mean([d for _, d, _ in rows]) if rows else NAN)


@given(pairs(), st.data())
def test_batches_and_processes_add_up(pair, data):
    _, prediction, target, ignore = pair
    distance = data.draw(arrays(np.float32, target.shape, elements=st.integers(0, 9)))
    one, parts, rest = (AccuracyByDistance(EDGES, ignore_index=ignore) for _ in range(3))
    one.update(prediction, target, distance)
    parts.update(torch.from_numpy(prediction[0]), torch.from_numpy(target[0]), torch.from_numpy(distance[0]))
    rest.update(prediction[1:], target[1:], distance[1:])
    parts.merge(rest)
    assert str(parts.compute()) == str(one.compute())
    parts.reset()
    assert parts.compute().count.sum() == 0


def test_refusals_name_the_value_and_the_fix():
    maps = np.zeros((2, 3), dtype=np.int64)
    with pytest.raises(ValueError, match=r"distance of shape \(1, 3, 2\) do not fit"):
        measure(maps, maps, np.zeros((3, 2)))
    with pytest.raises(ValueError, match="rising, finite"):
        AccuracyByDistance((0, math.inf))
    with pytest.raises(ValueError, match="threshold=75"):
        curve(1.0).reach(75)
