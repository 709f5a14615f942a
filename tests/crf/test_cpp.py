"""pydensecrf behind our own interface."""

import sys

import numpy as np
import pytest
import torch

from seglib.crf import DenseCRF
from tests.crf.oracles import NORMALIZATIONS, PARAMETERS, peer, picture, pydensecrf, random_energies

SIZE = (31, 42)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_answer_is_pydensecrf_s_own(parameters, normalization):
    pydensecrf()
    image, energies = picture("coffee", SIZE), random_energies(4, SIZE)
    gaussian, bilateral = PARAMETERS[parameters]
    expected = peer(image, energies, gaussian, bilateral, normalization)
    crf = DenseCRF(image, gaussian=gaussian, bilateral=bilateral, normalization=normalization, method="pydensecrf")
    np.testing.assert_allclose(crf(energies=energies), expected, atol=1e-3 if normalization == "none" else 1e-5)


def test_matrix_batches_and_the_iterator_agree_with_the_lattice():
    pydensecrf()
    images = np.stack([picture("coffee", SIZE), picture("chelsea", SIZE)])
    logits = np.stack([-random_energies(3, SIZE, seed) for seed in (1, 2)])
    options = {"gaussian": (1, 2), "bilateral": (2, 20, 10), "compatibility": [[0, 1, 3], [1, 0, 0.2], [3, 0.2, 0.1]]}
    theirs = list(DenseCRF(images, **options, method="pydensecrf").iterate(logits=logits, iterations=3))
    ours = list(DenseCRF(images, **options).iterate(logits=logits, iterations=3))
    assert len(theirs) == len(ours) == 3
    for one, two in zip(theirs, ours, strict=True):
        assert one.shape == (2, 3, *SIZE)
        torch.testing.assert_close(one, two, rtol=0, atol=1e-4)


def test_what_it_cannot_do_is_named():
    pydensecrf()
    image = picture("coffee", SIZE)
    with pytest.raises(ValueError, match=r"on the CPU in float32, not on cpu in torch\.float64"):
        DenseCRF(image, method="pydensecrf", dtype=torch.float64)
    logits = torch.zeros(2, *SIZE, requires_grad=True)
    with pytest.raises(ValueError, match='keeps no gradients; use method="lattice"'):
        DenseCRF(image, method="pydensecrf")(logits=logits)
    with pytest.raises(ValueError, match="needs a symmetric compatibility"):
        DenseCRF(image, compatibility=[[0, 1], [2, 0]], method="pydensecrf")(logits=logits.detach())
    with pytest.raises(NotImplementedError, match=r"has no message\(\)"):
        DenseCRF(image, method="pydensecrf").message(torch.full((2, *SIZE), 0.5))


def test_absence_is_an_error_with_the_fix(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    with pytest.raises(ImportError, match="needs pydensecrf: pip install"):
        DenseCRF(picture("coffee", SIZE), method="pydensecrf")
