"""U-Net against figure 1 layer by layer, a second implementation of it, and the geometry its crops follow from."""

from fractions import Fraction
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms.functional import center_crop

from seglib.models.unet import CROPS, PAPER, CropAndConcat, UNet, unet
from seglib.receptive_field import receptive_field
from tests.models.test_papers import FACTS

# A layer's name in the facts and here; the facts count concatenations from the coarsest, the release names its maps.
CONCATS = {3: "concat_d3cc_u3a_b", 2: "concat_d2cc_u2a_b", 1: "concat_d1cc_u1a_b", 0: "concat_d0cc_u0a_b"}
UPCONVS = {3: "upconv_d4c_u3a", 2: "upconv_u3d_u2a", 1: "upconv_u2d_u1a", 0: "upconv_u1d_u0a"}
POOLS = {0: "pool_d0c_1a", 1: "pool_d1c_2a", 2: "pool_d2c_3a", 3: "pool_d3c_4a"}


def on_meta(**options) -> UNet:
    with torch.device("meta"):
        return unet(**({"num_classes": 2} | options)).eval()


def tiny(**options) -> UNet:
    """Four channels at the finest scale, with biases that are not zero."""
    torch.manual_seed(0)
    model = unet(**({"num_classes": 3, "width": 1 / 16} | options)).double().eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.1)
    return model


def image(height: int, width: int, *, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def second_implementation(state: dict[str, Tensor], x: Tensor, *, padding: int = 0, release: bool = False) -> Tensor:
    """Figure 1 again, straight from the weights; the crop is torchvision's, and pools round up by hand."""
    state = {name.split(".", 1)[1] if name.count(".") == 2 else name: tensor for name, tensor in state.items()}

    def conv(x, name, **options):
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], **options)

    def double(x, level, maps):
        for a, b in pairwise(maps):
            x = conv(x, f"conv_{level}{a}_{b}", padding=padding).clamp(min=0)
        return x

    skips = []
    for level in range(4):
        x = double(x, f"d{level}", "abc")
        skips.append(x)
        x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2), value=-torch.inf)
        x = F.max_pool2d(x, 2)
    x = double(x, "d4", "abc")
    for level in (3, 2, 1, 0):
        x = F.conv_transpose2d(x, state[f"{UPCONVS[level]}.weight"], state[f"{UPCONVS[level]}.bias"], stride=2)
        if release:
            x = x.clamp(min=0)
        if padding:
            x = x[:, :, : skips[level].shape[2], : skips[level].shape[3]]
        x = torch.cat([x, center_crop(skips[level], list(x.shape[2:]))], 1)
        x = double(x, f"u{level}", "bcd")
    return conv(x, "conv_u0d_score")


class TestPaper:
    @pytest.mark.parametrize(
        ("options", "parameters"),
        [
            ({"in_channels": 1}, 31_030_658),
            ({"in_channels": 1, "same_padding": True}, 31_030_658),
            ({"in_channels": 1, "release": True}, 31_100_354),
            ({"num_classes": 2}, 31_031_810),
            ({"num_classes": 11}, 31_032_395),
            ({"num_classes": 21}, 31_033_045),
        ],
        ids=str,
    )
    def test_parameters(self, options, parameters):
        assert sum(p.numel() for p in on_meta(**options).parameters() if p.requires_grad) == parameters

    @pytest.mark.parametrize(("fact", "release"), [("unet_paper", False), ("unet_release_phseg_v5", True)])
    def test_every_layer_is_figure_1_s(self, fact, release):
        model = on_meta(in_channels=1, release=release)
        layers = {path.rpartition(".")[2]: module for path, module in model.named_modules()}
        shapes = {}
        for name, layer in layers.items():
            layer.register_forward_hook(lambda _m, _i, out, name=name: shapes.update({name: list(out.shape[1:])}))
        model(torch.empty(1, 1, 572, 572, device="meta"))
        seen = set()
        for row in FACTS[fact]["layers"]:
            kind, name = row["type"], row["name"]
            if kind == "Crop":  # in the concatenation here
                assert layers[CONCATS[int(name[-1])]].offset == row["offset"]
                continue
            if name == "score":
                name = "conv_u0d_score"
            elif kind == "Convolution":  # "d0a" makes map b of map a
                name = f"conv_{name}_{chr(ord(name[-1]) + 1)}"
            else:
                name = {"Pooling": POOLS, "Concat": CONCATS, "Deconvolution": UPCONVS}[kind][int(name[-1])]
            seen.add(name)
            layer = layers[name]
            assert shapes[name] == row["out_shape"], name
            assert sum(p.numel() for p in layer.parameters()) == row["params"]
            if kind in ("Convolution", "Deconvolution"):
                assert (layer.in_channels, layer.out_channels) == (row["cin"], row["cout"])
                assert (layer.kernel_size, layer.stride, layer.padding) == ((row["k"],) * 2, (row["s"],) * 2, (0, 0))
            if kind == "Pooling":
                assert (layer.kernel_size, layer.stride) == (row["k"], row["s"])
        trained = {name for name, layer in layers.items() if list(layer.parameters(recurse=False))}
        assert trained <= seen
        assert len(trained) == 23  # "In total the network has 23 convolutional layers"

    def test_release_adds_relu_after_each_up_convolution(self):
        counts = [sum(isinstance(m, nn.ReLU) for m in on_meta(release=r).modules()) for r in (False, True)]
        assert counts == [18, 18 + 4]

    @pytest.mark.parametrize("same_padding", [False, True])
    def test_receptive_field(self, same_padding):
        model = unet(num_classes=2, width=0.01, same_padding=same_padding).eval()
        field = receptive_field(model, (3, 572, 572))
        assert {height for height, _ in field.sizes} == {width for _, width in field.sizes}
        assert tuple(sorted({height for height, _ in field.sizes})) == PAPER["unet"].receptive_field == (188, 204)

    def test_logits_lie_over_the_pixels_92_further_in(self):
        """The middle of the field is that pixel, up to half a unit of the coarsest map."""
        field = receptive_field(unet(num_classes=2, width=0.01).eval(), (3, 572, 572))
        for y in range(100, 132):
            top, _, bottom, _ = field.box(y, 200)
            assert abs((top + bottom - 1) / 2 - (y + 92)) <= 8

    def test_weights_start_with_variance_2_over_n(self):
        torch.manual_seed(0)
        model = unet(num_classes=2, width=0.25)
        for name, layer in model.named_modules():
            if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                continue
            taps = 1 if isinstance(layer, nn.ConvTranspose2d) else layer.kernel_size[0] ** 2
            n = layer.in_channels * taps
            assert layer.weight.std().item() == pytest.approx((2 / n) ** 0.5, rel=4 / layer.weight.numel() ** 0.5), name
            assert not layer.bias.any()

    def test_a_signal_keeps_its_size_through_the_network(self):
        torch.manual_seed(0)
        model = unet(num_classes=8, width=0.25).eval()
        with torch.inference_mode():
            assert 0.3 < model(torch.randn(1, 3, 188, 188)).std() < 10


class TestCrops:
    def test_follow_from_the_geometry(self):
        """Each map's unit i lies at pixel scale * i + shift; where two maps meet, the crop lines them up."""
        scale, shift, skips = Fraction(1), Fraction(0), {}
        for level in range(5):
            shift += 2 * scale  # two 3 x 3 convolutions
            if level < 4:
                skips[level] = shift
                shift += scale / 2  # a 2 x 2 pooling
                scale *= 2
        for level in (3, 2, 1, 0):
            scale /= 2
            shift -= scale / 2
            assert (shift - skips[level]) / scale == CROPS[f"d{level}c"] == FACTS["unet_paper"]["crop_offsets"][
                f"level{level}"
            ]  # fmt: skip
            shift += 2 * scale
        assert shift == 92

    def test_are_centred_at_every_legal_size(self):
        model = on_meta(width=0.05)
        seen = []
        for name in CONCATS.values():
            module = getattr(model, name)
            module.register_forward_hook(lambda m, maps, _: seen.append((m.offset, maps[0].shape, maps[1].shape)))
        for size in range(188, 188 + 16 * 20, 16):
            model(torch.empty(1, 3, size, 188, device="meta"))
        assert len(seen) == 4 * 20
        assert all(up[i] + 2 * offset == skip[i] for offset, up, skip in seen for i in (2, 3))

    def test_concatenation_is_upsampled_then_skip(self):
        up, skip = torch.rand(1, 3, 4, 6), torch.rand(1, 2, 8, 10)
        both = CropAndConcat(2)(up, skip)
        assert torch.equal(both[:, :3], up)
        assert torch.equal(both[:, 3:], skip[:, :, 2:6, 2:8])
        assert not CropAndConcat(2)(up, skip * 0)[:, 3:].any()

    @pytest.mark.parametrize("blind_to", ["upsampled", "skip"])
    @pytest.mark.parametrize("level", range(4))
    def test_first_channels_of_each_level_come_from_below(self, level, blind_to):
        """Blind to them, the network no longer depends on the up-convolution; blind to the others, it does."""
        model, x = tiny(), image(188, 188)
        upconv, first = getattr(model, UPCONVS[level]), getattr(model, f"u{level}")[0]
        c = upconv.out_channels
        with torch.inference_mode():
            (first.weight[:, :c] if blind_to == "upsampled" else first.weight[:, c:]).zero_()
            before = model(x)
            upconv.weight.mul_(2)
            assert torch.equal(model(x), before) is (blind_to == "upsampled")


class TestSecondImplementation:
    @pytest.mark.parametrize("release", [False, True])
    def test_valid(self, release):
        model, x = tiny(release=release), image(204, 188, count=2)
        with torch.inference_mode():
            given, expected = model(x), second_implementation(model.state_dict(), x, release=release)
        assert given.shape == (2, 3, 20, 4)
        torch.testing.assert_close(given, expected)
        assert given.std() > 0

    @pytest.mark.parametrize("size", [(32, 48), (33, 47), (37, 58), (1, 5)], ids=str)
    def test_same_padding(self, size):
        model, x = tiny(same_padding=True), image(*size)
        with torch.inference_mode():
            given, expected = model(x), second_implementation(model.state_dict(), x, padding=1)
        assert given.shape == (1, 3, *size)
        torch.testing.assert_close(given, expected)


def test_same_padding_takes_any_size():
    model = on_meta(width=0.05, same_padding=True)
    for size in range(1, 70):
        assert model(torch.empty(1, 3, size, 70 - size, device="meta")).shape == (1, 2, size, 70 - size)


def test_tiles_make_up_the_logits_of_a_larger_image():
    """The overlap-tile strategy of figure 2: no seam, as long as tiles are cut at multiples of the 16 px stride."""
    model, scene = tiny(), image(252, 268)
    with torch.inference_mode():
        whole = model(scene)
        assert whole.shape[2:] == (252 - 184, 268 - 184)
        for y, x in ((0, 0), (16, 32), (64, 80)):
            tile = model(scene[:, :, y : y + 188, x : x + 188])
            torch.testing.assert_close(tile, whole[:, :, y : y + 4, x : x + 4])
        between = model(scene[:, :, 8 : 8 + 188, :188])  # poolings pair other rows
        assert not torch.allclose(between, whole[:, :, 8:12, :4])


def test_mirrored_border_gives_logits_for_the_whole_image():
    model, scene = tiny(), image(100, 116)
    with torch.inference_mode():
        assert model(F.pad(scene, (92, 92, 92, 92), mode="reflect")).shape[2:] == scene.shape[2:]


def test_dropout_feeds_the_coarsest_skip_and_the_bottleneck():
    model = tiny().train()
    maps = {}
    model.concat_d3cc_u3a_b.register_forward_hook(lambda _m, given, _o: maps.update(skip=given[1]))
    model.upconv_d4c_u3a.register_forward_hook(lambda _m, given, _o: maps.update(bottleneck=given[0]))
    model.d3.register_forward_hook(lambda _m, _i, out: maps.update(d3=out))
    model.d4.register_forward_hook(lambda _m, _i, out: maps.update(d4=out))
    torch.manual_seed(0)
    model(image(188, 188, count=2))
    for before, after in (("d3", "skip"), ("d4", "bottleneck")):
        alive = maps[before] > 0
        kept = maps[after][alive] > 0
        assert kept.double().mean().item() == pytest.approx(0.5, abs=0.05)
        torch.testing.assert_close(maps[after][alive][kept], 2 * maps[before][alive][kept])


class TestBadSizes:
    @pytest.mark.parametrize(
        ("size", "message"),
        [
            ((572, 570), r"16 k \+ 60 pixels.*: width 570 should be 556 or 572\. With same_padding=True"),
            ((573, 572), r": height 573 should be 572 or 588\. "),
            ((200, 600), r": height 200 should be 188 or 204, width 600 should be 588 or 604\. "),
            ((172, 572), r": height 172 must be at least 188\. "),
            ((1, 187), r": height 1 must be at least 188, width 187 must be at least 188\. "),
        ],
        ids=str,
    )
    def test_nearest_legal_sizes_are_named(self, size, message):
        with pytest.raises(ValueError, match=message):
            on_meta(width=0.05)(torch.empty(1, 3, *size, device="meta"))

    def test_exactly_the_sizes_with_even_maps_are_legal(self):
        def halves_evenly(size):
            for _ in range(4):
                size -= 4
                if size % 2:
                    return False
                size //= 2
            size -= 4
            for _ in range(4):
                size = 2 * size - 4
            return size > 0

        model = on_meta(width=0.05)
        for size in range(150, 320):
            x = torch.empty(1, 3, size, 188, device="meta")
            if halves_evenly(size):
                assert model(x).shape[2] == size - 184
            else:
                with pytest.raises(ValueError, match=f"height {size} "):
                    model(x)
