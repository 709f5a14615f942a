"""One normalisation for all networks: torchvision's."""

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from seglib.data import denormalise, normalise
from seglib.data.normalisation import MEAN, STD


@pytest.mark.parametrize("shape", [(3, 8, 9), (2, 3, 8, 9)])
def test_normalise_is_torchvisions(shape):
    image = torch.rand(shape)
    torch.testing.assert_close(normalise(image), v2.functional.normalize(image, list(MEAN), list(STD)))
    torch.testing.assert_close(denormalise(normalise(image)), image)


def test_what_is_not_an_image_is_refused():
    with pytest.raises(ValueError, match=r"got a tensor of shape \(1, 8, 9\)"):
        normalise(torch.rand(1, 8, 9))
    with pytest.raises(ValueError, match=r"torch.uint8: divide bytes by 255"):
        normalise(torch.zeros(3, 8, 9, dtype=torch.uint8))
    for change in (normalise, denormalise):
        with pytest.raises(TypeError, match=r"an image is a tensor, .* got a ndarray; .*to_image\(image\)"):
            change(np.zeros((3, 8, 9), np.float32))
