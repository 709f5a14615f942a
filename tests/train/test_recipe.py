"""Recipes: the papers' numbers, and what a wrong one is told."""

import json
import math

import pytest
import torch
from torch import nn

from seglib import models
from seglib.data import DATASETS
from seglib.train import RECIPES, SCENES, Recipe
from seglib.train.batch_norm import fold
from seglib.train.initialise import build, take_over
from seglib.train.loss import first_label, targets_for
from seglib.train.optimiser import learning_rate, make_optimiser
from seglib.train.recipe import STARTS
from tests.train.tiny import RECIPE

SIZES = {"voc": (500, 375), "camvid": (360, 480)}


def empty(recipe: Recipe) -> nn.Module:
    """The recipe's network on the meta device, where full-size ones cost nothing and hold nothing."""
    with torch.device("meta"):
        start = "default" if recipe.start == "vgg16" else recipe.start
        return build(recipe.replace(start=start), len(DATASETS[recipe.data].classes))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_every_recipe_builds_and_its_scores_have_targets(recipe):
    model, classes = empty(recipe), DATASETS[recipe.data].classes
    size = recipe.crop or SIZES.get(recipe.data) or recipe.data_options["size"]
    size = (size, size) if isinstance(size, int) else size
    with torch.device("meta"):
        logits = model(torch.zeros(2, 3, *size))
        target = torch.zeros(2, *size, dtype=torch.long)
    assert targets_for(logits, target, first=first_label(model)).shape == (2, *logits.shape[2:])
    groups = make_optimiser(recipe, model).param_groups
    trained = sum(parameter.numel() for group in groups for parameter in group["params"])
    assert trained == sum(p.numel() for p in model.parameters() if p.requires_grad) > 0
    if isinstance(recipe.class_weights, tuple):
        assert len(recipe.class_weights) == len(classes)
    rates = [learning_rate(recipe, step) for step in (0, recipe.steps // 2, recipe.steps - 1)]
    assert all(0 < rate <= recipe.learning_rate * (1 + 1e-9) for rate in rates)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_says_where_it_comes_from_and_starts_from_one_there_is(name):
    recipe = RECIPES[name]
    assert recipe.name == name
    assert recipe.source
    assert (recipe.source == "ours") == (name in SCENES)
    if recipe.start not in STARTS:
        model, before = empty(recipe), empty(RECIPES[recipe.start])
        taken = take_over(model, fold(before).state_dict(), fresh=recipe.fresh)
        first_and_last = {"unet": {"conv_d0a_b", "conv_d4b_c"}, "fc_densenet56": {"first", "conv"}}
        assert first_and_last.get(recipe.network, {"conv1_1", "conv5_3"}) <= set(taken)
        assert not set(taken) & set(recipe.fresh)


def test_every_network_of_the_book_has_a_recipe():
    left_out = {"segnet_basic", "fc_densenet67", "fc_densenet103", "deeplab_v1", "dilated_net_large"}
    for network in set(models.MODELS) - left_out:
        assert RECIPES[f"{network}_scenes"].network == network


def test_the_fcn_papers_staging_and_numbers():
    chain = [RECIPES[name] for name in ("fcn32s_voc", "fcn16s_voc", "fcn8s_voc")]
    assert [recipe.start for recipe in chain] == ["vgg16", "fcn32s_voc", "fcn16s_voc"]
    assert [recipe.learning_rate for recipe in chain] == [1e-10, 1e-12, 1e-14]
    for recipe in chain:
        assert (recipe.momentum, recipe.loss, recipe.batch_size, recipe.steps) == (0.99, "sum", 1, 100_000)
        assert (recipe.bias_learning_rate, recipe.weight_decay, recipe.bias_weight_decay) == (2, 5e-4, 0)


def test_the_densenets_rate_falls_once_an_epoch():
    recipe = RECIPES["fc_densenet103_camvid"]
    # CamVid has 367 training images: with batches of 5, step 73 still begins in the first epoch, step 74 in the second.
    assert [learning_rate(recipe, step) for step in (0, 73, 74)] == pytest.approx([1e-3, 1e-3, 0.995e-3])
    assert math.isclose(learning_rate(recipe, recipe.steps - 1), 1e-3 * 0.995**749)


def test_json_and_back_is_the_same_recipe():
    for recipe in RECIPES.values():
        assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_whole_numbers_and_lists_become_what_the_field_is():
    recipe = RECIPE.replace(learning_rate=1, crop=[8, 8], class_weights=[1, 2, 3])
    assert repr((recipe.learning_rate, recipe.crop, recipe.class_weights)) == "(1.0, (8, 8), (1.0, 2.0, 3.0))"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"steps": 1.5}, TypeError, "steps=1.5 must be a whole number"),
        ({"steps": True}, TypeError, "steps=True must be a whole number"),
        ({"steps": 0}, ValueError, "steps=0 must be 1 or more"),
        ({"optimiser": "sdg"}, TypeError, '"sgd" or "adam" or "rmsprop"'),
        ({"crop": (8,)}, TypeError, "2 whole numbers in a tuple or None"),
        ({"class_weights": "inverse"}, TypeError, '"median_frequency" or a tuple of numbers or None'),
        ({"data_options": {"root": object()}}, TypeError, "a dict of plain values"),
        ({"learning_rate": 0}, ValueError, "learning_rate=0.0 must be above 0"),
        ({"momentum": 1}, ValueError, "momentum=1.0 must be at least 0 and below 1"),
        ({"schedule": "step"}, ValueError, "period=None must be a number of steps"),
        ({"dropout": 1}, ValueError, "dropout=1.0"),
        ({"clip": 0}, ValueError, "clip=0.0 must be above 0"),
        ({"weight_decay": -1}, ValueError, "weight_decay=-1.0 must be 0 or more"),
        ({"learnign_rate": 1}, ValueError, "did you mean 'learning_rate'"),
        ({"learning_rate": math.inf}, ValueError, "learning_rate=inf must be finite"),
        ({"power": math.nan}, ValueError, "power=nan must be finite"),
        ({"class_weights": (1, -0.5)}, ValueError, "class_weights=(1.0, -0.5) must be finite numbers of 0 or more"),
        ({"class_weights": (1, math.nan)}, ValueError, "class_weights=(1.0, nan) must be finite numbers of 0 or more"),
    ],
)
def test_a_wrong_value_is_refused_by_name(changes, error, message):
    with pytest.raises(error) as caught:
        RECIPE.replace(**changes)
    assert message in str(caught.value)
