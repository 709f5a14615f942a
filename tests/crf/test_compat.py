"""The same script, run with pydensecrf and with seglib.crf.compat."""

import numpy as np
import pytest

from seglib.crf import compat
from tests.crf.oracles import picture, pydensecrf, random_energies

SIZE = (31, 42)
IMAGE = picture("coffee", SIZE)
H, W = SIZE


def peers():
    """Their densecrf and utils, as one namespace."""
    dcrf = pydensecrf()
    utils = pytest.importorskip("pydensecrf.utils", reason="pydensecrf does not build on this Python")
    return dcrf, utils


def readme(dcrf, **_):
    d = dcrf.DenseCRF2D(W, H, 5)
    d.setUnaryEnergy(random_energies(5, SIZE).reshape(5, -1))
    d.addPairwiseGaussian(sxy=(3, 3), compat=3, kernel=dcrf.DIAG_KERNEL, normalization=dcrf.NORMALIZE_SYMMETRIC)
    d.addPairwiseBilateral(sxy=(80, 60), srgb=(13, 14, 15), rgbim=IMAGE, compat=10, kernel=dcrf.FULL_KERNEL)
    return d.inference(5)


def labels(dcrf, utils):
    marks = np.random.default_rng(0).integers(0, 4, SIZE)
    d = dcrf.DenseCRF2D(W, H, 3)
    d.setUnary(dcrf.ConstUnary(utils.unary_from_labels(marks, 3, gt_prob=0.7, zero_unsure=True)))
    d.addPairwiseEnergy(utils.create_pairwise_gaussian(sdims=(3, 4), shape=SIZE), compat=3)
    features = utils.create_pairwise_bilateral(sdims=(20, 30), schan=(13, 14, 15), img=IMAGE, chdim=2)
    d.addPairwiseEnergy(features, compat=10, kernel=dcrf.CONST_KERNEL, normalization=dcrf.NORMALIZE_AFTER)
    return d.inference(5)


def softmax_and_matrices(dcrf, utils):
    p = np.exp(-random_energies(3, SIZE))
    d = dcrf.DenseCRF2D(W, H, 3)
    d.setUnaryEnergy(utils.unary_from_softmax(p / p.sum(0), scale=0.9))
    d.addPairwiseGaussian(3, np.array([-1, -2, -3], dtype=np.float32), normalization=dcrf.NORMALIZE_BEFORE)
    matrix = np.array([[0, 1, 2], [4, 0, 1], [1, 1, 0.5]], dtype=np.float32)
    d.addPairwiseBilateral(20, 13, IMAGE, matrix)
    return d.inference(5)


def one_dimension(dcrf, utils):
    d = dcrf.DenseCRF(101, 2)
    d.setUnaryEnergy(random_energies(2, (101,)))
    d.addPairwiseEnergy(utils.create_pairwise_gaussian((3,), (101,)), 2)
    gray = IMAGE.reshape(-1)[:101].copy()
    d.addPairwiseEnergy(utils.create_pairwise_bilateral((5,), 20, gray), 2)
    return d.inference(4)


def steps(dcrf, **_):
    d = dcrf.DenseCRF2D(W, H, 3)
    d.setUnaryEnergy(random_energies(3, SIZE).reshape(3, -1))
    d.addPairwiseGaussian(sxy=3, compat=3)
    q, tmp1, tmp2 = d.startInference()
    for _ in range(3):
        d.stepInference(q, tmp1, tmp2)
    return np.append(np.array(q).reshape(-1), d.klDivergence(q) / 1e4)


@pytest.mark.parametrize("script", [readme, labels, softmax_and_matrices, one_dimension, steps])
def test_same_script_same_answer(script):
    dcrf, utils = peers()
    theirs = np.array(script(dcrf, utils=utils))
    ours = np.array(script(compat, utils=compat))
    assert ours.dtype.kind == "f"
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-3
    assert (np.abs(ours - theirs) > 1e-5).mean() < 0.01


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("unary_from_labels", (np.arange(4).repeat(3), 3, 0.6), {}),
        ("unary_from_labels", (np.arange(3).reshape(3, 1), 3, 0.6), {"zero_unsure": False}),
        ("unary_from_softmax", (np.array([[[0.2, 0.0]], [[0.8, 1.0]]]),), {}),
        ("unary_from_softmax", (np.array([[0.2, 0.1], [0.8, 0.9]]),), {"scale": 0.5, "clip": None}),
        ("create_pairwise_gaussian", ((2, 3, 4), (3, 4, 5)), {}),
        ("create_pairwise_bilateral", ((2, 3), (4, 5, 6), IMAGE.transpose(1, 2, 0)), {"chdim": 1}),
        ("create_pairwise_bilateral", ((2, 3), 0.1, IMAGE[..., 0] / 255), {}),
    ],
)
def test_helpers_are_pydensecrfs(name, arguments, options):
    theirs = getattr(peers()[1], name)(*arguments, **options)
    ours = getattr(compat, name)(*arguments, **options)
    assert ours.dtype == theirs.dtype == np.float32
    assert ours.flags.c_contiguous
    np.testing.assert_array_equal(ours, theirs)


def test_constants_are_pydensecrfs():
    dcrf = pydensecrf()
    for name in [*compat.NormalizationType.__members__, *compat.KernelType.__members__]:
        assert getattr(compat, name) == getattr(dcrf, name)


def test_old_names_warn():
    with pytest.warns(DeprecationWarning, match="unary_from_labels"):
        compat.compute_unary(np.array([1, 2]), 2)
    with pytest.warns(DeprecationWarning, match="unary_from_softmax"):
        compat.softmax_to_unary(np.array([[0.4], [0.6]]))


def test_what_is_not_offered_says_so():
    d = compat.DenseCRF2D(4, 3, 2)
    with pytest.raises(NotImplementedError, match="LogisticUnary"):
        compat.LogisticUnary(np.ones((2, 2)), np.ones((2, 12)))
    with pytest.raises(NotImplementedError, match="L @ f"):
        d.setUnaryEnergy(np.ones((2, 12)), np.ones((2, 12)))
    with pytest.raises(NotImplementedError, match="ConstUnary"):
        d.setUnary(np.ones((2, 12)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.setUnaryEnergy(np.ones((12, 2))), r"Need \(2, 12\), got \(12, 2\)"),
        (lambda d: d.setUnaryEnergy(np.ones((2, 3, 4))), "3 axes, wants 2"),
        (lambda d: d.addPairwiseEnergy(np.ones((2, 11)), 1), r"Need \(\?, 12\)"),
        (lambda d: d.addPairwiseBilateral(3, 3, np.ones((4, 3, 3), np.uint8), 1), r"Need \(3, 4, 3\)"),
        (lambda d: d.addPairwiseBilateral(3, 3, np.ones((3, 4, 1), np.uint8), 1), "RGB"),
        (lambda d: d.addPairwiseBilateral(3, 3, np.ones((3, 4, 3)), 1), "uint8"),
        (lambda d: d.addPairwiseGaussian(0, 1), "sxy is 0"),
        (lambda d: d.addPairwiseGaussian(1, np.ones(3)), "2 labels"),
        (lambda d: d.addPairwiseGaussian(1, np.ones((2, 2, 2))), "dimension >2"),
        (lambda d: compat.create_pairwise_gaussian((1, 2), (3,)), "2 standard deviations for the 1 axes"),
        (lambda d: compat.DenseCRF(0, 2), "0 variables"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(compat.DenseCRF2D(4, 3, 2))


def test_labels_that_do_not_exist_are_named():
    with pytest.raises(IndexError, match="from 1 to 5, but 3 labels go from 1 to 3"):
        compat.unary_from_labels(np.array([1, 5]), 3, 0.5)
    with pytest.raises(AssertionError, match="gt_prob"):
        compat.unary_from_labels(np.array([1, 5]), 3, 1)
