"""Schedules, factors and momentum against their formulas."""

import math

import pytest
import torch
from torch import nn

from seglib import models
from seglib.train.optimiser import learning_rate, make_optimiser, set_learning_rate
from tests.train.tiny import RECIPE

RATE = 0.5


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schedule": "constant"}, [RATE] * 10),
        ({"schedule": "step", "decay": 0.1, "period": 4}, [RATE] * 4 + [0.1 * RATE] * 4 + [0.01 * RATE] * 2),
        ({"schedule": "step", "decay": 0.5, "period": 2.5}, [RATE * 0.5 ** int(i / 2.5) for i in range(10)]),
        ({"schedule": "exponential", "decay": 0.25, "period": 2}, [RATE * 0.5**i for i in range(10)]),
        ({"schedule": "poly", "power": 2}, [RATE * (10 - i) ** 2 / 100 for i in range(10)]),
        ({"schedule": "cosine"}, [RATE * math.cos(math.pi * i / 20) ** 2 for i in range(10)]),
        ({"warmup": 4}, [RATE / 4, RATE / 2, RATE * 3 / 4] + [RATE] * 7),
        ({"warmup": 2, "schedule": "poly", "power": 1}, [RATE / 2] + [RATE * (10 - i) / 10 for i in range(1, 10)]),
    ],
)
def test_schedules_have_their_closed_form(changes, expected):
    recipe = RECIPE.replace(steps=10, learning_rate=RATE, **changes)
    assert [learning_rate(recipe, step) for step in range(10)] == pytest.approx(expected)


def one_step(recipe, model):
    """Change of each weight and bias by one step on a gradient of 1 everywhere."""
    optimiser = make_optimiser(recipe, model)
    set_learning_rate(optimiser, recipe, 0)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None
    optimiser.step()
    return {name: (before[name] - parameter.detach()) for name, parameter in model.named_parameters()}, before


def test_biases_of_convolutions_learn_twice_as_fast_and_no_bias_decays():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.ConvTranspose2d(3, 2, 2))
    nn.init.constant_(model[1].bias, 7.0)
    recipe = RECIPE.replace(
        optimiser="sgd", learning_rate=0.1, weight_decay=0.5, bias_learning_rate=2, bias_weight_decay=0
    )
    change, before = one_step(recipe, model)
    for name in ("0.weight", "1.weight", "3.weight"):
        torch.testing.assert_close(change[name], 0.1 * (1 + 0.5 * before[name]))
    for name in ("0.bias", "3.bias"):
        torch.testing.assert_close(change[name], torch.full_like(before[name], 0.2))
    torch.testing.assert_close(change["1.bias"], torch.full((3,), 0.1))  # a shift is no convolution's bias


def test_layers_have_factors_of_their_own_and_0_freezes():
    torch.manual_seed(0)
    model = models.create("deeplab_v1_largefov", num_classes=3, width=1 / 32, fc_channels=8)
    recipe = RECIPE.replace(
        optimiser="sgd",
        learning_rate=0.1,
        weight_decay=0.5,
        bias_learning_rate=2,
        layer_learning_rates={"fc8": 10, "stage1": 0, "stage2.conv2_1": 0},
    )
    change, before = one_step(recipe, model)
    torch.testing.assert_close(change["fc8.weight"], 1.0 * (1 + 0.5 * before["fc8.weight"]))
    torch.testing.assert_close(change["fc8.bias"], 2.0 * (1 + 0.5 * before["fc8.bias"]))
    torch.testing.assert_close(change["fc7.weight"], 0.1 * (1 + 0.5 * before["fc7.weight"]))
    for name in ("stage1.conv1_1.weight", "stage1.conv1_2.bias", "stage2.conv2_1.weight"):
        assert not change[name].any()
    assert change["stage2.conv2_2.weight"].any()


def test_a_layer_that_is_not_there_is_refused_with_those_that_are():
    model = models.create("unet", num_classes=3, width=1 / 32)
    with pytest.raises(ValueError, match="names fc8, which unet does not have; its layers begin with d0, pool_d0c_1a"):
        make_optimiser(RECIPE.replace(network="unet", layer_learning_rates={"fc8": 10}), model)


def test_momentum_and_rmsprop_are_those_of_the_formulas():
    for changes, formula in (
        # v = 0.9 v + g; w -= rate v
        ({"optimiser": "sgd", "momentum": 0.9}, lambda: (0.1 * 1.0, 0.1 * 1.9)),
        # Lasagne: a = 0.9 a + 0.1 g^2; w -= rate g / sqrt(a)
        ({"optimiser": "rmsprop", "momentum": 0}, lambda: (0.1 / 0.1**0.5, 0.1 / 0.19**0.5)),
        # Adam's first steps on a constant gradient are the learning rate itself
        ({"optimiser": "adam"}, lambda: (0.1, 0.1)),
    ):
        layer = nn.Conv2d(1, 1, 1)
        recipe = RECIPE.replace(learning_rate=0.1, **changes)
        optimiser = make_optimiser(recipe, layer)
        for expected in formula():
            before = layer.weight.item()
            set_learning_rate(optimiser, recipe, 0)
            for parameter in layer.parameters():
                parameter.grad = torch.ones_like(parameter)
            optimiser.step()
            assert before - layer.weight.item() == pytest.approx(expected, rel=1e-4)
