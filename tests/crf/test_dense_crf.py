"""The model: what it takes, what it gives, what it refuses."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.crf import DenseCRF, Pairwise
from tests.crf.oracles import NORMALIZATIONS, picture, random_energies

SIZE = (12, 17)
IMAGE = picture("coffee", SIZE)
ENERGIES = random_energies(3, SIZE)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"))]


def test_three_kinds_of_unaries_agree():
    crf = DenseCRF(IMAGE)
    q = crf(energies=ENERGIES)
    assert q.shape == (3, *SIZE)
    assert q.dtype == torch.float32
    assert q.is_contiguous()
    torch.testing.assert_close(crf(logits=-ENERGIES), q)
    torch.testing.assert_close(crf(probabilities=torch.softmax(-torch.from_numpy(ENERGIES), 0)), q)
    torch.testing.assert_close(crf(energies=ENERGIES.reshape(3, -1)), q)


def test_forms_of_arrays_do_not_matter():
    q = DenseCRF(IMAGE)(energies=ENERGIES)
    tensor = torch.from_numpy(IMAGE).permute(2, 0, 1)
    forms = [tensor, tensor.contiguous(), tensor.int(), np.asfortranarray(IMAGE), IMAGE[::-1].copy()[::-1]]
    for image in forms:
        assert torch.equal(DenseCRF(image)(energies=ENERGIES), q)
    torch.testing.assert_close(DenseCRF(tensor / 255)(energies=ENERGIES), q, atol=1e-4, rtol=0)
    torch.testing.assert_close(DenseCRF(IMAGE / 255)(energies=ENERGIES), q, atol=1e-4, rtol=0)
    turned = np.ascontiguousarray(ENERGIES.transpose(0, 2, 1)).transpose(0, 2, 1)
    readonly = ENERGIES.copy()
    readonly.flags.writeable = False
    for energies in [turned, ENERGIES.astype(">f4"), ENERGIES.astype(np.float64), torch.from_numpy(ENERGIES), readonly]:
        assert torch.equal(DenseCRF(IMAGE)(energies=energies), q)
    gray = IMAGE[..., 0]
    assert torch.equal(DenseCRF(gray)(energies=ENERGIES), DenseCRF(gray[..., None])(energies=ENERGIES))


@pytest.mark.parametrize("method", ["lattice", "exact"])
def test_inputs_are_left_alone_and_answers_repeat(method):
    image, energies = IMAGE.copy(), ENERGIES.copy()
    crf = DenseCRF(image, method=method)
    first = crf(energies=energies)
    assert torch.equal(first, crf(energies=energies))
    assert torch.equal(first, DenseCRF(image, method=method)(energies=energies))
    logits = torch.from_numpy(-energies)
    before = logits.clone()
    crf(logits=logits)
    assert torch.equal(logits, before)
    assert np.array_equal(image, IMAGE)
    assert np.array_equal(energies, ENERGIES)


def test_threads_do_not_change_the_answer():
    image, energies = picture("astronaut", (120, 160)), random_energies(5, (120, 160))
    answers = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        answers.append(DenseCRF(image)(energies=energies, iterations=3))
    assert torch.equal(*answers)


@pytest.mark.parametrize("k", [1, 2, 15, 16, 150])
def test_numbers_of_labels(k):
    q = DenseCRF(IMAGE)(energies=random_energies(k, SIZE))
    assert q.shape == (k, *SIZE)
    torch.testing.assert_close(q.sum(0), torch.ones(SIZE))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (2, 2)])
@pytest.mark.parametrize("method", ["lattice", "exact"])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_tiny_pictures(size, method, normalization):
    energies = random_energies(3, size)
    q = DenseCRF(picture("noise", size), method=method, normalization=normalization)(energies=energies)
    torch.testing.assert_close(q.sum(0), torch.ones(size))


@pytest.mark.parametrize("shift", [-1024.0, 0.0, 1024.0])
@pytest.mark.parametrize("k", [3, 20])
def test_a_constant_in_the_unary_changes_nothing(shift, k):
    """Also where exponentials would overflow, or vanish."""
    logits = -random_energies(k, SIZE)
    q = DenseCRF(IMAGE)(logits=(logits * 64).round() / 64)
    torch.testing.assert_close(DenseCRF(IMAGE)(logits=(logits * 64).round() / 64 + shift), q, atol=5e-3, rtol=0)


def test_iterator_gives_every_update():
    crf = DenseCRF(IMAGE)
    steps = list(crf.iterate(energies=ENERGIES, iterations=4))
    assert len(steps) == 4
    for i, q in enumerate(steps, start=1):
        assert torch.equal(q, crf(energies=ENERGIES, iterations=i))
    single = list(DenseCRF(IMAGE).iterate(energies=ENERGIES[:1], iterations=2))
    assert single[0].data_ptr() != single[1].data_ptr()


def test_batches_equal_singles():
    images = torch.stack([torch.from_numpy(picture(name, SIZE)).permute(2, 0, 1) for name in ("coffee", "astronaut")])
    energies = torch.from_numpy(np.stack([random_energies(3, SIZE, seed) for seed in range(2)]))
    q = DenseCRF(images)(energies=energies)
    assert q.shape == (2, 3, *SIZE)
    for image, unary, one in zip(images, energies, q, strict=True):
        assert torch.equal(DenseCRF(image)(energies=unary), one)
    assert torch.equal(DenseCRF(images.permute(0, 2, 3, 1).numpy())(energies=energies), q)
    other = picture("chelsea", (9, 8))
    mixed = DenseCRF([images[0].numpy().transpose(1, 2, 0), other])(energies=[energies[0], random_energies(2, (9, 8))])
    assert torch.equal(mixed[0], q[0])
    assert mixed[1].shape == (2, 9, 8)
    steps = list(DenseCRF(images).iterate(energies=energies, iterations=2))
    assert torch.equal(steps[-1], DenseCRF(images)(energies=energies, iterations=2))


def test_pairwise_terms_can_say_what_gaussian_and_bilateral_say():
    y, x = (axis.astype(np.float32) for axis in np.mgrid[: SIZE[0], : SIZE[1]])
    position = np.stack([x, y])
    colour = IMAGE.transpose(2, 0, 1).astype(np.float32) / np.float32(13)
    terms = [
        Pairwise(position / np.float32(3), 3.0),
        Pairwise(torch.from_numpy(np.concatenate([position / np.float32(80), colour])), 10.0),
    ]
    q = DenseCRF(IMAGE, gaussian=None, bilateral=None, pairwise=terms)(energies=ENERGIES)
    assert torch.equal(q, DenseCRF(IMAGE, gaussian=(3, 3), bilateral=(10, 80, 13))(energies=ENERGIES))
    more = DenseCRF(IMAGE, pairwise=[Pairwise(colour[:1], 2.0, normalization="after")])(energies=ENERGIES)
    assert not torch.equal(more, q)


@pytest.mark.parametrize("size", [(40,), (6, 7), (4, 5, 6), (3, 3, 4, 2)])
def test_grids_with_any_number_of_axes(size):
    energies = random_energies(2, size)
    q = DenseCRF(size=size, bilateral=None, gaussian=(1.0, 1.5))(energies=energies)
    exact = DenseCRF(size=size, bilateral=None, gaussian=(1.0, 1.5), method="exact")(energies=energies)
    assert q.shape == (2, *size)
    assert (q - exact).abs().mean() < 0.05


def test_matrix_of_potts_is_potts():
    q = DenseCRF(IMAGE)(energies=ENERGIES)
    matrix = DenseCRF(IMAGE, compatibility=1 - np.eye(3))(energies=ENERGIES)
    torch.testing.assert_close(matrix, q, atol=1e-5, rtol=0)


def test_message_is_what_an_update_adds():
    crf = DenseCRF(IMAGE)
    q = crf(energies=ENERGIES, iterations=1)
    expected = torch.softmax(crf.message(q) - torch.from_numpy(ENERGIES), dim=0)
    torch.testing.assert_close(crf(energies=ENERGIES, iterations=2), expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", ["lattice", "exact"])
def test_devices_agree(device, method):
    expected = DenseCRF(IMAGE, method=method)(energies=ENERGIES)
    q = DenseCRF(IMAGE, method=method, device=device)(energies=ENERGIES)
    assert q.device.type == device
    torch.testing.assert_close(q.cpu(), expected, atol=1e-3, rtol=0)


# Properties

logits = st.integers(0, 10_000).map(lambda seed: -random_energies(3, (6, 7), seed))
images = st.integers(0, 10_000).map(lambda s: np.random.default_rng(s).integers(0, 256, (6, 7, 3), dtype=np.uint8))
settings.register_profile("crf", deadline=None, max_examples=20)
few = settings.get_profile("crf")


@few
@given(images, logits, st.sampled_from(NORMALIZATIONS))
def test_rows_are_distributions(image, unary, normalization):
    q = DenseCRF(image, normalization=normalization)(logits=unary)
    torch.testing.assert_close(q.sum(0), torch.ones(6, 7))
    assert q.min() >= 0


@few
@given(images, logits, st.permutations(range(3)))
def test_labels_have_no_order(image, unary, order):
    crf = DenseCRF(image)
    torch.testing.assert_close(crf(logits=unary)[order], crf(logits=unary[order]), atol=2e-4, rtol=0)


@few
@given(images, logits)
def test_weight_zero_leaves_softmax(image, unary):
    expected = torch.softmax(torch.from_numpy(unary), 0)
    torch.testing.assert_close(DenseCRF(image, gaussian=(0, 3), bilateral=(0, 80, 13))(logits=unary), expected)
    torch.testing.assert_close(DenseCRF(image, gaussian=None, bilateral=None)(logits=unary), expected)
    torch.testing.assert_close(DenseCRF(image)(logits=unary, iterations=0), expected)


@few
@given(st.integers(0, 255), st.integers(2, 6))
def test_where_all_pixels_say_the_same_they_still_do(level, k):
    """A constant picture and unary: symmetric positions get symmetric answers, and the winner stays."""
    image = np.full((6, 6, 3), level, dtype=np.uint8)
    unary = np.zeros((k, 6, 6), dtype=np.float32)
    unary[0] = 0.5
    for method in ("lattice", "exact"):
        assert (DenseCRF(image, method=method)(logits=unary).argmax(0) == 0).all()


@few
@given(images, logits, st.integers(1, 40))
def test_exact_answer_does_not_move_with_the_colours(image, unary, offset):
    crf = [DenseCRF(i, method="exact", dtype=torch.float64) for i in (image // 2, image // 2 + offset)]
    torch.testing.assert_close(crf[0](logits=unary), crf[1](logits=unary), atol=1e-5, rtol=0)


# Gradients


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("method", ["lattice", "exact"])
def test_gradients_of_unaries_weights_and_compatibility(normalization, method):
    size = (4, 5)
    image = picture("coffee", size)
    unary = torch.from_numpy(random_energies(3, size)).double().requires_grad_()
    weights = torch.tensor([0.3, 0.4], dtype=torch.float64, requires_grad=True)
    mu = (1 - torch.eye(3, dtype=torch.float64) + 0.1 * torch.arange(9).view(3, 3)).requires_grad_()

    def run(energies, weights, mu):
        crf = DenseCRF(
            image,
            gaussian=(weights[0], 2.0),
            bilateral=(weights[1], 5.0, 20.0),
            compatibility=mu,
            normalization=normalization,
            method=method,
            dtype=torch.float64,
        )
        return crf(energies=energies, iterations=3)

    assert torch.autograd.gradcheck(run, (unary, weights, mu))


def test_gradients_with_potts_and_of_probabilities():
    size = (4, 5)
    image = picture("coffee", size)
    weight = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    logits = torch.from_numpy(random_energies(2, size)).double().requires_grad_()
    crf = DenseCRF(image, gaussian=(weight, 2.0), dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda x: crf(probabilities=torch.softmax(x, 0), iterations=2, clip=1e-9), logits, atol=1e-4
    )
    crf(logits=logits).square().sum().backward()
    assert weight.grad.abs() > 0
    with torch.no_grad():
        assert not crf(logits=logits).requires_grad


def test_a_weight_can_be_learned():
    image, size = picture("astronaut", (24, 32)), (24, 32)
    target = torch.from_numpy((image[..., 0] > 100).astype(np.int64))
    logits = torch.randn(2, *size, generator=torch.Generator().manual_seed(0)) + 0.8 * torch.stack([1 - target, target])
    weight = torch.tensor(0.1, requires_grad=True)
    losses = []
    for _ in range(5):
        q = DenseCRF(image, gaussian=None, bilateral=(weight, 20, 20))(logits=logits, iterations=3)
        loss = -q.gather(0, target[None]).clamp(min=1e-6).log().mean()
        losses.append(loss.item())
        (gradient,) = torch.autograd.grad(loss, weight)
        weight = (weight - 1.0 * gradient).detach().requires_grad_()
    assert losses[-1] < losses[0]
    assert weight.item() > 0.1


# Refusals

NAN = ENERGIES.copy()
NAN[1, 2, 3] = np.nan
INFINITE = ENERGIES.copy()
INFINITE[0, 0, 0] = np.inf


@pytest.mark.parametrize(
    ("unary", "error", "message"),
    [
        ({}, TypeError, "exactly one of energies=, logits=, probabilities=: got none"),
        ({"energies": ENERGIES, "logits": ENERGIES}, TypeError, "got energies and logits"),
        ({"energies": [1, 2]}, TypeError, "list"),
        ({"energies": NAN}, ValueError, r"1 values that are NaN or infinite, the first at label 1, pixel 37"),
        ({"energies": INFINITE}, ValueError, "use a large, finite energy"),
        ({"energies": ENERGIES.transpose(0, 2, 1)}, ValueError, r"\(3, 17, 12\).*height comes before width"),
        ({"energies": ENERGIES.transpose(1, 2, 0)}, ValueError, "labels come first"),
        ({"logits": ENERGIES[:, :5]}, ValueError, r"\(3, 5, 17\) do not fit an image of size \(12, 17\)"),
        ({"logits": ENERGIES[0]}, ValueError, "K H W = K 12 17"),
        ({"probabilities": ENERGIES}, ValueError, "not from 0 to 1"),
        ({"probabilities": np.full((3, *SIZE), 0.1, np.float32)}, ValueError, "add up to 0.3"),
        ({"energies": ENERGIES, "iterations": -1}, ValueError, "iterations is -1"),
        ({"energies": ENERGIES, "iterations": 2.5}, ValueError, "iterations is 2.5"),
        ({"probabilities": np.full((2, *SIZE), 0.5), "clip": 0}, ValueError, "clip is 0"),
        ({"energies": ENERGIES > 1}, TypeError, "bool"),
    ],
)
def test_unaries_that_are_refused(unary, error, message):
    with pytest.raises(error, match=message):
        DenseCRF(IMAGE)(**unary)


def test_unaries_have_no_position():
    with pytest.raises(TypeError):
        DenseCRF(IMAGE)(ENERGIES)


@pytest.mark.parametrize(
    ("image", "options", "error", "message"),
    [
        (IMAGE, {"gaussian": (3, 0)}, ValueError, "gaussian sigma is 0"),
        (IMAGE, {"gaussian": 3}, ValueError, r"gaussian is 3; give \(weight, sigma\)"),
        (IMAGE, {"bilateral": (10, -80, 13)}, ValueError, "bilateral sigma_xy is -80"),
        (IMAGE, {"bilateral": (10, 80, float("nan"))}, ValueError, "bilateral sigma_rgb is nan"),
        (IMAGE, {"bilateral": (10, 80)}, ValueError, "weight, sigma_xy, sigma_rgb"),
        (IMAGE, {"bilateral": (float("inf"), 80, 13)}, ValueError, "bilateral weight is inf"),
        (IMAGE, {"gaussian": (torch.zeros(2), 3)}, ValueError, "one finite number"),
        (IMAGE, {"gaussian": ("much", 3)}, ValueError, "gaussian weight is 'much'"),
        (IMAGE, {"gaussian": (1, 1e-9)}, ValueError, "larger sigmas"),
        (IMAGE, {"normalization": "both"}, ValueError, "symmetric, after, before, none"),
        (IMAGE, {"method": "hash"}, ValueError, "lattice, exact"),
        (IMAGE, {"compatibility": "ising"}, ValueError, "ising"),
        (IMAGE, {"compatibility": np.ones((2, 3))}, ValueError, r"\(2, 3\)"),
        (IMAGE, {"dtype": torch.float16}, ValueError, "float16"),
        (IMAGE, {"size": SIZE}, ValueError, "leave size= out"),
        (IMAGE, {"pairwise": [np.ones(SIZE)]}, TypeError, r"pairwise\[0\] is a ndarray"),
        (IMAGE, {"pairwise": [Pairwise(np.ones((2, 3)))]}, ValueError, r"pairwise\[0\].features of shape \(2, 3\)"),
        (IMAGE, {"pairwise": [Pairwise(np.full((1, *SIZE), np.nan))]}, ValueError, "NaN"),
        (None, {}, ValueError, "give an image"),
        (None, {"bilateral": None}, ValueError, r"size=\(h, w\)"),
        (None, {"bilateral": None, "size": (0, 3)}, ValueError, r"size is \(0, 3\)"),
        (None, {"bilateral": None, "size": 3}, ValueError, r"size is 3; give whole numbers"),
        (IMAGE, {"device": "gpu"}, ValueError, 'device is \'gpu\'; give "cpu", "cuda"'),
        (IMAGE.transpose(2, 0, 1), {}, ValueError, r"not H W C.*transpose\(1, 2, 0\)"),
        (torch.from_numpy(IMAGE), {}, ValueError, r"not C H W.*permute\(2, 0, 1\)"),
        (np.ones((4, 5, 7), np.uint8), {}, ValueError, "1 or 3 channels"),
        (IMAGE.astype(np.float32), {}, ValueError, "go from 0 to 1: divide by 255"),
        (IMAGE.astype(np.int32) * 2, {}, ValueError, "integers go from 0 to 255"),
        (np.full((4, 5, 3), np.nan), {}, ValueError, "nan"),
        (IMAGE > 3, {}, TypeError, "bool"),
        ("photo.png", {}, TypeError, "str"),
        ([], {}, ValueError, "empty list"),
        (np.zeros((0, 5, 3), np.uint8), {}, ValueError, "no pixels"),
        (np.zeros((101, 100, 3), np.uint8), {"method": "exact"}, ValueError, "10100 pixels"),
        ([IMAGE, IMAGE], {"pairwise": [Pairwise(np.ones((1, *SIZE)))]}, ValueError, "make a CRF for each"),
    ],
)
def test_pictures_and_options_that_are_refused(image, options, error, message):
    with pytest.raises(error, match=message):
        DenseCRF(image, **options)


def test_refusals_at_the_call():
    with pytest.raises(ValueError, match="compatibility is 2 x 2, but the unary has 3 labels"):
        DenseCRF(IMAGE, compatibility=np.ones((2, 2)))(energies=ENERGIES)
    with pytest.raises(ValueError, match="1 pictures for 2 images"):
        DenseCRF([IMAGE, IMAGE])(energies=[ENERGIES])
