"""IoU of single objects."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seglib.metrics import IoUBySize
from seglib.metrics.size import nearest_object
from tests.metrics.oracles import IGNORE, objects


@st.composite
def scenes(draw):
    """Prediction, target, instances, sizes, ignore index and background."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)))
    instances = draw(arrays(np.int64, shape, elements=st.integers(0, 4)))
    background = draw(st.sampled_from([None, 0]))
    classes = draw(arrays(np.int64, (shape[0], 5), elements=st.integers(1, 3)))
    classes[:, 0] = 0
    target = np.take_along_axis(classes, instances.reshape(shape[0], -1), 1).reshape(shape)
    ignore = draw(st.sampled_from([None, IGNORE]))
    if ignore is not None:
        target = np.where(draw(arrays(bool, shape)), ignore, target)
    prediction = draw(arrays(np.int64, shape, elements=st.integers(0, 3)))
    sizes = draw(arrays(np.float64, (shape[0], 4), elements=st.floats(0, 20)))
    return prediction, target, instances, sizes, ignore, background


def measure(prediction, target, instances, sizes, ignore=None, background=0, edges=(0, 5, 10, 15)):
    metric = IoUBySize(edges, ignore_index=ignore, background=background)
    metric.update(prediction, target, instances, sizes)
    return metric


# Two objects of class 1, one of class 2, and predictions of which each kind occurs once.
INSTANCES = np.array(
    [
        [1, 1, 0, 0, 0, 2],
        [1, 1, 0, 0, 0, 2],
        [0, 0, 0, 0, 0, 0],
        [3, 3, 0, 0, 0, 0],
    ]
)
TARGET = np.array([0, 1, 1, 2])[INSTANCES]
PREDICTION = np.array(
    [
        [1, 1, 1, 0, 1, 1],  # of the first object 2 are right, and 1 is wrong beside it; 1 wrong beside the second
        [0, 2, 0, 0, 0, 0],  # one pixel of the first is given to the third object; of the second 1 is right
        [0, 0, 0, 0, 3, 0],  # nobody is a 3
        [0, 0, 0, 0, 0, 0],  # the third is missed
    ]
)


def test_hand_worked_false_positives():
    metric = measure(PREDICTION, TARGET, INSTANCES, [1.1, 0.8, 7.0, 2.0], edges=(0, 1, 5, 10))
    rows = metric.objects[["number", "class_id", "pixels", "right", "wrong"]].tolist()
    assert rows == [(1, 1, 4, 2, 1), (2, 1, 2, 1, 1), (3, 2, 2, 0, 1)]
    result = metric.compute()
    np.testing.assert_allclose(result.iou, [1 / 3, 2 / 5, 0])
    np.testing.assert_allclose(result.recall, [1 / 2, 1 / 2, 0])
    np.testing.assert_array_equal(result.missed, [0, 0, 1])
    np.testing.assert_array_equal(result.count, [1, 1, 1])
    np.testing.assert_array_equal(result.size, [0.8, 1.1, 7])
    assert np.isnan(result.error).all()  # of one object there is none
    assert (result.unassigned, result.hidden, result.outside) == (1, 1, 0)
    assert "1 objects without a visible pixel" in str(result)


def test_ignored_pixels_are_no_part_of_objects_or_mistakes():
    target = TARGET.copy()
    target[0, 2:5] = target[1, :2] = target[3] = IGNORE  # both mistakes, half of object 1, and the whole of object 3
    metric = measure(PREDICTION, target, INSTANCES, [1.1, 0.8, 7.0, 2.0], ignore=IGNORE)
    assert metric.objects[["number", "pixels", "right", "wrong"]].tolist() == [(1, 2, 2, 0), (2, 2, 1, 0)]
    assert metric.compute().hidden == 2


def test_background_may_be_an_object_too():
    target = TARGET[:, :2]
    with pytest.raises(ValueError, match="object 1 of scene 0 is of the class 1, which background="):
        measure(target, target, INSTANCES[:, :2], [1, 1, 1], background=1)
    rows = measure(np.zeros_like(target), target, INSTANCES[:, :2], [1, 1, 1], background=None)
    assert rows.compute().unassigned == 6  # of class 0 there is no object


def test_standard_error_of_a_bin():
    target = np.array([[1, 1, 0, 1, 1, 0, 1, 1]])
    instances = np.array([[1, 1, 0, 2, 2, 0, 3, 3]])
    prediction = np.array([[1, 1, 0, 1, 0, 0, 0, 0]])
    result = measure(prediction, target, instances, np.array([1.0, 2.0, 3.0])).compute()
    values = np.array([1, 0.5, 0])
    assert result.iou[0] == 0.5
    assert result.error[0] == pytest.approx(values.std(ddof=1) / math.sqrt(3))
    assert result.missed[0] == pytest.approx(1 / 3)
    assert np.isnan(result.iou[1:]).all()
    assert result.count.tolist() == [3, 0, 0]
    assert " - " in str(result)


def test_edges_belong_to_the_upper_bin_but_the_last():
    instances = np.array([[1, 2, 3, 4, 5, 6]])
    target = np.ones_like(instances)
    result = measure(target, target, instances, np.array([0.9, 1, 2, 3.9, 4, 4.1]), edges=(1, 2, 4)).compute()
    assert result.count.tolist() == [1, 3]
    assert result.outside == 2
    assert measure(target, target, instances, np.full(6, 1e9), edges=(1, math.inf)).compute().count.tolist() == [6]


@given(scenes())
def test_agrees_with_loops_over_pixels(scene):
    prediction, target, instances, sizes, ignore, background = scene
    metric = measure(*scene)
    result, rows = metric.compute(), metric.objects
    unassigned, seen = 0, 0
    for n in range(len(target)):
        expected, without, total = objects(prediction[n], target[n], instances[n], ignore, background)
        mine = rows[rows["scene"] == n]
        assert mine["number"].tolist() == sorted(expected)
        assert mine["wrong"].sum() == total
        for row in mine:
            pixels, right, least, most = expected[row["number"]]
            assert (row["pixels"], row["right"]) == (pixels, right)
            assert least <= row["wrong"] <= most  # the same without ties
            assert row["size"] == sizes[n, row["number"] - 1]
        unassigned, seen = unassigned + without, seen + len(expected)
    assert result.unassigned == unassigned
    assert result.hidden == sizes.size - seen
    iou = rows["right"] / (rows["pixels"] + rows["wrong"])
    for i, (low, high) in enumerate([(0, 5), (5, 10), (10, 15)]):
        inside = (rows["size"] >= low) & ((rows["size"] < high) | (rows["size"] == 15) & (high == 15))
        assert result.count[i] == inside.sum()
        if inside.any():
            assert result.iou[i] == pytest.approx(iou[inside].mean())
            assert result.recall[i] == pytest.approx((rows["right"] / rows["pixels"])[inside].mean())
            assert result.missed[i] == pytest.approx((rows["right"] == 0)[inside].mean())
        if inside.sum() > 1:
            assert result.error[i] == pytest.approx(iou[inside].std(ddof=1) / math.sqrt(inside.sum()), abs=1e-12)
    assert result.outside == len(rows) - result.count.sum()


@given(arrays(bool, (9, 8)), arrays(np.int64, (9, 8), elements=st.sampled_from([0, 0, 0, 1, 2, 3])))
def test_nearest_object_is_nearest(positives, labels):
    positives[0, 0] = True
    labels[8, 7] = 1
    found = nearest_object(positives, labels)
    for at, k in zip(np.argwhere(positives), found, strict=True):
        distances = {j: min(math.dist(at, b) for b in np.argwhere(labels == j)) for j in np.unique(labels) if j}
        assert distances[k] == min(distances.values())


@given(scenes())
def test_batches_and_processes_add_up(scene):
    prediction, target, instances, sizes, ignore, background = scene
    one = measure(*scene)
    parts, rest = (IoUBySize(one.edges, background=background, ignore_index=ignore) for _ in range(2))
    parts.update(prediction[0], target[0], instances[0], sizes[0])  # H W
    rest.update(prediction[1:], target[1:], instances[1:], sizes[1:])
    parts.merge(rest)
    np.testing.assert_array_equal(parts.objects, one.objects)
    assert str(parts.compute()) == str(one.compute())
    assert str(rest.compute()) == str(measure(*(x[1:] for x in scene[:4]), ignore, background).compute())
    parts.reset()
    assert len(parts.objects) == parts.compute().hidden == 0


def test_tensors_do_as_well():
    tensors = [torch.from_numpy(x[None]) for x in (PREDICTION, TARGET, INSTANCES)]
    result = measure(*tensors, [torch.tensor([1.1, 0.8, 7.0])]).compute()
    assert result.count.sum() == 3
    assert measure(PREDICTION, TARGET, INSTANCES.astype(np.uint8), [1.1, 0.8, 7.0]).compute().count.sum() == 3


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"sizes": [1.0, 2.0]}, ValueError, "scene 0 has an object 3 and 2 sizes"),
        ({"sizes": [[1.0, 2.0, 3.0]] * 2}, ValueError, "sizes of 2 scenes for 1"),
        ({"sizes": [[[1.0]]]}, ValueError, r"sizes\[0\] has the shape \(1, 1\)"),
        ({"sizes": [1.0, math.nan, 2.0]}, ValueError, "object 2 of scene 0 has the size nan"),
        ({"instances": INSTANCES * 1.0}, TypeError, "instances are of float64"),
        ({"instances": -INSTANCES}, ValueError, "instances have the value -3 in scene 0"),
        ({"instances": INSTANCES[:2]}, ValueError, r"instances of shape \(1, 2, 6\) do not fit"),
        ({"instances": np.minimum(INSTANCES, 2)}, ValueError, "object 2 of scene 0 has pixels of the classes 1, 2"),
        ({"edges": (1, 1)}, ValueError, r"edges=\(1, 1\): give 2 or more rising, finite numbers"),
        ({"edges": (1, math.nan)}, ValueError, "rising"),
        ({"edges": (-math.inf, 1)}, ValueError, "rising"),
        ({"edges": (1,)}, ValueError, "2 or more"),
    ],
)
def test_refusals_name_the_value_and_the_fix(change, error, words):
    good = {"prediction": PREDICTION, "target": TARGET, "instances": INSTANCES, "sizes": [1.0, 2.0, 3.0]}
    with pytest.raises(error, match=words):
        measure(**(good | change))


def test_what_is_refused_leaves_no_trace():
    metric = IoUBySize((0, 5))
    two = [np.stack([x, x]) for x in (PREDICTION, TARGET, INSTANCES)]
    with pytest.raises(ValueError, match="scene 1 has an object 3"):
        metric.update(*two, [[1.0, 2.0, 3.0], [1.0]])
    assert len(metric.objects) == 0
