"""Batch normalisation that is folded away: the same answers, the layers of the paper."""

import pytest
import torch
from torch import nn

from seglib import models
from seglib.train import batch_norm, train
from seglib.train.initialise import build, take_over
from tests.models.small import NAMES, small
from tests.train.tiny import RECIPE, Blocks

IMAGES = torch.randn(2, 3, 220, 220, generator=torch.Generator().manual_seed(0))


def trained(model: nn.Module) -> nn.Module:
    """Averages, factors and shifts as training leaves them, so that folding them has something to do."""
    torch.manual_seed(1)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    return model.eval()


@pytest.mark.parametrize("name", NAMES)
def test_a_folded_network_computes_the_same_with_the_layers_of_its_paper(name):
    model = small(name)
    keys = list(model.state_dict())
    batch_norm.insert(model)
    with torch.no_grad():
        expected = trained(model)(IMAGES)
        found = batch_norm.fold(model)(IMAGES)
    assert list(model.state_dict()) == keys
    assert not model.training
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())


@pytest.mark.parametrize(
    ("name", "number"),
    [("fcn8s", 15), ("deeplab_v1_largefov", 15), ("dilated_net", 15), ("unet", 18), ("segnet", 0), ("deconvnet", 0)],
)
def test_it_stands_behind_every_convolution_with_a_relu_and_nowhere_else(name, number):
    model = small(name)
    before = sum(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())
    names = batch_norm.insert(model)
    assert len(names) == number
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in model.modules()) == before + number
    assert not [each for each in names if "ctx_" in each or "score" in each or each in ("fc8", "final")]


def test_the_folded_bias_is_there_for_convolutions_with_none():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU())
    batch_norm.insert(model)
    with torch.no_grad():
        expected = trained(model)(IMAGES)
        torch.testing.assert_close(batch_norm.fold(model)(IMAGES), expected)
    assert model[0].bias is not None


def test_transposed_convolutions_fold_too():
    model = nn.Sequential(nn.ConvTranspose2d(3, 5, 3, stride=2), nn.ReLU())
    batch_norm.insert(model)
    with torch.no_grad():
        expected = trained(model)(IMAGES[..., :20, :20])
        torch.testing.assert_close(batch_norm.fold(model)(IMAGES[..., :20, :20]), expected)


def test_started_as_identity_it_changes_nothing_on_these_images():
    recipe = RECIPE.replace(dropout=0.0)
    torch.manual_seed(0)
    plain = build(recipe, 3)
    nn.init.normal_(plain.score_fr.weight)
    nn.init.normal_(plain.stage3.conv3_2.bias)
    with torch.no_grad():
        expected = plain(IMAGES)
    normalised = build(recipe.replace(batch_norm=True), 3)
    layers = dict(normalised.named_modules())
    for path, layer in plain.named_modules():
        if isinstance(layer, nn.Conv2d):
            twin = layers[path]
            (twin[0] if isinstance(twin, batch_norm.Normalised) else twin).load_state_dict(layer.state_dict())
    names = [path.rpartition(".")[2] for path in layers]
    batch_norm.start_as_identity(normalised, IMAGES, names)
    with torch.no_grad():
        assert normalised.training
        torch.testing.assert_close(normalised(IMAGES), expected, rtol=1e-3, atol=1e-4)
        # Running averages divide by n - 1: with the 98 values of fc6 that is half a per cent.
        torch.testing.assert_close(normalised.eval()(IMAGES), expected, rtol=1e-2, atol=1e-3)


def test_layers_that_are_not_named_start_as_they_always_do():
    model = build(RECIPE.replace(batch_norm=True), 3)
    batch_norm.start_as_identity(model, IMAGES, ["conv1_1"])
    assert not torch.equal(model.stage1.conv1_1[1].weight, torch.ones(4))
    assert torch.equal(model.stage1.conv1_2[1].weight, torch.ones(4))
    assert not model.stage1.conv1_1[1]._forward_pre_hooks


def test_a_recipe_trains_with_it_and_gives_back_a_network_without():
    image = IMAGES[:1, :, :32, :32]
    recipe = RECIPE.replace(batch_norm=True, steps=30)
    seen = []

    def validate(model):
        seen.append(model(image))
        assert any(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())

    result = train(recipe, dataset=Blocks(), progress=False, validate=validate, every=30)
    assert list(result.model.state_dict()) == list(build(RECIPE, 3).state_dict())
    with torch.no_grad():
        torch.testing.assert_close(result.model(image), seen[-1], rtol=1e-3, atol=1e-4)
    assert result.history[-1]["loss"] < result.history[0]["loss"]


def test_a_stage_begins_with_what_the_one_before_computes():
    torch.manual_seed(0)
    before = build(RECIPE.replace(network="fcn16s"), 3)
    for layer in before.modules():
        if isinstance(layer, nn.Conv2d):  # thresholds that a fresh normalisation would throw away
            nn.init.normal_(layer.bias, std=0.5)
    nn.init.normal_(before.score_fr.weight, std=0.5)
    # One batch of all images, which are also those that the normalisations are set on.
    recipe = RECIPE.replace(start="before", dropout=0.0, steps=1, batch_size=7)
    options = {"dataset": Blocks(), "progress": False, "weights": before.state_dict()}
    plain, normalised = (train(recipe.replace(batch_norm=each), **options).history[0]["loss"] for each in (False, True))
    assert normalised == pytest.approx(plain, rel=1e-4)


def test_normalisations_that_are_taken_over_stay_as_they_are():
    before = trained(models.create("segnet", num_classes=3, width=1 / 16))
    model = models.create("segnet", num_classes=3, width=1 / 16)
    batch_norm.start_as_identity(model, torch.randn(4, 3, 64, 64), take_over(model, before.state_dict()))
    own = dict(model.named_parameters())
    for name, parameter in before.named_parameters():
        assert torch.equal(own[name], parameter), name
