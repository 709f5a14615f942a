"""The photographs of the book are those of scikit-image."""

import pytest
import skimage.data
import torch

from seglib.data import PHOTOGRAPHS, photograph


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photograph_is_the_picture_that_ships(name):
    picture = photograph(name)
    assert torch.equal(picture.mul(255).byte().permute(1, 2, 0), torch.from_numpy(getattr(skimage.data, name)()))


def test_photograph_is_cut_and_resized_to_the_asked_size():
    assert photograph("coffee", size=(100, 60)).shape == (3, 100, 60)
    assert photograph("coffee", size=(100, 60), gray=True).shape == (1, 100, 60)


def test_unknown_photograph_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="'dog'; choose one of astronaut, chelsea, coffee"):
        photograph("dog")


@pytest.mark.parametrize("size", [(0, 5), (5, -1)])
def test_size_must_be_positive(size):
    with pytest.raises(ValueError, match="must be positive"):
        photograph(size=size)


def test_size_must_be_a_pair():
    with pytest.raises(ValueError, match=r"size=32 must be \(h, w\), two whole numbers"):
        photograph(size=32)
