"""Effective fields against the closed forms of Luo et al. 2016."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from seglib.receptive_field import effective_receptive_field
from tests.receptive_field.test_against_gradients import Function

FACTS = json.loads((Path(__file__).parents[1] / "fixtures" / "receptive_field_facts.json").read_text())


def uniform(n: int, k: int = 3) -> nn.Sequential:
    """n convolutions of equal weights."""
    layers = [nn.Conv2d(1, 1, k, padding=k // 2, bias=False) for _ in range(n)]
    for layer in layers:
        nn.init.constant_(layer.weight, 1 / k**2)
    return nn.Sequential(*layers)


@pytest.mark.parametrize(("n", "theoretical", "std", "pixels"), FACTS["uniform_kernels"]["rows"])
def test_uniform_kernels_have_the_spread_of_the_closed_form(n, theoretical, std, pixels):
    field = effective_receptive_field(uniform(n), torch.rand(2, 1, 91, 95))
    assert field.unit == (45, 47)
    assert field.std == pytest.approx((std, std), abs=1e-3)
    assert field.std == pytest.approx((math.sqrt(n * (3**2 - 1) / 12),) * 2, rel=1e-5)
    assert field.pixels == pixels
    assert field.size == math.sqrt(pixels)
    half = theoretical // 2
    assert field.theoretical == (45 - half, 47 - half, 46 + half, 48 + half)


def test_map_is_the_gradient_and_lies_in_the_theoretical_field():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 2, 3, stride=2))
    images = torch.rand(3, 3, 15, 17)
    field = effective_receptive_field(model, images, unit=(1, 4))
    pixels = images.clone().requires_grad_()
    model(pixels)[:, :, 1, 4].sum().backward()
    expected = pixels.grad.abs().sum(dim=1).mean(dim=0)
    torch.testing.assert_close(field.map, expected / expected.max())
    assert field.map.shape == (15, 17)
    assert field.map.max() == 1
    top, left, bottom, right = field.theoretical
    assert (top, left, bottom, right) == (2, 8, 7, 13)
    assert (field.map[top:bottom, left:right] > 0).all()
    assert torch.count_nonzero(field.map) == 25


def test_mean_over_images_is_the_mean_of_their_maps():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 3))
    images = torch.randn(4, 1, 20, 20)
    together = effective_receptive_field(model, images).map
    one_by_one = []
    for image in images:
        pixels = image[None].clone().requires_grad_()
        output = model(pixels)
        output[:, :, output.shape[2] // 2, output.shape[3] // 2].sum().backward()
        one_by_one.append(pixels.grad.abs().sum(dim=1)[0])
    mean = torch.stack(one_by_one).mean(dim=0)
    torch.testing.assert_close(together, mean / mean.max())


def test_layer_within_the_network():
    model = uniform(5)
    inner = effective_receptive_field(model, torch.rand(1, 1, 31, 31), layer="1")
    alone = effective_receptive_field(model[:2], torch.rand(1, 1, 31, 31))
    assert torch.equal(inner.map, alone.map)
    assert inner.theoretical == (13, 13, 18, 18)


def test_even_kernels_have_their_centre_between_pixels():
    field = effective_receptive_field(uniform(1, k=2), torch.rand(1, 1, 8, 8), unit=(3, 3))
    assert field.pixels == 4
    assert field.std == pytest.approx((0.5, 0.5))


def test_classifier_sees_all_and_its_unit_is_the_only_one():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    field = effective_receptive_field(model, torch.rand(1, 1, 8, 8))
    assert field.unit == (0, 0)
    assert field.theoretical == (0, 0, 8, 8)


def test_unknown_operation_can_still_be_measured():
    field = effective_receptive_field(Function(lambda x: torch.roll(x, 3, dims=2)), torch.rand(1, 1, 9, 9))
    assert field.theoretical is None
    assert field.map.nonzero().tolist() == [[1, 4]]


def test_model_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Dropout())
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    image = torch.rand(2, 3, 9, 9)
    before = image.clone()
    random_state = torch.get_rng_state()
    with torch.no_grad():
        effective_receptive_field(model, image)
    assert torch.equal(image, before)
    assert not image.requires_grad
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert all(module.training and not module._forward_hooks for module in model.modules())


def test_array_is_refused_with_the_fix():
    with pytest.raises(TypeError, match=r"image is a ndarray; give a tensor N C H W: torch\.from_numpy\(image\)"):
        effective_receptive_field(nn.Identity(), np.zeros((1, 3, 8, 8), np.float32))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_measures_what_the_cpu_does():
    torch.manual_seed(0)
    model, images = uniform(5), torch.rand(2, 1, 31, 33)
    on_cpu = effective_receptive_field(model, images)
    on_gpu = effective_receptive_field(model.cuda(), images.cuda())
    assert on_gpu.map.device.type == "cuda"
    torch.testing.assert_close(on_gpu.map.cpu(), on_cpu.map, rtol=0, atol=1e-3)  # convolutions round to TF32 there
    assert (on_gpu.unit, on_gpu.theoretical) == (on_cpu.unit, on_cpu.theoretical)
    assert on_gpu.std == pytest.approx(on_cpu.std, abs=0.01)


def test_layer_that_changes_the_image_in_place():
    field = effective_receptive_field(nn.ReLU(inplace=True), torch.ones(1, 1, 5, 5))
    assert field.pixels == 1


@pytest.mark.parametrize(
    ("model", "image", "options", "message"),
    [
        (nn.Identity(), torch.rand(3, 8, 8), {}, "N C H W"),
        (nn.Identity(), torch.ones(1, 3, 8, 8, dtype=torch.uint8), {}, "uint8"),
        (nn.Identity(), torch.rand(1, 3, 8, 8), {"unit": (8, 0)}, "8 x 8 units"),
        (nn.Identity(), torch.rand(1, 3, 8, 8), {"unit": 5}, r"unit=5 must be \(y, x\)"),
        (nn.Identity(), torch.rand(1, 3, 8, 8), {"unit": (0.5, 1)}, r"unit=\(0.5, 1\) must be \(y, x\)"),
        (nn.Identity(), torch.full((1, 3, 8, 8), torch.nan), {}, "192 values of the image are NaN or infinite"),
        (nn.Sequential(nn.Identity()), torch.rand(1, 3, 8, 8), {"layer": "one"}, "no layer 'one'"),
        (nn.Sequential(nn.Identity()), torch.rand(1, 3, 8, 8), {"layer": 0}, "no layer 0; did you mean one of '0'"),
        (nn.ReLU(), -torch.ones(1, 3, 8, 8), {}, "0 everywhere"),
        (Function(torch.sqrt), torch.zeros(1, 3, 8, 8), {}, "not finite"),
        (Function(lambda x: (x, x)), torch.rand(1, 3, 8, 8), {}, "not one tensor"),
    ],
)
def test_bad_input_is_named(model, image, options, message):
    with pytest.raises(ValueError, match=message):
        effective_receptive_field(model, image, **options)
