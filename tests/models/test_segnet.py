"""SegNet and SegNet-Basic against the release's layer tables: their numbers, and their results."""

import pytest
import torch
import torchvision

from seglib.models import load_vgg16
from seglib.models._vgg import FEATURES
from seglib.models.segnet import SegNet, SegNetBasic, segnet, segnet_basic
from seglib.receptive_field import receptive_field
from tests.models.layer_table import caffe_lrn, calls, check_against_table, check_layers, randomise
from tests.models.test_papers import FACTS

BUILDERS = {"segnet": segnet, "segnet_basic": segnet_basic}


def on_meta(name: str, **options) -> SegNet | SegNetBasic:
    with torch.device("meta"):
        return BUILDERS[name](**({"num_classes": 11} | options)).eval()


@pytest.mark.parametrize(
    ("name", "num_classes", "parameters"),
    [
        ("segnet", 11, 29_449_355),
        ("segnet", 12, 29_449_932),
        ("segnet", 21, 29_455_125),
        ("segnet_basic", 11, 1_416_587),
    ],
)
def test_parameters(name, num_classes, parameters):
    assert sum(p.numel() for p in on_meta(name, num_classes=num_classes).parameters()) == parameters


@pytest.mark.parametrize("name", BUILDERS)
def test_every_layer_is_the_release_s(name):
    check_layers(name, on_meta(name))


@pytest.mark.parametrize("size", [(64, 96), (45, 61), (33, 1)], ids=str)
@pytest.mark.parametrize("name", BUILDERS)
def test_logits_and_gradients_are_those_of_the_release_s_layers(name, size):
    model = randomise(BUILDERS[name](num_classes=5, width=0.1)).double().eval()
    check_against_table(name, model, torch.rand(2, 3, *size, dtype=torch.float64))


@pytest.mark.parametrize("name", BUILDERS)
def test_every_size_comes_back(name):
    model = on_meta(name, width=0.02)
    for size in range(1, 100, 3):
        assert model(torch.empty(1, 3, size, 100 - size, device="meta")).shape == (1, 11, size, 100 - size)


def test_unpooling_restores_the_odd_sizes_of_camvid():
    shapes = {
        name: tuple(shape[1:])
        for name, _, shape in calls(on_meta("segnet"), torch.empty(1, 3, 360, 480, device="meta"))
    }
    assert [shapes[f"pool{i}"] for i in (1, 2, 3, 4, 5)] == [tuple(s) for s in FACTS["segnet"]["pool_sizes_360x480"]]
    assert [shapes[f"upsample{i}"] for i in (5, 4, 3, 2, 1)] == [
        tuple(s) for s in FACTS["segnet"]["unpool_output_sizes"]
    ]


@pytest.mark.parametrize(
    ("name", "layer", "expected"),
    [
        ("segnet", "upsample5", (212,)),
        ("segnet", None, (372, 404)),
        ("segnet_basic", "upsample4", (106,)),  # the paper: 106 x 106 pixels, section 3.1
        ("segnet_basic", None, (186, 202)),
    ],
)
def test_receptive_field(name, layer, expected):
    for size in ((360, 480), (361, 477)):
        field = receptive_field(BUILDERS[name](num_classes=2, width=0.02).eval(), (3, *size), layer=layer)
        assert sorted({height for height, _ in field.sizes}) == list(expected)


def test_vgg16_fills_the_encoder_and_nothing_else():
    with torch.device("meta"):
        assert load_vgg16(on_meta("segnet"), torchvision.models.vgg16().state_dict()) == list(FEATURES)


def test_local_response_normalisation_is_the_release_s_for_images_from_0_to_255():
    for channels in (1, 3, 7):
        x = torch.rand(2, channels, 5, 6)
        norm = segnet_basic(num_classes=2, in_channels=channels, width=0.02).norm
        torch.testing.assert_close(255 * norm(x), caffe_lrn(255 * x))
        assert not torch.allclose(norm(x), x, rtol=0.1)
