"""The four of the FCN paper, and what every metric refuses."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seglib.metrics import AccuracyByDistance, BoundaryF1, IoUBySize, Segmentation, TrimapIoU, scores
from tests.metrics.oracles import IGNORE, four, pairs

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]


def measure(K, prediction, target, ignore=None, **options):
    metric = Segmentation(K, ignore, **options)
    metric.update(prediction, target)
    return metric.compute()


def test_hand_worked_matrix():
    # rows: truth, columns: prediction; t = 10, 5, 5
    result = scores([[8, 1, 1], [2, 3, 0], [0, 1, 4]])
    np.testing.assert_allclose(result.accuracy, [8 / 10, 3 / 5, 4 / 5])
    np.testing.assert_allclose(result.iou, [8 / 12, 3 / 7, 4 / 6])
    assert result.pixel_accuracy == 15 / 20
    assert result.mean_accuracy == pytest.approx((0.8 + 0.6 + 0.8) / 3)
    assert result.mean_iou == pytest.approx((2 / 3 + 3 / 7 + 2 / 3) / 3)
    assert result.frequency_weighted_iou == pytest.approx((10 * 2 / 3 + 5 * 3 / 7 + 5 * 2 / 3) / 20)
    assert result.absent == result.only_predicted == ()


def test_hand_worked_maps():
    target = torch.tensor([[0, 0, 1], [0, 1, 255]])
    prediction = torch.tensor([[0, 1, 1], [0, 1, 0]])
    result = measure(2, prediction, target, 255)
    np.testing.assert_array_equal(result.confusion, [[2, 1], [0, 2]])
    np.testing.assert_allclose(result.iou, [2 / 3, 2 / 3])
    assert result.pixel_accuracy == 4 / 5


def test_classes_without_pixels_are_said():
    # cow: right half of the time; sheep: only predicted; dog: neither
    result = measure(4, np.array([[0, 0, 1, 2]]), np.array([[0, 0, 1, 1]]), classes=["sky", "cow", "sheep", "dog"])
    assert result.absent == ("dog",)
    assert result.only_predicted == ("sheep",)
    np.testing.assert_array_equal(result.iou, [1, 0.5, 0, np.nan])
    np.testing.assert_array_equal(result.accuracy, [1, 0.5, np.nan, np.nan])
    assert result.mean_iou == 0.5  # of three: a wrong sheep counts, a dog that never was does not
    assert result.mean_accuracy == 0.75
    assert result.frequency_weighted_iou == 0.75
    table = str(result)
    assert "neither in the truth nor predicted, so in none of the means: dog" in table
    assert "predicted but not in the truth, so IoU 0 and no accuracy: sheep" in table


def test_nothing_counted_is_said():
    result = measure(2, np.zeros((2, 2), int), np.full((2, 2), IGNORE), IGNORE)
    values = (result.pixel_accuracy, result.mean_accuracy, result.mean_iou, result.frequency_weighted_iou)
    assert all(math.isnan(x) for x in values)
    assert result.absent == ("0", "1")
    assert "no pixel was counted" in str(result)
    assert "no pixel was counted" in str(Segmentation(1).compute())


@given(pairs())
def test_agrees_with_sets_of_pixels(pair):
    result, expected = measure(*pair), four(*pair)
    values = (result.pixel_accuracy, result.mean_accuracy, result.mean_iou, result.frequency_weighted_iou)
    np.testing.assert_allclose(values, expected[:4], atol=1e-12)
    np.testing.assert_allclose(result.iou, expected[4], atol=1e-12)
    assert result.absent == tuple(str(c) for c, iou in enumerate(expected[4]) if math.isnan(iou))


@given(pairs(), st.randoms(use_true_random=False))
def test_names_of_classes_and_flips_do_not_matter(pair, random):
    K, prediction, target, ignore = pair
    order = list(range(K))
    random.shuffle(order)
    new = np.full(256, IGNORE)
    new[:K] = order
    result, other = measure(*pair), measure(K, new[prediction][:, ::-1], new[target][:, ::-1], ignore)
    np.testing.assert_allclose(other.iou[order], result.iou)
    np.testing.assert_allclose(other.mean_iou, result.mean_iou)
    np.testing.assert_allclose(other.mean_accuracy, result.mean_accuracy)


@given(pairs())
def test_batches_and_processes_add_up(pair):
    K, prediction, target, ignore = pair
    one, parts, other = Segmentation(K, ignore), Segmentation(K, ignore), Segmentation(K, ignore)
    one.update(prediction, target)
    for p, t in zip(prediction, target, strict=True):
        parts.update(p, t)  # H W
    other.update(prediction[:1], target[:1])
    rest = Segmentation(K, ignore)
    rest.update(prediction[1:], target[1:])  # may be no picture at all
    other.merge(rest)
    for metric in (parts, other):
        np.testing.assert_array_equal(metric.compute().confusion, one.compute().confusion)
    one.reset()
    assert not one.compute().confusion.any()


def test_result_does_not_change_with_later_updates():
    metric = Segmentation(2)
    metric.update(np.array([[0, 1]]), np.array([[0, 1]]))
    result = metric.compute()
    metric.update(np.array([[0, 1]]), np.array([[1, 0]]))
    assert result.confusion.sum() == 2


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_any_integers_on_any_device(dtype, device):
    maps = torch.tensor([[0, 1], [1, 2]], dtype=dtype, device=device)
    assert measure(3, maps, maps).mean_iou == 1
    with torch.inference_mode():
        metric = Segmentation(3)
        metric.update(maps, maps)
    metric.update(maps, maps)  # one made in inference mode goes on outside
    assert metric.compute().confusion.sum() == 8


MAP = torch.zeros(2, 4, 4, dtype=torch.int64)


@pytest.mark.parametrize(
    ("prediction", "target", "error", "words"),
    [
        (torch.rand(2, 3, 4, 4), MAP, TypeError, r"\(2, 3, 4, 4\) is of torch.float32.*logits.argmax\(1\)"),
        (torch.zeros(2, 3, 4, 4).int(), MAP, ValueError, r"\(2, 3, 4, 4\) does not fit .* \(2, 4, 4\).*argmax\(1\)"),
        (MAP[0], MAP, ValueError, r"\(4, 4\) does not fit .* \(2, 4, 4\)"),
        (MAP, MAP.float(), TypeError, "target .* is of torch.float32"),
        (MAP.bool(), MAP, TypeError, "torch.bool"),
        (MAP[0, 0], MAP[0, 0], ValueError, r"\(4,\) is no class map"),
        ([[0]], MAP, TypeError, "is a list"),
        (MAP, MAP.index_fill(1, torch.tensor(3), 255), ValueError, "class 255 at scene 0, row 3, column 0.*=255"),
        (
            MAP.index_fill(2, torch.tensor(1), 3),
            MAP,
            ValueError,
            "prediction has the class 3 at scene 0, row 0, column 1",
        ),
        (MAP, MAP - 1, ValueError, "class -1"),
    ],
)
def test_refusals_name_the_value_and_the_fix(prediction, target, error, words):
    with pytest.raises(error, match=words):
        Segmentation(3).update(prediction, target)


def test_predictions_where_truth_is_ignored_are_not_looked_at():
    assert measure(2, np.array([[0, 77]]), np.array([[0, 255]]), 255).pixel_accuracy == 1
    with pytest.raises(ValueError, match="or another ignore_index than 255"):
        measure(2, np.array([[0, 0]]), np.array([[5, 255]]), 255)
    # an index to be ignored may lie among the classes, as CamVid's void does
    result = measure(3, np.array([[0, 2, 1]]), np.array([[0, 0, 2]]), 2)
    np.testing.assert_array_equal(result.confusion, [[1, 0, 1], [0, 0, 0], [0, 0, 0]])


def test_constructor_and_merge_refuse():
    with pytest.raises(ValueError, match="num_classes=0"):
        Segmentation(0)
    with pytest.raises(ValueError, match="1 names of classes for num_classes=2"):
        Segmentation(2, classes=["a"])
    with pytest.raises(ValueError, match="different ignore_index"):
        Segmentation(2).merge(Segmentation(2, 255))
    with pytest.raises(TypeError, match="a str cannot be merged into a Segmentation"):
        Segmentation(2).merge("")
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        scores(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="counts pixels, and has -1 in row 1, column 0"):
        scores([[3, 0], [-1, 0]])


@pytest.mark.parametrize("value", ["x", 2.5, True])
def test_ignore_index_is_a_whole_number(value):
    makers = [partial(metric, 2) for metric in (Segmentation, BoundaryF1, TrimapIoU)]
    makers += [partial(metric, (0, 1)) for metric in (IoUBySize, AccuracyByDistance)]
    for make in makers:
        with pytest.raises(ValueError, match=f"ignore_index={value!r} must be a whole number, or None"):
            make(ignore_index=value)
        assert make(ignore_index=np.uint8(255)).ignore_index == 255
