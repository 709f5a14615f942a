"""Agreement with pydensecrf, and with mean field by its definition."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seglib.crf import DenseCRF, mean_field
from seglib.crf.kernel import gaussian_kernel
from tests.crf.oracles import NORMALIZATIONS, PARAMETERS, brute_force, peer, picture, random_energies

PICTURES = [("noise", (60, 52), 3), ("astronaut", (90, 120), 21), ("coffee", (61, 83), 5)]


@pytest.mark.parametrize("normalization", ["symmetric", "after", "before"])
@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize(("name", "size", "labels"), PICTURES)
def test_same_answer_as_pydensecrf(name, size, labels, parameters, normalization, agreement):
    image, energies = picture(name, size), random_energies(labels, size)
    gaussian, bilateral = PARAMETERS[parameters]
    expected = peer(image, energies, gaussian, bilateral, normalization)
    q = DenseCRF(image, gaussian=gaussian, bilateral=bilateral, normalization=normalization)(energies=energies)
    difference = np.abs(q.numpy() - expected).max()
    assert agreement("dense CRF against pydensecrf, probabilities after 10 iterations", difference) <= 1e-3


def double_arithmetic(features, *, normalization, **_):
    """The lattice of float32, filtered with in float64."""
    assert normalization == "none"
    lattice = gaussian_kernel(features.float(), normalization="none")
    return replace(lattice, barycentric=lattice.barycentric.double(), spread=lattice.spread.double())


@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize(("name", "size", "labels"), PICTURES)
def test_same_answer_without_normalization_but_for_rounding(name, size, labels, parameters, monkeypatch):
    """Logits reach thousands here, and float32 rounds them to 1e-4 and more: pydensecrf's own error is the limit."""
    image, energies = picture(name, size), random_energies(labels, size)
    options = dict(zip(("gaussian", "bilateral"), PARAMETERS[parameters], strict=True), normalization="none")
    expected = peer(image, energies, **options)
    q = DenseCRF(image, **options)(energies=energies).numpy()
    monkeypatch.setattr(mean_field, "gaussian_kernel", double_arithmetic)
    exact = DenseCRF(image, **options, dtype=torch.float64)(energies=energies).numpy()
    rounding = np.abs(expected - exact)
    difference = np.abs(q - expected)
    assert difference.max() <= max(1e-3, 3 * rounding.max())
    assert difference.mean() <= 1e-5
    assert (difference > 1e-3).mean() <= 1e-3


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_exact_method_is_mean_field_by_its_definition(normalization, agreement):
    image, energies = picture("coffee", (17, 23)), random_energies(4, (17, 23))
    parameters = {"gaussian": (0.5, 2), "bilateral": (0.7, 10, 20), "normalization": normalization}
    q = DenseCRF(image, **parameters, method="exact", dtype=torch.float64)(energies=energies)
    difference = np.abs(q.numpy() - brute_force(image, energies, **parameters)).max()
    assert agreement("exact dense CRF against a sum over all pairs of pixels, probabilities", difference) <= 1e-6


@pytest.mark.parametrize("iterations", [1, 5])
@pytest.mark.parametrize(
    ("name", "size", "gaussian", "bilateral"),
    [
        ("astronaut", (40, 50), (3, 3), (10, 20, 13)),
        ("coffee", (40, 50), (3, 3), (4, 49, 5)),
        ("noise", (24, 31), (3, 3), (10, 80, 13)),
        ("chelsea", (30, 20), (3, 3), None),
    ],
)
def test_lattice_is_as_near_to_exact_mean_field_as_pydensecrf(name, size, gaussian, bilateral, iterations):
    image, energies = picture(name, size), random_energies(3, size)
    exact = brute_force(image, energies, gaussian, bilateral, iterations=iterations)
    q = DenseCRF(image, gaussian=gaussian, bilateral=bilateral)(energies=energies, iterations=iterations).numpy()
    theirs = peer(image, energies, gaussian, bilateral, iterations=iterations)
    assert np.abs(q - exact).mean() <= np.abs(theirs - exact).mean() + 1e-6
    if name != "noise":  # photographs fill the lattice
        assert np.abs(q - exact).mean() < (0.01 if iterations == 1 else 0.05)


def test_matrix_against_the_definition():
    image, energies = picture("coffee", (12, 15)), random_energies(3, (12, 15))
    mu = np.array([[0, 1, 3], [0.5, 0, 1], [2, 0.2, 0.1]])  # not symmetric
    q = DenseCRF(image, gaussian=(1, 2), bilateral=(2, 8, 20), compatibility=mu, method="exact")(energies=energies)
    np.testing.assert_allclose(q, brute_force(image, energies, (1, 2), (2, 8, 20), mu=mu), atol=1e-5)
    lattice = DenseCRF(image, gaussian=(1, 2), bilateral=(2, 8, 20), compatibility=mu)(energies=energies)
    assert (lattice - q).abs().mean() < 0.03


def test_steps_of_the_iterator_are_pydensecrfs():
    image, energies = picture("astronaut", (30, 40)), random_energies(3, (30, 40))
    for i, q in enumerate(DenseCRF(image, bilateral=(10, 80, 13)).iterate(energies=energies, iterations=3), start=1):
        expected = peer(image, energies, (3, 3), (10, 80, 13), iterations=i)
        assert np.abs(q.numpy() - expected).max() <= 1e-4
    assert i == 3
