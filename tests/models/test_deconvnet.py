"""DeconvNet against the release's layer table: its numbers, and its results."""

import pytest
import torch
import torchvision
from torch import nn

from seglib.models import load_vgg16
from seglib.models._vgg import FEATURES
from seglib.models.deconvnet import DeconvNet, deconvnet
from seglib.receptive_field import receptive_field
from tests.models.layer_table import calls, check_against_table, check_layers, randomise
from tests.models.test_papers import FACTS


def on_meta(**options) -> DeconvNet:
    with torch.device("meta"):
        return deconvnet(**({"num_classes": 21} | options)).eval()


def shapes(model: DeconvNet, size: tuple[int, int]) -> dict[str, list[int]]:
    return {name: shape for name, _, shape in calls(model, torch.empty(1, 3, *size, device="meta"))}


def test_parameters():
    model = on_meta()
    assert sum(p.numel() for p in model.parameters()) == 251_805_653
    fc = (model.fc6, model.bnfc6, model.fc7, model.bnfc7, model.fc6_deconv, model.fc6_deconv_bn)
    assert sum(p.numel() for layer in fc for p in layer.parameters()) == 222_324_224  # nearly nine in ten


def test_every_layer_is_the_release_s():
    check_layers("deconvnet", on_meta())


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((193, 225), {"fc_channels": 256}),
        ((96, 64), {"fc6_kernel": 2}),
        ((65, 97), {"fc6_kernel": 3}),
        ((45, 61), {"fc6_kernel": 1}),
    ],
    ids=str,
)
def test_logits_and_gradients_are_those_of_the_release_s_layers(size, options):
    model = randomise(deconvnet(num_classes=5, width=0.05, **options)).double().eval()
    check_against_table("deconvnet", model, torch.rand(1, 3, *size, dtype=torch.float64))


def test_a_deconvolution_of_stride_1_is_a_convolution_with_the_kernel_turned():
    model = deconvnet(num_classes=2, width=0.05).double()
    for layer in (m for m in model.modules() if isinstance(m, nn.ConvTranspose2d)):
        k, p = layer.kernel_size[0], layer.padding[0]
        conv = nn.Conv2d(layer.in_channels, layer.out_channels, k, padding=k - 1 - p).double()
        conv.weight.data = layer.weight.data.transpose(0, 1).flip(2, 3)
        conv.bias.data = layer.bias.data
        x = torch.rand(1, layer.in_channels, 7, 9, dtype=torch.float64)
        torch.testing.assert_close(layer(x), conv(x))


@pytest.mark.parametrize(
    ("size", "options", "pool5", "fc6"),
    [
        ((224, 224), {}, [7, 7], [1, 1]),
        ((360, 480), {}, [12, 15], [6, 9]),
        ((225, 300), {}, [8, 10], [2, 4]),
        ((96, 96), {"fc6_kernel": 3}, [3, 3], [1, 1]),
        ((96, 128), {"fc6_kernel": 1}, [3, 4], [3, 4]),
    ],
    ids=str,
)
def test_fc6_deconv_gives_back_the_size_of_pool5(size, options, pool5, fc6):
    found = shapes(on_meta(**options), size)
    assert (found["pool5"], found["fc6"], found["fc6_deconv"]) == ([512, *pool5], [4096, *fc6], [512, *pool5])
    assert found["seg_score_voc"] == [21, *size]


@pytest.mark.parametrize("kernel", [1, 2, 3, 5, 7])
def test_the_smallest_image_is_the_smallest(kernel):
    model = on_meta(fc6_kernel=kernel, width=0.02)
    smallest = 32 * (kernel - 1) + 1
    assert shapes(model, (smallest, smallest))["fc6"][1:] == [1, 1]
    if kernel > 1:
        with pytest.raises(
            ValueError,
            match=rf"at least {smallest} x {smallest} pixels \(pool5 must be {kernel} x {kernel} for fc6\); "
            rf"got 300 x {smallest - 1}",
        ):
            model(torch.empty(1, 3, 300, smallest - 1, device="meta"))


def test_every_size_comes_back():
    model = on_meta(fc6_kernel=2, width=0.02)
    for size in range(33, 100, 3):
        assert model(torch.empty(1, 3, size, 133 - size, device="meta")).shape == (1, 21, size, 133 - size)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [("fc6", (404,)), ("fc6_deconv", (596,)), ("unpool5", (596,)), ("unpool1", (756, 788)), (None, (756, 788))],
)
def test_receptive_field(layer, expected):
    facts = FACTS["deconvnet"]["intermediate"].get((layer or "").replace("_", "-"), FACTS["deconvnet"]["score_rf"])
    assert list(expected) == facts.get("rf_sizes", facts.get("sizes"))
    field = receptive_field(deconvnet(num_classes=2, width=0.02).eval(), (3, 225, 301), layer=layer)
    assert sorted({height for height, _ in field.sizes}) == list(expected)


def test_at_224_every_pixel_sees_the_whole_image():
    model = deconvnet(num_classes=2, width=0.02).eval()
    field = receptive_field(model, (3, 224, 224))
    for corner in ((0, 0), (0, 223), (223, 0), (223, 223)):
        top, left, bottom, right = field.box(*corner)
        assert max(top, left) <= 0
        assert min(bottom, right) >= 224


def test_starts_with_he_s_initialisation():
    torch.manual_seed(0)
    for name, layer in deconvnet(num_classes=21, width=0.25).named_modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            fan_in = layer.in_channels * layer.kernel_size[0] ** 2  # taps of one output pixel away from the border
            assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.15), name
            assert not layer.bias.any()


def test_vgg16_fills_the_encoder_fc6_and_fc7_and_nothing_else():
    with torch.device("meta"):
        state = torchvision.models.vgg16().state_dict()
        assert load_vgg16(on_meta(), state) == [*FEATURES, "fc6", "fc7"]
        assert load_vgg16(on_meta(fc6_kernel=3, fc_channels=1024), state) == [*FEATURES, "fc6", "fc7"]


@pytest.mark.parametrize("option", ["fc6_kernel", "fc_channels"])
def test_bad_options_are_named(option):
    with pytest.raises(ValueError, match=f"{option}=0 must be a whole number of 1 or more"):
        deconvnet(num_classes=2, width=0.02, **{option: 0})
