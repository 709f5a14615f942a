"""The way down of U-Net and FC-DenseNet as a classifier."""

import pytest
import torch
from torch import nn

from seglib import models
from seglib.data import OneShape
from seglib.train import RECIPES, Recipe, classifier, train
from seglib.train.initialise import take_over
from tests.train.tiny import sha256

OPTIONS = {"unet": {"width": 1 / 16, "same_padding": True}, "fc_densenet56": {"width": 1 / 6}}
LAST = {"unet": "d4", "fc_densenet56": "td5"}


@pytest.mark.parametrize("name", OPTIONS)
def test_it_classifies_the_mean_of_the_bottom_maps(name):
    torch.manual_seed(0)
    model = getattr(classifier, name)(num_classes=5, **OPTIONS[name]).eval()
    images = torch.rand(2, 3, 48, 64)
    kept = []
    model.network.get_submodule(LAST[name]).register_forward_hook(lambda layer, arguments, maps: kept.append(maps))
    with torch.no_grad():
        scores = model(images)
        model.network(images)
        expected = model.classifier(kept[-1].mean((2, 3)))
    assert scores.shape == (2, 5, 48, 64)
    torch.testing.assert_close(scores, expected[:, :, None, None].expand_as(scores))
    assert scores.std() > 0


@pytest.mark.parametrize("name", OPTIONS)
def test_the_network_itself_takes_the_way_down_over_and_nothing_else(name):
    torch.manual_seed(0)
    trained = getattr(classifier, name)(num_classes=5, **OPTIONS[name])
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(1)
    model = models.create(name, num_classes=5, **OPTIONS[name])
    taken = take_over(model, trained.state_dict())
    assert taken
    own = model.state_dict()
    for key, tensor in trained.network.state_dict().items():
        assert torch.equal(own[key], tensor), key


def test_making_one_leaves_no_trace_in_the_statistics():
    model = classifier.fc_densenet56(num_classes=5, **OPTIONS["fc_densenet56"])
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms
    assert all((layer.running_mean == 0).all() and (layer.running_var == 1).all() for layer in norms)


@pytest.mark.parametrize("name", OPTIONS)
def test_it_trains_by_a_recipe(name):
    recipe = RECIPES[f"{name}_one_shape"].replace(options=OPTIONS[name], steps=2, batch_size=2, warmup=0)
    trained = train(recipe, dataset=OneShape(8, size=48), progress=False)
    other = train(recipe, dataset=OneShape(8, size=48), progress=False)
    assert sha256(trained.model) == sha256(other.model)
    start = Recipe(
        name="next", network=name, options=OPTIONS[name], start=recipe.name, steps=1, batch_size=2, learning_rate=1e-3
    )
    model = train(start, dataset=OneShape(8, size=48), weights=trained.model.state_dict(), progress=False).model
    assert type(model).__name__ == type(trained.model.network).__name__


def test_a_layer_that_is_not_on_the_way_is_named():
    network = models.create("unet", num_classes=3, **OPTIONS["unet"])
    network.aside = nn.ReLU()
    with pytest.raises(RuntimeError, match="UNet does not come by its layer aside"):
        classifier.Classifier(network, "aside", num_classes=3)
