"""Receptive fields against those of the authors' own definitions and of published tables."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision import models

from seglib.receptive_field import layer_table, receptive_field
from tests.receptive_field.networks import (
    FCN,
    VGG_STAGES,
    FCDenseNet,
    UNet,
    Unpooled,
    context_module,
    deeplab_largefov,
    dilated_front_end,
)

FACTS = json.loads((Path(__file__).parents[1] / "fixtures" / "receptive_field_facts.json").read_text())
OUTPUTS = {
    "fcn32s": lambda: FCN(32),
    "fcn16s": lambda: FCN(16),
    "fcn8s": lambda: FCN(8),
    "unet": UNet,
    "segnet": lambda: Unpooled(VGG_STAGES),
    "segnet_basic": lambda: Unpooled((1, 1, 1, 1), k=7, norm=True),
    "deconvnet": lambda: Unpooled(VGG_STAGES, fc=True, decoder=(3, 3, 3, 2, 2)),
    "fcdensenet56": lambda: FCDenseNet((4,) * 11),
    "fcdensenet103": lambda: FCDenseNet((4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4)),
}
SCORES = {
    "fcn32s": (lambda: FCN(32), "score_fr"),
    "fcn16s": (lambda: FCN(16), "score_fr"),
    "fcn8s": (lambda: FCN(8), "score_fr"),
    "deeplab_v1_largefov": (deeplab_largefov, None),
    "dilated_front_end": (dilated_front_end, None),
    "dilated_net": (lambda: nn.Sequential(dilated_front_end(), context_module()), None),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_output_sizes_by_phase_are_those_of_the_authors_network(name):
    facts = FACTS["networks"][name]
    field = receptive_field(OUTPUTS[name]().eval(), tuple(facts["input"]))
    assert field.heights == field.widths == tuple(facts["output_sizes"])
    assert field.size == (max(facts["output_sizes"]),) * 2
    assert field.stride == (1, 1)
    assert field.whole_image == ()


@pytest.mark.parametrize("name", SCORES)
def test_score_size_stride_padding_and_centre_are_those_of_the_authors_network(name):
    make, layer = SCORES[name]
    facts = FACTS["networks"][name]
    field = receptive_field(make().eval(), tuple(facts["input"]), layer)
    expected = facts["score"]
    assert field.sizes == ((expected["size"], expected["size"]),)
    assert field.stride == (expected["stride"], expected["stride"])
    assert field.padding == (expected["pad"], expected["pad"])
    assert field.centre == (expected["center0"], expected["center0"])


def test_fcn8s_pools_are_those_of_the_authors_network():
    facts = FACTS["networks"]["fcn8s"]
    table = layer_table(FCN(8).eval(), tuple(facts["input"]))
    for pool, (layer, expected) in enumerate(facts["layers"].items(), start=3):
        assert layer == f"pool{pool}"
        row = table[f"stages.{pool - 1}.{2 * VGG_STAGES[pool - 1]}"]
        assert row.type == "MaxPool2d"
        assert row.sizes == tuple((size, size) for size in expected["sizes"])
        assert row.jump == (expected["stride"],) * 2


@pytest.mark.parametrize(("pool", "facts"), list(enumerate(FACTS["vgg16_pools"]["rows"])))
def test_vgg16_pools_are_those_of_the_published_table(pool, facts):
    layer = f"features.{[4, 9, 16, 23, 30][pool]}"
    with torch.device("meta"):  # no weights needed, nor their memory
        network = models.vgg16(weights=None)
    field = receptive_field(network, layer=layer)
    size, stride, padding = facts
    assert (field.size, field.stride, field.padding) == ((size, size), (stride, stride), (padding, padding))
    assert field.box(0, 1) == (-padding, stride - padding, size - padding, stride + size - padding)


@pytest.mark.parametrize(("name", "layer"), [("resnet50", "layer4"), ("densenet121", "features")])
def test_torchvision_networks(name, layer):
    with torch.device("meta"):
        network = models.get_model(name, weights=None).eval()
    field = receptive_field(network, layer=layer)
    assert field.sizes == ((FACTS["torchvision"][f"{name}.{layer}"],) * 2,)
    assert field.stride == (32, 32)


def test_unpooling_written_as_a_scatter_sees_the_same():
    size = (3, 360, 480)
    unpooled, scattered = (receptive_field(Unpooled(VGG_STAGES, scatter=s), size) for s in (False, True))
    assert scattered == unpooled


def test_largefov_without_its_average_pool_sees_16_pixels_less():
    with_pool, without = (receptive_field(deeplab_largefov(pool5a), (3, 321, 321)) for pool5a in (True, False))
    assert (with_pool.size, without.size) == ((435, 435), (419, 419))
    assert with_pool.output_size == (41, 41)


def test_the_smallest_unet_tile_sees_what_larger_ones_see():
    assert receptive_field(UNet(), (1, 188, 188)).sizes == receptive_field(UNet(), (1, 572, 572)).sizes


def test_reflection_padding_moves_the_front_end_only():
    padded = receptive_field(nn.Sequential(nn.ReflectionPad2d(186), dilated_front_end()), (3, 200, 240))
    assert padded.size == (380, 380)
    assert padded.padding == (186, 186)
    assert padded.output_size == (25, 30)
