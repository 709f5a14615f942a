"""FCN against the release's layer table, and its crops against the geometry they follow from."""

from fractions import Fraction

import pytest
import torch
from torch import nn

from seglib import models
from seglib.models.fcn import FCN
from tests.models.layer_table import layers_of, shapes_of
from tests.models.test_papers import FACTS, on_meta

NAMES = ("fcn32s", "fcn16s", "fcn8s")
UPSAMPLING = {"upscore": 32, "upscore16": 16, "upscore8": 8, "upscore2": 2, "upscore_pool4": 2}


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_is_the_release_s(name):
    model = on_meta(name)
    layers, shapes = layers_of(model), shapes_of(model, (500, 500))
    seen = set()
    for fact in FACTS[name]["layers"]:
        if fact["type"] in ("Crop", "Eltwise"):
            continue
        seen.add(fact["name"])
        layer = layers[fact["name"]]
        assert shapes[fact["name"]] == fact["out_shape"], fact["name"]
        if fact["type"] == "Convolution":
            assert (layer.in_channels, layer.out_channels) == (fact["cin"], fact["cout"])
            assert layer.kernel_size == (fact["k"],) * 2
            assert layer.padding == (fact["p"],) * 2
            assert sum(p.numel() for p in layer.parameters()) == fact["params"]
        elif fact["type"] == "Pooling":
            assert (layer.kernel_size, layer.stride, layer.ceil_mode) == (2, 2, True)
        elif fact["type"] == "Deconvolution":
            assert layer.stride == fact["s"] == UPSAMPLING[fact["name"]]
            assert fact["k"] == 2 * fact["s"]
    assert seen == set(layers)
    assert shapes["score"] == [21, 500, 500]


@pytest.mark.parametrize("name", NAMES)
def test_crops_are_the_release_s(name):
    crops = on_meta(name).crops
    assert {f"score_{key}c" if key != "score" else key: offset for key, offset in crops.items()} == FACTS[name][
        "crop_offsets"
    ]


def test_crops_follow_from_the_geometry():
    """Each map's unit i lies at pixel scale * i + shift; where two maps meet, the crop lines them up."""

    def layer(at, kernel, stride, padding):
        scale, shift = at
        return scale * stride, shift + scale * (Fraction(kernel - 1, 2) - padding)

    def up(at, stride):  # transposed: kernel 2 * stride, no padding
        scale, shift = at
        return scale / stride, shift - scale * Fraction(2 * stride - 1, 2) / stride

    def offset(of, to):
        return (to[1] - of[1]) / of[0]

    image = at = (Fraction(1), Fraction(0))
    pools = []
    for stage, convs in enumerate((2, 2, 3, 3, 3)):
        for conv in range(convs):
            at = layer(at, 3, 1, 100 if stage == conv == 0 else 1)
        at = layer(at, 2, 2, 0)
        pools.append(at)
    at = layer(at, 7, 1, 0)
    assert offset(up(at, 32), image) == FCN(stride=32, num_classes=2, width=0.01).crops["score"] == 19
    at = up(at, 2)
    crops = FCN(stride=16, num_classes=2, width=0.01).crops
    assert offset(pools[3], at) == crops["pool4"] == 5
    assert offset(up(at, 16), image) == crops["score"] == 27
    at = up(at, 2)
    crops = FCN(stride=8, num_classes=2, width=0.01).crops
    assert offset(pools[2], at) == crops["pool3"] == 9
    assert offset(up(at, 8), image) == crops["score"] == 31


@pytest.mark.parametrize("name", NAMES)
def test_skips_are_never_smaller_than_the_map_they_are_cropped_to(name):
    # the release pads by 100 so that this holds at every size
    model = on_meta(name, width=0.01).eval()
    for size in range(1, 200):
        assert model(torch.empty(1, 3, size, 201 - size, device="meta")).shape[2:] == (size, 201 - size)


@pytest.mark.parametrize("same_padding", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_shift_by_the_stride_shifts_the_logits(name, same_padding):
    """Away from the border, an image moved by 32 px gives logits moved by 32 px."""
    torch.manual_seed(0)
    model = models.create(name, num_classes=2, width=0.03, same_padding=same_padding, fc6_kernel=3).double().eval()
    for module in (getattr(model, score, None) for score in ("score_fr", "score_pool4", "score_pool3")):
        if module is not None:
            nn.init.normal_(module.weight)
    scene = torch.rand(1, 3, 32 * 20 + 32, 32 * 20, dtype=torch.float64)
    with torch.inference_mode():
        one, two = model(scene[:, :, :-32]), model(scene[:, :, 32:])
    inside = slice(288, -320)
    torch.testing.assert_close(one[:, :, 32:][:, :, inside, inside], two[:, :, :-32][:, :, inside, inside])
    assert one[:, :, inside, inside].std() > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("same_padding", [False, True])
def test_logits_lie_over_the_pixels_that_they_see(name, same_padding):
    """The middle of the field is the pixel itself, up to half a unit of the coarsest map that scores."""
    from seglib.receptive_field import receptive_field

    model = models.create(name, num_classes=2, width=0.01, same_padding=same_padding).eval()
    field = receptive_field(model, (3, 320, 320))
    for y in range(100, 164):
        top, _, bottom, _ = field.box(y, 150)
        assert abs((top + bottom - 1) / 2 - y) <= 16


def test_learned_upsampling_starts_as_the_frozen_one():
    torch.manual_seed(0)
    frozen = models.create("fcn8s", num_classes=3, width=0.03).eval()
    nn.init.normal_(frozen.score_fr.weight)
    learned = models.create("fcn8s", num_classes=3, width=0.03, upsampling="learned").eval()
    missing = learned.load_state_dict(frozen.state_dict(), strict=False).missing_keys
    assert missing == ["upscore2.weight", "upscore_pool4.weight"]  # the last one stays bilinear (section 4.3)
    x = torch.rand(1, 3, 60, 70)
    with torch.inference_mode():
        torch.testing.assert_close(learned(x), frozen(x))


def test_scores_start_at_zero():
    logits = models.create("fcn8s", num_classes=3, width=0.03).eval()(torch.rand(1, 3, 40, 40))
    assert not logits.any()


def test_skips_change_the_logits():
    torch.manual_seed(0)
    model = models.create("fcn8s", num_classes=3, width=0.1).eval()
    x = torch.rand(1, 3, 64, 64)
    for score in (model.score_pool4, model.score_pool3):
        with torch.inference_mode():
            before = model(x)
            nn.init.normal_(score.weight)
            assert not torch.equal(model(x), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"upsampling": "nearest"}, 'upsampling=\'nearest\' must be "frozen" or "learned"'),
        ({"stride": 4}, "stride=4 must"),
        ({"same_padding": True, "fc6_kernel": 4}, "fc6_kernel=4 must be odd"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        FCN(**({"stride": 8, "num_classes": 3, "width": 0.1} | options))
