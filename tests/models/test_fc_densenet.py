"""FC-DenseNet against the counts of the authors' definition, and a second implementation that stacks as it does."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglib.models.fc_densenet import (
    PAPER,
    DenseBlock,
    FCDenseNet,
    TransitionUp,
    fc_densenet56,
    fc_densenet67,
    fc_densenet103,
)
from seglib.receptive_field import receptive_field
from tests.models.test_papers import FACTS

BUILDERS = {"fc_densenet56": fc_densenet56, "fc_densenet67": fc_densenet67, "fc_densenet103": fc_densenet103}
LAYERS = (2, 1, 3, 1, 2, 3, 1, 2, 3, 1, 2)  # of the tiny copy, different where two blocks meet


def facts(name: str) -> dict:
    return FACTS[name.replace("_", "")]


def on_meta(name: str, **options) -> FCDenseNet:
    with torch.device("meta"):
        return BUILDERS[name](**({"num_classes": 11} | options)).eval()


def tiny(**options) -> FCDenseNet:
    """Growth 3, seven first channels; every weight and running average at random."""
    torch.manual_seed(0)
    settings = {"layers_per_block": LAYERS, "growth": 20, "num_classes": 4, "width": 0.15}
    model = FCDenseNet(**(settings | options)).double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.bias, std=0.3)
    return model


def image(height: int, width: int, *, count: int = 2) -> Tensor:
    return torch.rand(count, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def second_implementation(model: FCDenseNet, x: Tensor, layers: tuple[int, ...], *, batch_statistics=False) -> Tensor:
    """The stacks of the definition, grown one concatenation at a time; weights in the order in which they are used."""
    weights = iter([t for name, t in model.state_dict().items() if not name.endswith("num_batches_tracked")])

    def take(count):
        return [next(weights) for _ in range(count)]

    def layer(x):
        gain, shift, mean, variance = take(4)
        if batch_statistics:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        mean, scale = mean[:, None, None], (gain / (variance + 1e-4).sqrt())[:, None, None]
        x = ((x - mean) * scale + shift[:, None, None]).clamp(min=0)
        weight, bias = take(2)
        return F.conv2d(x, weight, bias, padding="same")

    def block(stack, count):
        made = []
        for _ in range(count):
            made.append(layer(stack))
            stack = torch.cat([stack, made[-1]], 1)
        return stack, made

    stack = F.conv2d(x, *take(2), padding="same")
    skips = []
    for count in layers[:5]:
        stack, _ = block(stack, count)
        skips.insert(0, stack)
        stack = F.max_pool2d(layer(stack), 2)
    stack, made = block(stack, layers[5])
    for skip, count in zip(skips, layers[6:], strict=True):
        up = F.conv_transpose2d(torch.cat(made, 1), *take(2), stride=2)
        top, left = ((up.shape[i] - skip.shape[i]) // 2 for i in (2, 3))  # Lasagne's "center"
        up = up[:, :, top : top + skip.shape[2], left : left + skip.shape[3]]
        stack, made = block(torch.cat([up, skip], 1), count)
    logits = F.conv2d(stack, *take(2))
    assert next(weights, None) is None
    return logits


@pytest.mark.parametrize("name", BUILDERS)
class TestPaper:
    @pytest.mark.parametrize("classes", [11, 12, 21])
    def test_parameters(self, name, classes):
        trainable = sum(p.numel() for p in on_meta(name, num_classes=classes).parameters() if p.requires_grad)
        assert trainable == facts(name)["params_trainable_by_classes"][str(classes)]
        if classes == 11:
            assert trainable == PAPER[name].parameters

    def test_parameters_by_kind(self, name):
        modules = list(on_meta(name).modules())
        convs = [m for m in modules if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        norms = [m for m in modules if isinstance(m, nn.BatchNorm2d)]
        fact = facts(name)
        assert len(convs) == fact["conv_layers"] == int(name.removeprefix("fc_densenet"))
        assert sum(m.weight.numel() for m in convs) == fact["params_conv_weights"]
        assert sum(m.bias.numel() for m in convs) == fact["params_conv_bias"]
        assert sum(m.weight.numel() + m.bias.numel() for m in norms) == fact["params_bn_affine"]
        statistics = sum(m.running_mean.numel() + m.running_var.numel() for m in norms)
        assert fact["params_trainable"] + statistics == fact["params_all_lasagne_incl_running_stats"]

    def test_m_of_every_block(self, name):
        """Table 2's m, as corrected: the maps in the stack after each block, its input included."""
        model = on_meta(name)
        m = [model.first.out_channels]
        for block in (module for module in model.modules() if isinstance(module, DenseBlock)):
            block.register_forward_hook(lambda _m, given, new: m.append(given[0].shape[1] + new.shape[1]))
        model(torch.empty(1, 3, 224, 224, device="meta"))
        assert m == [maps for _, maps in facts(name)["m_per_block"]]

    def test_layers_and_growth(self, name):
        blocks = [module for module in on_meta(name).modules() if isinstance(module, DenseBlock)]
        layers = facts(name)["layers_per_block"]
        assert [len(block.layers) for block in blocks] == (layers if isinstance(layers, list) else [layers] * 11)
        assert {each.conv.out_channels for block in blocks for each in block.layers} == {facts(name)["growth"]}

    def test_receptive_field(self, name):
        field = receptive_field(BUILDERS[name](num_classes=2, width=0.01).eval(), (3, 224, 224))
        for axis in (0, 1):
            assert sorted({size[axis] for size in field.sizes}) == facts(name)["score_rf"]["sizes"]
        assert PAPER[name].receptive_field == tuple(facts(name)["score_rf"]["sizes"])

    def test_misprints_are_explained_with_the_counts(self, name):
        printed = PAPER[name].printed
        assert bool(printed) is (name != "fc_densenet67")  # table 3 has 3.5M, and so has the definition
        for key in ("params_trainable", "params_all_lasagne_incl_running_stats"):
            assert f"{facts(name)[key]:,}" in printed or not printed

    def test_transitions(self, name):
        for td in (
            module for path, module in on_meta(name).named_modules() if path.startswith("td") and "." not in path
        ):
            assert td.conv.kernel_size == (1, 1)
            assert td.conv.in_channels == td.conv.out_channels
            assert [type(part) for part in td] == [nn.BatchNorm2d, nn.ReLU, nn.Conv2d, nn.Dropout, nn.MaxPool2d]
        ups = [module.up for module in on_meta(name).modules() if isinstance(module, TransitionUp)]
        layers = facts(name)["layers_per_block"]
        layers = layers if isinstance(layers, list) else [layers] * 11
        # only the maps that the block before has made are upsampled
        assert [(up.in_channels, up.out_channels) for up in ups] == [
            (n * facts(name)["growth"],) * 2 for n in layers[5:10]
        ]
        assert {(up.kernel_size, up.stride, up.padding) for up in ups} == {((3, 3), (2, 2), (0, 0))}

    def test_dropout_is_a_fifth(self, name):
        model = on_meta(name)
        drops = [module for module in model.modules() if isinstance(module, nn.Dropout)]
        assert {drop.p for drop in drops} == {0.2}
        assert len(drops) == facts(name)["conv_layers"] - 1 - 5 - 1  # all but the first, the upsampling, the scores


class TestSecondImplementation:
    @pytest.mark.parametrize("size", [(32, 64), (37, 50), (63, 65)], ids=str)
    def test_eval(self, size):
        model, x = tiny(), image(*size)
        with torch.inference_mode():
            given, expected = model(x), second_implementation(model, x, LAYERS)
        assert given.shape == (2, 4, *size)
        torch.testing.assert_close(given, expected)
        assert given.std() > 0

    def test_statistics_of_the_batch_as_in_the_authors_test(self):
        model, x = tiny(), image(45, 66)
        expected = second_implementation(model, x, LAYERS, batch_statistics=True)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train()
        torch.testing.assert_close(model(x), expected)

    def test_gradients(self):
        """Activations are written over in place; what the backward pass needs must survive that."""
        model, x = tiny(), image(35, 40)
        parameters = dict(model.named_parameters())
        ours = torch.autograd.grad(model(x).square().sum(), list(parameters.values()))
        # the second implementation reads the state dict, which is detached, so it gets another one
        copy = {name: tensor.clone().requires_grad_(name in parameters) for name, tensor in model.state_dict().items()}
        model.state_dict = lambda: copy
        logits = second_implementation(model, x, LAYERS)
        theirs = torch.autograd.grad(logits.square().sum(), [copy[name] for name in parameters])
        torch.testing.assert_close(ours, theirs)


def test_concatenation_is_upsampled_then_skip():
    up = TransitionUp(2)
    x, skip = torch.rand(1, 2, 5, 7), torch.rand(1, 3, 11, 14)
    both = up(x, skip)
    assert both.shape == (1, 5, 11, 14)  # 2n + 1 rows of an odd map, 2n columns of an even one
    assert torch.equal(both[:, 2:], skip)
    assert torch.equal(both[:, :2], up.up(x)[:, :, :11, :14])
    assert torch.equal(up(x, skip * 0)[:, :2], both[:, :2])


def test_upsampled_maps_do_not_contain_the_block_s_input():
    """Layers of the bottleneck that make nothing leave nothing to upsample, although its input is not zero."""
    model = tiny()
    for layer in model.db6.layers:
        nn.init.zeros_(layer.conv.weight)
        nn.init.zeros_(layer.conv.bias)
    given = []
    model.tu5.register_forward_hook(lambda _m, maps, _o: given.append(maps[0]))
    model.db6.register_forward_hook(lambda _m, maps, _o: given.append(maps[0]))
    with torch.inference_mode():
        model(image(64, 64))
    block_input, upsampled = given
    assert block_input.any()
    assert not upsampled.any()


@pytest.mark.parametrize("part", ["given", "new"])
def test_scores_see_the_whole_last_stack(part):
    """What the last block was given and what it has made: without either, the logits change."""
    model, x = tiny(), image(40, 40)
    given = model.db11.layers[0].norm.num_features
    with torch.inference_mode():
        before = model(x)
        (model.score.weight[:, :given] if part == "given" else model.score.weight[:, given:]).zero_()
        assert not torch.allclose(model(x), before)


def test_takes_any_size_from_32():
    with torch.device("meta"):
        model = FCDenseNet(layers_per_block=(1,) * 11, growth=2, num_classes=2, width=0.5).eval()
    for size in range(32, 110):
        assert model(torch.empty(1, 3, size, 141 - size, device="meta")).shape == (1, 2, size, 141 - size)


@pytest.mark.parametrize("size", [(31, 40), (64, 8)], ids=str)
def test_smaller_images_are_refused(size):
    message = f"at least 32 x 32 pixels .five poolings halve them.; got {size[0]} x {size[1]}"
    with pytest.raises(ValueError, match=message):
        tiny()(image(*size))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers_per_block": (4, 4, 4)}, r"layers_per_block=\(4, 4, 4\) must have 11 numbers"),
        ({"layers_per_block": (4,) * 10 + (0,)}, "layers_per_block=0 must be a whole number of 1 or more"),
        ({"growth": 2.5}, "growth=2.5 must be a whole number of 1 or more"),
    ],
    ids=["eleven", "zero", "growth"],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_weights_start_he_uniform():
    torch.manual_seed(0)
    for name, module in fc_densenet56(num_classes=11).named_modules():
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            continue
        fan_in = module.in_channels * module.kernel_size[0] ** 2  # of transposed ones too: as many go out as come in
        weight = module.weight.detach()
        assert weight.abs().max() <= (6 / fan_in) ** 0.5
        assert weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=4 / weight.numel() ** 0.5), name
        assert not module.bias.any()


def test_one_concatenation_for_each_layer_but_the_first(monkeypatch):
    joined = []
    cat = torch.cat
    monkeypatch.setattr(torch, "cat", lambda maps, dim: joined.append(len(maps)) or cat(maps, dim))
    DenseBlock(6, layers=4, growth=2).eval()(torch.rand(1, 6, 4, 4))
    assert joined == [2, 3, 4, 4]
