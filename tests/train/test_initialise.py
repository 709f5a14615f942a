"""First weights: the variance that keeps a signal's strength."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from seglib import models
from seglib.train import initialise
from seglib.train.initialise import build, take_over
from tests.models.small import NAMES, small
from tests.train.tiny import RECIPE

VGG16 = [f"conv{stage}_{i}" for stage, convs in ((1, 2), (2, 2), (3, 3), (4, 3), (5, 3)) for i in range(1, convs + 1)]


def spreads(model: nn.Module) -> list[float]:
    """Standard deviation of what each of VGG16's thirteen convolutions gives, for a normalised image."""
    found = []
    hooks = [
        layer.register_forward_hook(lambda *call: found.append(call[2].std().item()))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d) and "stage" in name
    ]
    with torch.no_grad():
        model.eval()(torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    for hook in hooks:
        hook.remove()
    return found


def test_the_signal_keeps_its_strength_through_vgg_where_pytorch_loses_it():
    torch.manual_seed(0)
    model = models.create("fcn32s", num_classes=3, width=0.125, same_padding=True, fc_channels=64)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
    lost = spreads(model)
    initialise(model)
    kept = spreads(model)
    assert len(kept) == len(lost) == 13
    assert max(kept) / min(kept) < 3
    assert lost[-1] < lost[0] / 10


@pytest.mark.parametrize("name", NAMES)
def test_what_has_a_start_of_its_own_keeps_it(name):
    options = {"upsampling": "learned"} if name in ("fcn16s", "fcn8s") else {}
    model = small(name, **options)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    done = initialise(model)
    after = model.state_dict()
    layers = dict(model.named_modules())
    for key, tensor in before.items():
        layer = key.rpartition(".")[0]
        if layer in done:
            assert key.endswith("bias") or not torch.equal(tensor, after[key])
        elif not key.endswith(("running_mean", "running_var")):
            assert torch.equal(tensor, after[key]) or isinstance(layers[layer], nn.BatchNorm2d)
    scores = {"score_fr", "score_pool4", "seg_score_voc", "conv1_1_D", "conv_u0d_score", "fc8", "final", "score"}
    assert not set(done) & (scores | {"conv_classifier", "upscore2", "upscore_pool4", "upconv_d4c_u3a"})
    assert not [layer for layer in done if "ctx_" in layer]
    if name.startswith("fc_densenet"):
        assert done == []  # its ReLU comes before the convolution
    else:
        assert len(done) >= (4 if name == "segnet_basic" else 13)


@pytest.mark.parametrize("name", NAMES)
def test_variance_is_2_over_the_inputs_and_biases_are_0(name):
    model = small(name, width=0.25)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
            nn.init.ones_(module.bias)
    layers = dict(model.named_modules())
    for path in initialise(model):
        layer = layers[path]
        inputs = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
        if layer.weight.numel() > 2000:
            assert layer.weight.var().item() == pytest.approx(2 / inputs, rel=0.15)
        assert not layer.bias.any()


def test_networks_of_the_book_start_like_this_by_themselves():
    torch.manual_seed(0)
    recipe = RECIPE.replace(network="fcn32s", options={"width": 0.125, "same_padding": True, "fc_channels": 64})
    for start in ("default", "he"):
        kept = spreads(build(recipe.replace(start=start), 3))
        assert max(kept) / min(kept) < 3


def test_a_network_of_ones_own_is_named_by_module_and_function():
    torch.manual_seed(0)
    named = build(RECIPE, 3).state_dict()
    torch.manual_seed(0)
    found = build(RECIPE.replace(network="seglib.models.fcn:fcn8s"), 3).state_dict()
    assert list(named) == list(found)
    assert all(torch.equal(named[key], found[key]) for key in named)


def test_dropout_of_a_recipe_is_that_of_every_layer():
    def rates(recipe):
        return {layer.p for layer in build(recipe, 3).modules() if isinstance(layer, nn.Dropout)}

    assert rates(RECIPE) == {0.5}
    assert rates(RECIPE.replace(dropout=0.1)) == {0.1}


def test_layers_of_equal_name_and_shape_are_taken_over():
    coarse = build(RECIPE.replace(network="fcn16s"), 3)
    for parameter in coarse.parameters():
        nn.init.normal_(parameter)
    fine = build(RECIPE, 3)
    shared = take_over(fine, coarse.state_dict())
    # All that FCN-16s has, FCN-8s has.
    assert set(shared) == {key.split(".")[-2] for key in coarse.state_dict()}
    state = fine.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in coarse.state_dict().items())
    assert not state["score_pool3.weight"].any()  # what is new starts at zero, as in the paper


def test_another_number_of_classes_takes_all_but_the_scores():
    shared = take_over(build(RECIPE, 3), build(RECIPE, 5).state_dict())
    assert "fc7" in shared
    # A bias of 5 numbers is none of 3 either, so nothing of the scores is left.
    assert not {"score_fr", "score_pool4", "score_pool3"} & set(shared)


def test_layers_are_found_by_the_papers_name_wherever_a_file_keeps_them():
    options = {"width": 1 / 16}
    vgg = build(RECIPE.replace(network="fcn32s"), 3)
    segnet = build(RECIPE.replace(network="segnet", options=options), 3)
    shared = take_over(segnet, vgg.state_dict())
    assert set(shared) == set(VGG16)
    for stage in range(1, 6):
        for name, layer in vgg.get_submodule(f"stage{stage}").named_children():
            if name in VGG16:
                assert torch.equal(segnet.get_submodule(f"encoder{stage}.{name}").weight, layer.weight)


def test_what_is_fresh_is_left_as_it_is():
    trained = build(RECIPE, 3)
    nn.init.ones_(trained.score_fr.weight)
    model = build(RECIPE, 3)
    shared = take_over(model, trained.state_dict(), fresh=("score_fr",))
    assert not model.score_fr.weight.any()
    assert "score_fr" not in shared


def test_a_fresh_layer_that_the_network_lacks_is_named():
    model = build(RECIPE, 3)
    with pytest.raises(ValueError, match="fresh names 'score_fe', which FCN does not have; did you mean 'score_fr'"):
        take_over(model, build(RECIPE, 3).state_dict(), fresh=("score_fr", "score_fe"))


@pytest.mark.parametrize("network", ["nope:foo", "seglib.models:nope", "no module:foo"])
def test_a_network_of_ones_own_that_is_not_there_is_named(network):
    with pytest.raises(ValueError, match=f"network='{network}' must be package.module:function"):
        build(RECIPE.replace(network=network), 3)


def test_a_name_that_two_layers_have_names_neither():
    model = nn.Sequential(nn.Sequential(OrderedDict(a=nn.Conv2d(1, 1, 1))))
    state = {"x.a.weight": torch.ones(1, 1, 1, 1), "y.a.weight": torch.zeros(1, 1, 1, 1), "x.a.bias": torch.ones(1)}
    before = model[0].a.weight.item()
    take_over(model, state)
    assert (model[0].a.weight.item(), model[0].a.bias.item()) == (before, 1.0)


def test_networks_with_nothing_in_common_are_refused():
    wide = build(RECIPE.replace(network="unet", options={"width": 1 / 32}), 3)
    with pytest.raises(ValueError, match="FCN has no layer in common"):
        take_over(build(RECIPE, 3), wide.state_dict())
