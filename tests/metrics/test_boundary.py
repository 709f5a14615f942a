"""Boundary F1 and trimaps."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seglib.metrics import BoundaryF1, Segmentation, TrimapIoU
from seglib.metrics.boundary import boundary, distance_to_other_label
from tests.metrics import oracles
from tests.metrics.oracles import IGNORE, average, pairs


def square(y, x, *, side=6, size=16):
    result = np.zeros((size, size), dtype=np.int64)
    result[y : y + side, x : x + side] = 1
    return result


def f1(K, prediction, target, ignore=None, **options):
    metric = BoundaryF1(K, ignore_index=ignore, **options)
    metric.update(prediction, target)
    return metric.compute()


def trimap(K, prediction, target, ignore=None, widths=(1, 2, 4), **options):
    metric = TrimapIoU(K, widths, ignore_index=ignore, **options)
    metric.update(prediction, target)
    return metric.compute()


def test_boundary_has_both_sides_and_no_frame():
    labels = np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]])
    expected = [[0, 0, 1, 1], [0, 1, 1, 1], [0, 1, 1, 0]]
    np.testing.assert_array_equal(boundary(labels, labels >= 0), np.array(expected, dtype=bool))
    counted = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 0, 1, 1]], dtype=bool)
    expected = [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]]
    np.testing.assert_array_equal(boundary(labels, counted), np.array(expected, dtype=bool))


@pytest.mark.parametrize("tolerance", [0, 1, 2])
def test_the_truth_itself_has_f1_of_1(tolerance):
    result = f1(3, square(4, 5), square(4, 5), tolerance=tolerance)
    np.testing.assert_array_equal(result.f1, [1, 1, np.nan])
    assert result.mean_f1 == 1
    assert result.absent == ("2",)
    assert "without a boundary, true or predicted, so in no mean: 2" in str(result)


def test_a_shift_within_the_tolerance_does_not_matter():
    assert f1(2, square(4, 6), square(4, 5), tolerance=1).mean_f1 == 1
    assert f1(2, square(5, 6), square(4, 5), tolerance=1).mean_f1 < 1  # off by the square root of 2
    assert f1(2, square(5, 6), square(4, 5), tolerance=1.5).mean_f1 == 1
    # 16 x 16 has a diagonal of 22.6 px
    assert f1(2, square(5, 6), square(4, 5), diagonal_fraction=1.4 / 22.6).mean_f1 < 1
    assert f1(2, square(5, 6), square(4, 5), diagonal_fraction=1.5 / 22.6).mean_f1 == 1


def test_hand_worked_f1():
    target = np.array([[0, 0, 0, 1, 1, 1, 1]])  # boundary of 0: column 2; of 1: column 3
    prediction = np.array([[0, 1, 1, 1, 1, 0, 0]])  # boundary of 0: columns 0 and 5; of 1: 1 and 4
    result = f1(2, prediction, target, tolerance=1)
    np.testing.assert_allclose(result.precision, [0, 1 / 2])
    np.testing.assert_allclose(result.recall, [0, 1])
    np.testing.assert_allclose(result.f1, [0, 2 / 3])
    assert result.mean_f1 == pytest.approx(1 / 3)
    result = f1(2, prediction, target, tolerance=2)
    np.testing.assert_allclose(result.precision, [1 / 2, 1])
    np.testing.assert_allclose(result.f1, [2 / 3, 1])


def test_a_class_with_only_one_of_two_boundaries_has_f1_of_0():
    result = f1(3, square(4, 5) * 2, square(4, 5), tolerance=2)
    np.testing.assert_array_equal(result.f1, [1, 0, 0])
    np.testing.assert_array_equal(result.precision, [1, np.nan, 0])
    np.testing.assert_array_equal(result.recall, [1, 0, np.nan])
    assert result.mean_f1 == pytest.approx(1 / 3)


def test_pictures_are_averaged_and_those_without_boundaries_left_out():
    empty = np.zeros((16, 16), dtype=np.int64)
    target = np.stack([square(4, 5), square(4, 5), empty])
    result = f1(2, np.stack([square(4, 5), empty, empty]), target)
    np.testing.assert_array_equal(result.picture_f1, [1, 0, np.nan])
    np.testing.assert_array_equal(result.pictures, [2, 2])
    assert result.mean_f1 == 0.5
    assert "mean over 2 pictures" in str(result)
    nothing = f1(2, empty, empty)
    assert math.isnan(nothing.mean_f1)
    assert nothing.absent == ("0", "1")
    assert str(BoundaryF1(2).compute()).startswith("boundary F1 nan, mean over 0 pictures")


@given(pairs(), st.sampled_from([0, 1, 1.5, 2, 3]))
def test_f1_agrees_with_loops_over_pixels(pair, tolerance):
    K, prediction, target, ignore = pair
    rows = [oracles.boundary_f1(K, p, t, ignore, tolerance) for p, t in zip(prediction, target, strict=True)]
    result = f1(*pair, tolerance=tolerance)
    np.testing.assert_allclose(result.f1, [average(column) for column in zip(*rows, strict=True)], atol=1e-12)
    np.testing.assert_allclose(result.picture_f1, [average(row) for row in rows], atol=1e-12)
    np.testing.assert_allclose(result.mean_f1, average([average(row) for row in rows]), atol=1e-12)


def test_hand_worked_bands():
    target = np.array([[0, 0, 0, 0, 1, 1, 1, 1]])
    prediction = np.array([[1, 0, 0, 0, 0, 1, 1, 1]])
    result = trimap(3, prediction, target, widths=(1, 2, 3, math.inf))
    np.testing.assert_array_equal(result.pixels, [2, 4, 6, 8])  # w on either side
    np.testing.assert_allclose(result.pixel_error, [1 / 2, 1 / 4, 1 / 6, 2 / 8])
    np.testing.assert_allclose(result.mean_iou, [(1 / 2 + 0) / 2, (2 / 3 + 1 / 2) / 2, (3 / 4 + 2 / 3) / 2, 3 / 5])
    assert result.scores[-1].absent == ("2",)
    assert "so in no mean: 2" in str(result)


def test_ignored_pixels_are_no_boundary():
    target = np.array([[0, 0, IGNORE, 0, 0, 0, 1]])
    result = trimap(2, target % IGNORE, target, IGNORE, widths=(1, 3, 9))
    np.testing.assert_array_equal(result.pixels, [2, 4, 6])
    around = trimap(2, target % IGNORE, target, IGNORE, widths=(1, 2, 9), around="ignored")
    np.testing.assert_array_equal(around.pixels, [2, 4, 6])
    assert around.scores[0].absent == ("1",)
    nothing = trimap(2, target[:, 3:], target[:, 3:], IGNORE, around="ignored")  # no pixel is ignored
    np.testing.assert_array_equal(nothing.pixels, [0, 0, 0])
    assert np.isnan(nothing.mean_iou).all()


@given(pairs(most_pictures=2, most_pixels=6))
def test_bands_agree_with_loops_over_pixels(pair):
    K, prediction, target, ignore = pair
    widths = (1, 1.5, 3)
    result = trimap(*pair, widths=widths)
    distances = np.stack([oracles.distance_to_other_label(t, ignore) for t in target])
    mine = np.stack([distance_to_other_label(t, t != (-1 if ignore is None else ignore)) for t in target])
    np.testing.assert_allclose(mine, distances, rtol=1e-12)
    for band, width in zip(result.scores, widths, strict=True):
        inside = np.where(distances <= width, target, -1)
        expected = oracles.four(K, prediction, inside, -1)
        np.testing.assert_allclose(band.iou, expected[4], atol=1e-12)
        np.testing.assert_allclose(band.mean_iou, expected[2], atol=1e-12)
        np.testing.assert_allclose(band.pixel_accuracy, expected[0], atol=1e-12)


@given(pairs())
def test_an_infinite_band_is_the_whole_picture(pair):
    K, prediction, target, ignore = pair
    whole = Segmentation(K, ignore)
    whole.update(prediction, target)
    result = trimap(*pair, widths=(2, math.inf))
    np.testing.assert_array_equal(result.scores[-1].confusion, whole.compute().confusion)


@given(pairs(), st.randoms(use_true_random=False))
def test_names_of_classes_and_flips_do_not_matter(pair, random):
    K, prediction, target, ignore = pair
    order = list(range(K))
    random.shuffle(order)
    new = np.full(256, IGNORE)
    new[:K] = order
    other = (K, new[prediction].swapaxes(1, 2)[:, ::-1], new[target].swapaxes(1, 2)[:, ::-1], ignore)
    np.testing.assert_allclose(f1(*other).f1[order], f1(*pair).f1)
    np.testing.assert_allclose(trimap(*other).mean_iou, trimap(*pair).mean_iou)


@given(pairs())
def test_batches_and_processes_add_up(pair):
    K, prediction, target, ignore = pair
    for make in (lambda: BoundaryF1(K, ignore_index=ignore), lambda: TrimapIoU(K, (1, 3), ignore_index=ignore)):
        one, parts, rest = make(), make(), make()
        one.update(prediction, target)
        parts.update(torch.from_numpy(prediction[0]), torch.from_numpy(target[0]))
        rest.update(prediction[1:], target[1:])
        parts.merge(rest)
        assert str(parts.compute()) == str(one.compute())
        parts.reset()
        assert str(parts.compute()) == str(make().compute())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: BoundaryF1(2, tolerance=-1), "tolerance=-1 is no distance"),
        (lambda: BoundaryF1(2, tolerance=math.nan), "tolerance=nan"),
        (lambda: BoundaryF1(2, diagonal_fraction=2), "diagonal_fraction=2 is no part"),
        (lambda: TrimapIoU(2, (0, 1)), "begin at 0; a band has a width above 0"),
        (lambda: TrimapIoU(2, (2, 1)), "1 or more rising"),
        (lambda: TrimapIoU(2, ()), "1 or more rising"),
        (lambda: TrimapIoU(2, around="void"), "around='void' is not known; choose one of labels, ignored"),
        (lambda: TrimapIoU(2, around="ignored"), "needs an ignore_index"),
        (lambda: TrimapIoU(2, (1,)).merge(TrimapIoU(2, (2,))), "different widths"),
    ],
)
def test_refusals_name_the_value_and_the_fix(make, words):
    with pytest.raises(ValueError, match=words):
        make()
