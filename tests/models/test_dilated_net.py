"""DilatedNet against the release's layer tables, the strided network it contains, and a naive `interp_map`."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seglib.models._upsampling import BilinearUpsampling, zoom
from seglib.models.dilated_net import (
    LARGE,
    PAPER,
    DilatedNet,
    context_module,
    dilated_front_end,
    dilated_net,
    dilated_net_large,
    identity_,
)
from seglib.receptive_field import receptive_field
from tests.models.layer_table import layers_of, shapes_of
from tests.models.test_papers import FACTS

BUILDERS = {
    "dilated_front_end": dilated_front_end,
    "dilated_net": dilated_net,
    "dilated_net_large": dilated_net_large,
}
RELEASE = {
    "dilated_front_end": "dilatednet_frontend",
    "dilated_net_large": "dilatednet_front_plus_large_ctx_voc",
}
SCORES = {name: "final" if name == "dilated_front_end" else "context.ctx_final" for name in BUILDERS}
CONTEXT = FACTS["context_module"]
each_network = pytest.mark.parametrize("name", list(BUILDERS))


def on_meta(name: str, **options) -> DilatedNet:
    with torch.device("meta"):
        return BUILDERS[name](**({"num_classes": 21} | options)).eval()


def narrow(name: str, **options) -> DilatedNet:
    torch.manual_seed(0)
    return BUILDERS[name](**({"num_classes": 3, "width": 0.03, "fc_channels": 300} | options)).double().eval()


def image(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def maps(classes: int = 5, height: int = 40, width: int = 50) -> torch.Tensor:
    """Scores of which none is negative, of a kind that float32 adds up exactly."""
    return torch.randint(64, (1, classes, height, width), generator=torch.Generator().manual_seed(1)) / 16


def parameters_of(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def convolutions(model: nn.Module) -> dict[str, nn.Conv2d]:
    return {name: layer for name, layer in layers_of(model).items() if isinstance(layer, nn.Conv2d)}


@pytest.mark.parametrize("name", list(RELEASE))
def test_every_layer_is_the_release_s(name):
    release = FACTS[RELEASE[name]]
    assert release["input"] == [3, 900, 900]
    model = on_meta(name)
    layers = layers_of(model)
    shapes = shapes_of(model, (520, 520))  # padded to 900: 66 scores, the last one on row 520, just below the image
    seen = set()
    for fact in release["layers"]:
        own = fact["name"].replace("fc-final", "final").replace("ct_", "ctx_")
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
            assert (type(layer), fact["pool"]) == (nn.MaxPool2d, "MAX")
            assert (layer.kernel_size, layer.stride, layer.padding) == (fact["k"], fact["s"], fact["p"])
        elif fact["type"] == "Dropout":
            assert layer.p == fact["ratio"]
    assert seen == set(layers) - {"context"}  # nothing in its place behind the front end
    assert shapes["score"] == [21, 520, 520]
    assert parameters_of(model) == PAPER[name].parameters == release["params_trainable"]


def test_the_release_s_tile_has_66_scores():
    x = torch.empty(1, 3, 528, 528, device="meta")
    assert on_meta("dilated_front_end", width=0.01, upsample=False)(x).shape == (1, 21, 66, 66)


@pytest.mark.parametrize("classes", [11, 19, 21])
def test_context_modules_have_the_paper_s_parameters(classes):
    with torch.device("meta"):
        basic, large = context_module(classes), context_module(classes, large=True)
    assert parameters_of(basic) == CONTEXT["params_basic"][str(classes)]
    assert parameters_of(large) == CONTEXT["params_large"][str(classes)]
    # the paper says 64 C^2 for the basic one: weights only
    assert sum(layer.weight.numel() for layer in convolutions(basic).values()) == 64 * classes**2
    front_end = on_meta("dilated_front_end", num_classes=classes)
    assert parameters_of(on_meta("dilated_net", num_classes=classes)) == parameters_of(front_end) + parameters_of(basic)


def test_basic_net_is_the_sum():
    assert PAPER["dilated_net"].parameters == FACTS[RELEASE["dilated_front_end"]]["params_trainable"] + 28_392
    assert PAPER["dilated_net"].parameters == parameters_of(on_meta("dilated_net"))


@pytest.mark.parametrize(
    ("release", "layers"), [("dilation8_camvid", 8), ("dilation10_cityscapes", 10), ("dilation7_kitti", 7)]
)
def test_nets_of_appendix_b(release, layers):
    fact = FACTS[release]
    options = {"num_classes": fact["num_classes"], "context_layers": layers}
    assert parameters_of(on_meta("dilated_net", **options)) == fact["params_trainable"]
    model = on_meta("dilated_net", **options, width=0.01, upsample=False)
    height, width = (n - 372 for n in fact["input"][1:])
    assert list(model(torch.empty(1, 3, height, width, device="meta")).shape[1:]) == fact["score_shape"]
    assert receptive_field(model, (3, 200, 200)).heights == (fact["score_rf"]["size"],)


@pytest.mark.parametrize("pad_first", [False, True])
@pytest.mark.parametrize("large", [False, True])
def test_context_module_is_table_1(large, pad_first):
    context = context_module(2, large=large, pad_first=pad_first)
    layers = convolutions(context)
    assert [layer.kernel_size[0] for layer in layers.values()] == CONTEXT["kernel"]
    assert [layer.dilation[0] for layer in layers.values()] == CONTEXT["dilation"]
    channels = CONTEXT["channels_large" if large else "channels_basic"]
    assert [layer.out_channels for layer in layers.values()] == [2 * int(c.rstrip("C") or 1) for c in channels]
    followed = [type(layer) is nn.ReLU for layer in list(context)[1:]] + [False]
    assert [relu for layer, relu in zip(context, followed, strict=True) if isinstance(layer, nn.Conv2d)] == CONTEXT[
        "relu"
    ]
    fields = [receptive_field(context, (2, 8, 8), layer=name).heights for name in layers]
    assert fields == [(size,) for size in CONTEXT["rf"]]
    paddings = [layer.padding[0] for layer in layers.values()]
    assert paddings == [33, 0, 0, 0, 0, 0, 0, 0] if pad_first else [*CONTEXT["dilation"][:-1], 0]
    assert context(maps(2, 5, 7)).shape == (1, 2, 5, 7)


@pytest.mark.parametrize(
    ("name", "size"), [("dilated_front_end", 380), ("dilated_net", 908), ("dilated_net_large", 908)]
)
def test_a_score_sees_as_much_as_the_paper_says(name, size):
    field = receptive_field(on_meta(name, width=0.01, num_classes=2), (3, 200, 200), layer=SCORES[name])
    assert (field.heights, field.stride, field.centre) == ((size,), (8, 8), (3.5, 3.5))


@pytest.mark.parametrize(("upsampling", "sizes"), [("zoom", (380, 388)), ("transposed", (388,))])
def test_a_pixel_sees_one_score_or_two(upsampling, sizes):
    model = on_meta("dilated_front_end", width=0.01, num_classes=2, upsampling=upsampling)
    assert receptive_field(model, (3, 200, 200)).heights == sizes


def test_front_end_contains_the_strided_network():
    """The paper's argument: take every second value instead of dilating, twice, and every fourth score comes out."""
    model = narrow("dilated_front_end", upsample=False)
    x = image(187, 200)
    with torch.inference_mode():
        dense = model(x)
        x = model.pool1(model.stage1(model.reflect(x)))
        sparse = model.stage4(model.pool3(model.stage3(model.pool2(model.stage2(x)))))[:, :, ::2, ::2]
        for i in (1, 2, 3):
            conv = model.stage5.get_submodule(f"conv5_{i}")
            sparse = F.relu(F.conv2d(sparse, conv.weight, conv.bias))
        sparse = F.relu(F.conv2d(sparse[:, :, ::2, ::2], model.fc6.weight, model.fc6.bias))
        sparse = model.final(F.relu(model.fc7(sparse)))
    torch.testing.assert_close(dense[:, :, ::4, ::4], sparse)
    assert sparse.shape[2:] == (6, 7)
    assert sparse.std() > 0


class TestIdentityInitialisation:
    @pytest.mark.parametrize("pad_first", [False, True])
    @pytest.mark.parametrize("large", [False, True])
    def test_passes_on_what_is_not_negative_to_the_border(self, large, pad_first):
        context = context_module(5, large=large, pad_first=pad_first)
        for layer in convolutions(context).values():
            identity_(layer, classes=5)
        x = maps(5)
        with torch.inference_mode():
            assert torch.equal(context(x), x)
            assert torch.equal(context(x - 2), F.relu(x - 2))  # what is negative is lost

    def test_basic_starts_as_the_identity(self):
        with torch.inference_mode():
            assert torch.equal(context_module(5)(maps(5)), maps(5))

    def test_large_starts_near_the_identity(self):
        torch.manual_seed(0)
        x = maps(5)
        with torch.inference_mode():
            out = context_module(5, large=True)(x)
        assert not torch.equal(out, x)
        assert torch.corrcoef(torch.stack([out.flatten(), x.flatten()]))[0, 1] > 0.98

    @pytest.mark.parametrize(("c_in", "c_out"), [(5, 5), (5, 10), (10, 20), (20, 5)])
    def test_is_equation_5(self, c_in, c_out):
        torch.manual_seed(0)
        layer = nn.Conv2d(c_in, c_out, 3)
        identity_(layer, classes=5, noise=0.01)
        is_noise = torch.ones_like(layer.weight, dtype=torch.bool)
        for b in range(c_out):
            for a in range(c_in):
                if a * 5 // c_in == b * 5 // c_out:
                    assert layer.weight[b, a, 1, 1].item() == pytest.approx(5 / c_out)
                    is_noise[b, a, 1, 1] = False
        assert layer.weight[is_noise].std().item() == pytest.approx(0.01 * 5 / c_out, rel=0.15)
        assert not layer.bias.any()

    def test_noise_tells_the_channels_of_a_class_apart(self):
        """Without it, the 32 C channels of the large module would stay as good as C for ever."""
        torch.manual_seed(0)
        first, second = context_module(3, large=True).ctx_conv5_1.weight[:2]
        assert not torch.equal(first, second)

    @pytest.mark.parametrize("name", ["dilated_net", "dilated_net_large"])
    def test_random_is_another(self, name):
        with torch.inference_mode():
            out = narrow(name, context_init="random").context.float()(maps(3))
        correlation = torch.corrcoef(torch.stack([out.flatten(), maps(3).flatten()]))[0, 1]
        assert out.std() > 0
        assert abs(correlation) < 0.5

    def test_does_not_change_what_the_front_end_says_for_sure(self):
        front_end, net = narrow("dilated_front_end"), narrow("dilated_net")
        net.load_state_dict(front_end.state_dict(), strict=False)
        for model in (front_end, net):
            nn.init.constant_(model.final.bias, 1.0)
        x = image(187, 190)
        with torch.inference_mode():
            assert torch.equal(net(x), front_end(x))


def test_where_the_large_context_is_padded_matters_near_the_border_only():
    torch.manual_seed(0)
    first = context_module(2, large=True, init="random", pad_first=True).double()
    each = context_module(2, large=True, init="random").double()
    each.load_state_dict(first.state_dict())
    for layer in convolutions(first).values():  # of the zeros around a map, a bias makes something else
        nn.init.constant_(layer.bias, 0.1)
    each.load_state_dict(first.state_dict())
    x = maps(2, 70, 70).double()
    with torch.inference_mode():
        one, two = first(x), each(x)
    torch.testing.assert_close(one[:, :, 33:-33, 33:-33], two[:, :, 33:-33, 33:-33])
    assert not torch.allclose(one[:, :, :32], two[:, :, :32])


def test_zoom_is_interp_map():
    """The release's loop, written down from its definition."""
    scores = torch.rand(2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    height, width = 25, 33  # the loop reads one score beyond the last one it needs; with weight 0 on its pixel
    padded = F.pad(scores, (0, 1, 0, 1))
    expected = torch.empty(2, height, width, dtype=torch.float64)
    for y in range(height):
        for x in range(width):
            (i, v), (j, u) = divmod(y, 8), divmod(x, 8)
            v, u = v / 8, u / 8
            left = (1 - v) * padded[:, i, j] + v * padded[:, i + 1, j]
            right = (1 - v) * padded[:, i, j + 1] + v * padded[:, i + 1, j + 1]
            expected[:, y, x] = (1 - u) * left + u * right
    torch.testing.assert_close(zoom(scores[None], (height, width), first=0)[0], expected)


def test_transposed_convolution_puts_a_score_3_5_pixels_further():
    ramp = 8 * torch.arange(9.0).expand(1, 1, 9, 9)  # the pixel of score j according to the zoom
    columns = torch.arange(64.0)
    transposed = BilinearUpsampling(8, padding=4)(ramp)[0, 0, 20, :64]
    torch.testing.assert_close(zoom(ramp, (64, 64), first=0)[0, 0, 20], columns)
    torch.testing.assert_close(transposed[4:], columns[4:] - 3.5)


@each_network
@pytest.mark.parametrize("upsampling", ["zoom", "transposed"])
def test_upsampling_is_chosen(name, upsampling):
    model = narrow(name, upsampling=upsampling, same_padding=True)
    scores = narrow(name, upsample=False, same_padding=True)
    for layer in (model.final, scores.final):
        nn.init.constant_(layer.bias, 1.0)
    x = image(45, 60)
    with torch.inference_mode():
        up = BilinearUpsampling(8, padding=4) if upsampling == "transposed" else (lambda s: zoom(s, (45, 60), first=0))
        expected = up(scores(x))[:, :, :45, :60]
        torch.testing.assert_close(model(x), expected)
    assert expected.std() > 0


@each_network
@pytest.mark.parametrize("options", [{}, {"upsampling": "transposed"}, {"upsample": False}], ids=str)
def test_every_size_from_187_on(name, options):
    model = on_meta(name, num_classes=2, width=0.01, **options)
    for height in range(187, 204):
        shape = model(torch.empty(1, 3, height, 400 - height, device="meta")).shape[2:]
        labels = (
            torch.empty(height, 400 - height)[::8, ::8] if "upsample" in options else torch.empty(height, 400 - height)
        )
        assert shape == labels.shape


@each_network
def test_same_padding_takes_every_size(name):
    model = on_meta(name, num_classes=2, width=0.01, same_padding=True)
    scores = on_meta(name, num_classes=2, width=0.01, same_padding=True, upsample=False)
    for height in (*range(1, 18), 186):
        x = torch.empty(1, 3, height, 19, device="meta")
        assert model(x).shape[2:] == (height, 19)
        assert scores(x).shape[2:] == x[0, 0, ::8, ::8].shape


def test_logits_on_the_scores_pixels_are_the_scores():
    x = image(193, 200)
    with torch.inference_mode():
        logits = narrow("dilated_front_end")(x)
        scores = narrow("dilated_front_end", upsample=False)(x)
    torch.testing.assert_close(logits[:, :, ::8, ::8], scores)
    assert scores.std() > 0


@pytest.mark.parametrize("same_padding", [False, True])
def test_reflection_makes_no_border(same_padding):
    """An image of one colour gets one score everywhere; with zeros around it the border is another scene."""
    model = narrow("dilated_front_end", upsample=False, same_padding=same_padding)
    with torch.inference_mode():
        scores = model(torch.full((1, 3, 187, 200), 0.7, dtype=torch.float64))
    spread = (scores.amax((2, 3)) - scores.amin((2, 3))).max()
    assert (spread < 1e-12) == (not same_padding)


def test_reflects_as_the_release_does():
    """186 pixels at each side first, then the padded image again, as far as the tile reaches."""
    model = narrow("dilated_front_end")
    x = image(200, 189)
    padded = model.reflect(x)[0].numpy()
    assert padded.shape == (3, 372 + 208, 372 + 200)
    once = np.pad(x[0].numpy(), ((0, 0), (186, 186), (186, 186)), mode="reflect")
    tile = np.pad(once, ((0, 0), (0, 100), (0, 100)), mode="reflect")
    np.testing.assert_array_equal(padded, tile[:, : padded.shape[1], : padded.shape[2]])


@pytest.mark.parametrize(("kernel", "margin"), [(7, 186), (3, 122), (1, 90)])
def test_margin_follows_fc6(kernel, margin):
    model = on_meta("dilated_front_end", num_classes=2, width=0.01, fc6_kernel=kernel, upsample=False)
    assert model.margin == margin
    assert model(torch.empty(1, 3, 192, 200, device="meta")).shape[2:] == (24, 25)
    assert receptive_field(model, (3, 192, 200)).padding == (margin, margin)


def test_final_starts_small():
    torch.manual_seed(0)
    final = dilated_front_end(num_classes=21, width=0.1, fc_channels=4000, fc6_kernel=1).final
    assert final.weight.std().item() == pytest.approx(0.001, rel=0.05)
    assert not final.bias.any()


def test_an_image_that_is_too_small_to_reflect_is_told_of_same_padding():
    why = r"\(186 pixels are reflected at each border; same_padding=True takes any size\)"
    with pytest.raises(ValueError, match=rf"at least 187 x 187 pixels {why}; got 186 x 300"):
        narrow("dilated_front_end")(image(186, 300))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dilated_net", {"context_init": "zero"}, 'context_init=\'zero\' must be "identity" or "random"'),
        ("dilated_net", {"upsampling": "nearest"}, 'upsampling=\'nearest\' must be "zoom" or "transposed"'),
        ("dilated_net", {"context_layers": 4}, "context_layers=4 must be 8, or for the basic context"),
        ("dilated_net_large", {"context_layers": 10}, "context_layers=10 must be 8, or for the basic context"),
        ("dilated_net", {"fc6_kernel": 0}, "fc6_kernel=0 must be a whole number of 1 or more"),
        ("dilated_net", {"fc6_kernel": 4}, "fc6_kernel=4 must be odd"),
    ],
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        on_meta(name, width=0.01, **options)


def test_bad_context_is_named():
    with pytest.raises(ValueError, match="context='huge' must be None"):
        DilatedNet(context="huge", num_classes=3, width=0.1)


def test_large_is_table_1_s_multiples():
    assert [f"{m}C" for m in LARGE] == CONTEXT["channels_large"][:-1]
