"""DeepLab v1 against the release's layer tables, the strided network it is equal to, and Caffe's arithmetic."""

import math

import pytest
import torch
import torch.nn.functional as F

from seglib.models._upsampling import zoom
from seglib.models.deeplab_v1 import PAPER, DeepLabV1, deeplab_v1, deeplab_v1_largefov
from seglib.receptive_field import receptive_field
from tests.models.layer_table import layers_of, shapes_of
from tests.models.test_papers import FACTS

BUILDERS = {"deeplab_v1": deeplab_v1, "deeplab_v1_largefov": deeplab_v1_largefov}
# our name -> the name in the facts, and the name of fc8 there
RELEASE = {
    "deeplab_v1": ("deeplab_v1_vgg128_noup", "fc8_pascal"),
    "deeplab_v1_largefov": ("deeplab_v1_largefov", "fc8_voc12"),
}
FIRST = {"deeplab_v1": 1, "deeplab_v1_largefov": 0}  # the pixel of score (0, 0)
each_network = pytest.mark.parametrize("name", list(BUILDERS))


def on_meta(name: str, **options) -> DeepLabV1:
    with torch.device("meta"):
        return BUILDERS[name](**({"num_classes": 21} | options)).eval()


def narrow(name: str, **options) -> DeepLabV1:
    torch.manual_seed(0)
    return BUILDERS[name](**({"num_classes": 3, "width": 0.1, "fc_channels": 200} | options)).double().eval()


def image(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def parameters_of(model: DeepLabV1) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@each_network
def test_every_layer_is_the_release_s(name):
    release, fc8 = RELEASE[name]
    size = tuple(FACTS[release]["input"][1:])
    model = on_meta(name)
    layers, shapes = layers_of(model), shapes_of(model, size)
    seen = set()
    for fact in FACTS[release]["layers"]:
        own = "fc8" if fact["name"] == fc8 else fact["name"]
        seen.add(own)
        layer = layers[own]
        assert shapes[own] == fact["out_shape"], own
        assert sum(p.numel() for p in layer.parameters()) == fact["params"], own
        if fact["type"] == "Convolution":
            assert (layer.in_channels, layer.out_channels) == (fact["cin"], fact["cout"])
            assert layer.kernel_size == (fact["k"],) * 2
            assert (layer.stride, layer.padding, layer.dilation) == (
                (fact["s"],) * 2,
                (fact["p"],) * 2,
                (fact["d"],) * 2,
            )
        elif fact["type"] == "Pooling":
            assert type(layer).__name__ == {"MAX": "MaxPool2d", "AVE": "AvgPool2d"}[fact["pool"]], own
            assert (layer.kernel_size, layer.stride, layer.padding) == (fact["k"], fact["s"], fact["p"]), own
        elif fact["type"] == "Dropout":
            assert layer.p == fact["ratio"]
    assert seen == set(layers)
    assert shapes["score"] == [21, *size]
    assert parameters_of(model) == PAPER[name].parameters == FACTS[release]["params_trainable"]


@pytest.mark.parametrize(
    ("name", "options", "millions", "field_of_view", "sees"),
    [
        ("deeplab_v1", {"fc6_kernel": 7, "fc6_rate": 4}, 134.3, 224, 404),
        ("deeplab_v1", {"fc6_kernel": 4, "fc6_rate": 4}, 65.1, 128, 308),
        ("deeplab_v1", {"fc6_kernel": 4, "fc6_rate": 8}, 65.1, 224, 404),
        ("deeplab_v1_largefov", {"fc6_kernel": 3, "fc6_rate": 12}, 20.5, 224, 435),
    ],
    ids=["7x7", "4x4", "4x4 rate 8", "LargeFOV"],
)
def test_table_2(name, options, millions, field_of_view, sees):
    """Parameters as printed; the printed field of view is nominal, the exact field is another."""
    assert round(parameters_of(on_meta(name, **options)) / 1e6, 1) == millions
    kernel, rate = options.values()
    assert (kernel - 1) * rate * 8 + 32 == field_of_view
    scores = receptive_field(on_meta(name, width=0.01, **options), (3, 321, 321), layer="fc8")
    assert scores.heights == scores.widths == (sees,)


@pytest.mark.parametrize("rate", [1, 2, 3, 5, 12, 24, 40])
def test_the_map_keeps_its_size_at_every_rate(rate):
    model = on_meta("deeplab_v1_largefov", width=0.01, fc6_rate=rate)
    shapes = shapes_of(model, (321, 321))
    assert shapes["fc6"][1:] == [41, 41]
    assert receptive_field(model, (3, 321, 321), layer="fc8").heights == (243 + 16 * rate,)


def test_largefov_s_sizes():
    shapes = shapes_of(on_meta("deeplab_v1_largefov", width=0.01), (321, 513))
    assert [shapes[pool][1:] for pool in ("pool1", "pool2", "pool3", "fc8")] == [
        [161, 257],
        [81, 129],
        [41, 65],
        [41, 65],
    ]


def test_plain_sizes():
    shapes = shapes_of(on_meta("deeplab_v1", width=0.01), (306, 514))
    assert [shapes[layer][1:] for layer in ("pool3", "pool4", "fc8")] == [[40, 66], [39, 65], [39, 65]]


@each_network
def test_sizes_are_caffe_s_for_every_image(name):
    """Caffe rounds up, and takes a window away again that would begin in the padding."""

    def pooled(n, kernel, stride, padding):
        out = math.ceil((n + 2 * padding - kernel) / stride) + 1
        return out - 1 if padding and (out - 1) * stride >= n + padding else out

    scores = on_meta(name, width=0.01, fc6_kernel=3, upsample=False)
    logits = on_meta(name, width=0.01, fc6_kernel=3)
    large = name == "deeplab_v1_largefov"
    for size in range(2, 60):
        n = size
        for _ in range(3):
            n = pooled(n, 3 if large else 2, 2, 1)
        n = n if large else pooled(n, 2, 1, 0)
        x = torch.empty(1, 3, size, 70, device="meta")
        assert scores(x).shape[2] == n
        assert logits(x).shape[2:] == (size, 70)


@each_network
def test_conv5_3_is_the_strided_vgg_s_computed_at_every_position(name):
    """The hole algorithm: pool4 with stride 2 and conv5 without holes give every second value, to the border."""
    model = narrow(name)
    x = image(97, 130)
    with torch.inference_mode():
        conv4_3 = model.stage4(model.pool3(model.stage3(model.pool2(model.stage2(model.pool1(model.stage1(x)))))))
        dense = model.stage5(model.pool4(conv4_3))
        sparse = F.max_pool2d(conv4_3, model.pool4.kernel_size, stride=2, padding=model.pool4.padding)
        for i in (1, 2, 3):
            conv = model.stage5.get_submodule(f"conv5_{i}")
            sparse = F.relu(F.conv2d(sparse, conv.weight, conv.bias, padding=1))
    torch.testing.assert_close(dense[:, :, ::2, ::2], sparse)
    assert sparse.std() > 0


@each_network
def test_scores_lie_where_they_see(name):
    field = receptive_field(on_meta(name, width=0.01), (3, 321, 321), layer="fc8")
    assert field.stride == (8, 8)
    assert field.centre == ((0, 0) if name == "deeplab_v1_largefov" else (0.5, 0.5))


@each_network
@pytest.mark.parametrize("size", [(65, 97), (66, 98), (64, 71), (18, 19)], ids=str)
def test_logits_on_the_scores_pixels_are_the_scores(name, size):
    model, scores = narrow(name), narrow(name, upsample=False)
    x = image(*size)
    first = FIRST[name]
    with torch.inference_mode():
        logits, scores = model(x), scores(x)
    on_scores = logits[:, :, first::8, first::8]
    torch.testing.assert_close(on_scores, scores[:, :, : on_scores.shape[2], : on_scores.shape[3]])
    assert scores.std() > 0


def test_largefov_is_interpolated_with_corners_aligned():
    model, scores = narrow("deeplab_v1_largefov"), narrow("deeplab_v1_largefov", upsample=False)
    x = image(65, 97)
    with torch.inference_mode():
        expected = F.interpolate(scores(x), (65, 97), mode="bilinear", align_corners=True)
        torch.testing.assert_close(model(x), expected)


def test_plain_is_the_release_s_crop_of_the_interpolation():
    """Its test network has one more score at each side, interpolates to n + 15 pixels and crops 7 and 8 of them."""
    n = 16 * 3 + 2
    torch.manual_seed(0)
    scores = torch.rand(1, 2, (n - 2) // 8 + 1, (n - 2) // 8 + 1, dtype=torch.float64)
    more = F.pad(scores, (1, 1, 1, 1), mode="replicate")
    interpolated = F.interpolate(more, (n + 15, n + 15), mode="bilinear", align_corners=True)
    torch.testing.assert_close(zoom(scores, (n, n), first=1), interpolated[:, :, 7:-8, 7:-8])


@pytest.mark.parametrize("first", [0, 1])
def test_zoom_of_a_ramp_is_the_ramp(first):
    ramp = 8 * torch.arange(5.0) + first
    for size in range(1, 34 + 7):
        zoomed = zoom(ramp.expand(1, 1, 5, 5), (3, size), first=first)[0, 0, 0]
        torch.testing.assert_close(zoomed, torch.arange(float(size)).clamp(first, 32 + first))


@pytest.mark.parametrize("size", [18, 19, 25, 26, 41, 57, 58, 66])
def test_labels_at_stride_8_fit_the_scores(size):
    labels, x = torch.zeros(1, size, size), torch.empty(1, 3, size, size, device="meta")
    plain = on_meta("deeplab_v1", width=0.01, upsample=False)(x)
    assert plain.shape[2:] == labels[:, 1::8, 1::8].shape[1:]
    if size % 8 == 1:
        large = on_meta("deeplab_v1_largefov", width=0.01, upsample=False)(x)
        assert large.shape[2:] == labels[:, ::8, ::8].shape[1:]


def test_pool5a_counts_the_padding_as_caffe_does():
    pool5a = on_meta("deeplab_v1_largefov", width=0.01).pool5a
    averaged = pool5a(torch.ones(1, 1, 4, 4))[0, 0]
    torch.testing.assert_close(averaged[[0, 0, 1], [0, 1, 1]], torch.tensor([4 / 9, 6 / 9, 1]))


def test_pool5a_widens_the_field_by_16():
    model = on_meta("deeplab_v1_largefov", width=0.01)
    model.pool5a = torch.nn.Identity()
    assert receptive_field(model, (3, 321, 321), layer="fc8").heights == (419,)


@each_network
def test_fc8_starts_small(name):
    torch.manual_seed(0)
    fc8 = BUILDERS[name](num_classes=21, width=0.1, fc_channels=4000).fc8
    assert fc8.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not fc8.bias.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fc6_rate": 3}, "fc6_rate=3 must be even with fc6_kernel=4"),
        ({"fc6_rate": 0}, "fc6_rate=0 must be a whole number of 1 or more"),
        ({"fc6_kernel": 2.0}, "fc6_kernel=2.0 must be a whole number"),
        ({"fc_channels": 0}, "fc_channels=0 must be a whole number"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        deeplab_v1(num_classes=3, width=0.1, **options)


@pytest.mark.parametrize(
    ("name", "options", "smallest"),
    [
        ("deeplab_v1", {}, 18),
        ("deeplab_v1", {"fc6_rate": 8}, 34),
        ("deeplab_v1", {"fc6_kernel": 3}, 2),
        ("deeplab_v1_largefov", {}, 1),
        ("deeplab_v1_largefov", {"fc6_kernel": 4, "fc6_rate": 4}, 10),
    ],
    ids=str,
)
def test_the_smallest_image_is_the_smallest_that_fc6_sees(name, options, smallest):
    """A 4 x 4 kernel has no tap in its middle, and on a small map all of them would lie in the padding."""
    model = narrow(name, **options)
    assert model.smallest == smallest
    with torch.inference_mode():
        x = image(smallest, smallest)
        assert not torch.equal(model(x), model(0.1 * x))
        if smallest == 1:
            return
        got = rf"\(on fewer, nothing is left for fc6 to see\); got {smallest - 1} x 40"
        with pytest.raises(ValueError, match=f"at least {smallest} x {smallest} pixels {got}"):
            model(image(smallest - 1, 40))
        model.smallest = 2
        if smallest > 2:
            x = image(smallest - 1, smallest - 1)
            assert torch.equal(model(x), model(0.1 * x))
