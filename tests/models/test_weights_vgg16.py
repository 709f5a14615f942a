"""`load_vgg16` against torchvision's VGG16 itself, with random weights: the download needs no test, its use does."""

import copy
from urllib.error import HTTPError, URLError

import pytest
import torch
import torchvision
from torch import nn

from seglib import models
from seglib.models import _vgg
from seglib.models._vgg import CLASSIFIER, FEATURES, load_vgg16
from tests.models.small import NAMES, small


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """The layers that have a name of VGG16."""
    layers = {path.rpartition(".")[2]: module for path, module in model.named_modules()}
    return {name: layers[name] for name in (*FEATURES, *CLASSIFIER) if name in layers}


def full_size(name: str, **options) -> nn.Module:
    """A network of width 1 without memory: filling it with random numbers would take seconds, each time."""
    with torch.device("meta"):
        return models.create(name, num_classes=2, **options)


VGG_BASED = [name for name in NAMES if "conv1_1" in layers_of(full_size(name))]
OTHERS = [name for name in NAMES if name not in VGG_BASED]


@pytest.fixture(scope="module")
def vgg() -> nn.Module:
    """torchvision's VGG16 with random weights that keep the size of the signal."""
    with torch.device("meta"):
        model = torchvision.models.vgg16(weights=None)
    model.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = (6 / module.weight[0].numel()) ** 0.5  # He's, uniform: faster than normal
            module.weight.detach().uniform_(-bound, bound, generator=generator)
            module.bias.detach().uniform_(-0.1, 0.1, generator=generator)
    return model


@pytest.fixture(scope="module", params=VGG_BASED)
def model(request, vgg) -> nn.Module:
    """Each network based on VGG16 in its full size, with VGG16's weights; one at a time."""
    model = full_size(request.param).to_empty(device="cpu").eval()
    assert load_vgg16(model, vgg.state_dict()) == list(layers_of(model))
    return model


def as_convolution(layer: nn.Linear, name: str) -> torch.Tensor:
    return layer.weight.view(4096, *((512, 7, 7) if name == "fc6" else (4096, 1, 1)))


class TestEveryNetworkWithVGG16:
    def test_has_all_thirteen_convolutions_of_vgg16(self, model, vgg):
        layers = layers_of(model)
        assert set(FEATURES) <= set(layers)
        for name, place in FEATURES.items():
            assert torch.equal(layers[name].weight, vgg.features[place].weight), name
            assert torch.equal(layers[name].bias, vgg.features[place].bias), name

    def test_fully_connected_layers_are_vgg16_s_or_every_nth_weight_of_them(self, model, vgg):
        layers = layers_of(model)
        assert ("fc6" in layers) == ("fc7" in layers)
        for name, place in CLASSIFIER.items():
            if name not in layers:
                continue
            c_out, c_in, k, _ = layers[name].weight.shape
            each_in = 4096 // c_in if name == "fc7" else 1
            taps = {7: slice(None), 4: slice(None, None, 2), 3: slice(None, None, 3), 1: slice(None)}[k]
            expected = as_convolution(vgg.classifier[place], name)[:: 4096 // c_out, ::each_in, taps, taps]
            assert expected.shape == layers[name].weight.shape
            assert torch.equal(layers[name].weight, expected)
            assert torch.equal(layers[name].bias, vgg.classifier[place].bias[:: 4096 // c_out])

    @pytest.mark.parametrize("stage", [1, 2, 3, 4, 5])
    def test_stage_gives_what_torchvision_s_gives(self, model, vgg, stage, agreement):
        names = [name for name in FEATURES if name[4] == str(stage)]
        path = next(path for path, _ in model.named_modules() if path.rpartition(".")[2] == names[0])
        # Batch normalisation stands in between in some, which VGG16 has not, so that nothing is loaded into it.
        ours = [m for m in model.get_submodule(path.rpartition(".")[0]) if not isinstance(m, nn.BatchNorm2d)]
        theirs = [copy.copy(m) for m in vgg.features[FEATURES[names[0]] : FEATURES[names[-1]] + 2]]
        for place, name in enumerate(names):  # with the paper's geometry: a padding of 100, or a dilation of 2
            theirs[2 * place].padding = layers_of(model)[name].padding
            theirs[2 * place].dilation = layers_of(model)[name].dilation
        x = torch.rand(1, ours[0].in_channels, 20, 24, generator=torch.Generator().manual_seed(stage))
        with torch.inference_mode():
            expected = nn.Sequential(*theirs)(x.clone())
            given = nn.Sequential(*ours)(x.clone())
        assert expected.std() > 0.01
        torch.testing.assert_close(given, expected, rtol=1e-5, atol=1e-5)
        agreement("encoders with VGG16's weights against torchvision's VGG16, maps", (given - expected).abs().max())

    def test_fc6_and_fc7_of_full_size_give_what_torchvision_s_give(self, model, vgg):
        layers = layers_of(model)
        if "fc6" not in layers or layers["fc6"].weight.shape != (4096, 512, 7, 7):
            assert type(model).__name__ in ("SegNet", "DeepLabV1")  # it has none, or smaller ones
            return
        fc6, fc7 = layers["fc6"], layers["fc7"]
        pool5 = torch.rand(1, 512, 7, 7, generator=torch.Generator().manual_seed(0))
        rate = fc6.dilation[0]  # the dilated one reads every fourth unit of a finer map
        apart = torch.zeros(1, 512, 6 * rate + 1, 6 * rate + 1)
        apart[:, :, ::rate, ::rate] = pool5
        with torch.inference_mode():
            h = fc6(apart)
            centre = h.shape[2] // 2
            h = h[:, :, centre, centre]
            torch.testing.assert_close(h, vgg.classifier[0](pool5.flatten(1)), rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(fc7(h[:, :, None, None])[:, :, 0, 0], vgg.classifier[3](h), rtol=1e-4, atol=1e-5)


def test_fcn_classifies_as_vgg16_does(vgg):
    """On 224 x 224 pixels the middle of fc7 is what VGG16 has before its last layer."""
    model = full_size("fcn32s", same_padding=True).to_empty(device="cpu").eval()
    load_vgg16(model, vgg.state_dict())
    x = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)) - 0.5
    with torch.inference_mode():
        expected = vgg.classifier[:5](vgg.avgpool(vgg.features(x)).flatten(1))
        h = x
        for stage, pool in ((getattr(model, f"stage{i}"), getattr(model, f"pool{i}")) for i in range(1, 6)):
            h = pool(stage(h))
        h = model.relu7(model.fc7(model.relu6(model.fc6(h))))
    assert h.shape == (1, 4096, 7, 7)
    assert expected.std() > 0.1
    torch.testing.assert_close(h[:, :, 3, 3], expected, rtol=1e-4, atol=1e-5)


def test_smaller_copies_of_fc6_keep_every_nth_weight(vgg):
    model = full_size("fcn8s", fc_channels=512, fc6_kernel=3).to_empty(device="cpu")
    load_vgg16(model, vgg.state_dict())
    fc6 = as_convolution(vgg.classifier[0], "fc6")
    for o, i, y, x in [(0, 0, 0, 0), (1, 5, 1, 2), (511, 511, 2, 2), (100, 7, 0, 1)]:
        assert model.fc6.weight[o, i, y, x] == fc6[8 * o, i, 3 * y, 3 * x]
    assert model.fc7.weight[3, 5, 0, 0] == vgg.classifier[3].weight[24, 40]


@pytest.mark.parametrize(
    ("kernel", "taps"), [(1, [3]), (2, [0, 6]), (3, [0, 3, 6]), (4, [0, 2, 4, 6]), (7, [*range(7)])]
)
def test_taps_that_a_smaller_kernel_keeps(kernel, taps):
    line = torch.arange(7.0).expand(1, 1, 7, 7)
    assert _vgg.decimate(line, (1, 1, kernel, kernel))[0, 0, 0].tolist() == taps


def test_create_loads_the_weights(vgg, monkeypatch):
    monkeypatch.setattr(_vgg, "vgg16_state", vgg.state_dict)
    model = models.create("fcn32s", num_classes=2, fc_channels=16, fc6_kernel=1, weights="vgg16")
    assert torch.equal(model.stage3.conv3_3.weight, vgg.features[14].weight)
    assert model.stage3.conv3_3.weight.requires_grad


class TestBadInput:
    @pytest.fixture(autouse=True)
    def offline(self, monkeypatch, tmp_path):
        """No download, and nothing that was downloaded before."""
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))

        def urlopen(*_, **__):
            pytest.fail("asked for the weights before it had looked at the network")

        monkeypatch.setattr(torch.hub, "urlopen", urlopen)

    @pytest.mark.parametrize("name", OTHERS)
    def test_network_without_vgg16_is_refused(self, name):
        with pytest.raises(
            ValueError, match=rf'{type(small(name)).__name__} has no layer of VGG16, so weights="vgg16"'
        ):
            models.create(name, num_classes=2, width=0.0625, weights="vgg16")

    @pytest.mark.parametrize("name", VGG_BASED)
    def test_other_width_is_refused(self, name):
        with pytest.raises(
            ValueError, match=r"for width=1\.0 and in_channels=3; this network's conv1_1 has 4 channels and 3"
        ):
            load_vgg16(small(name))

    @pytest.mark.parametrize("name", VGG_BASED)
    def test_other_channels_are_refused(self, name):
        with pytest.raises(ValueError, match=r"this network's conv1_1 has 64 channels and 1 input"):
            load_vgg16(full_size(name, in_channels=1))

    @pytest.mark.parametrize(
        "error",
        [
            URLError("no route to host"),
            HTTPError("address", 403, "forbidden", {}, None),
            TimeoutError(),
            ConnectionResetError(),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_failed_download_names_the_address_and_the_fix(self, error, monkeypatch, tmp_path):
        def urlopen(*_, **__):
            raise error

        monkeypatch.setattr(torch.hub, "urlopen", urlopen)
        address = r"https://download\.pytorch\.org/models/vgg16-397923af\.pth"
        with pytest.raises(RuntimeError, match=rf"could not be downloaded from {address}") as caught:
            load_vgg16(full_size("fcn32s"))
        assert f"put the file into {tmp_path}/hub/checkpoints" in str(caught.value)
        assert caught.value.__cause__ is error

    def test_larger_fc6_than_vgg16_s_is_refused(self, vgg):
        model = full_size("fcn32s", fc6_kernel=9)
        with pytest.raises(ValueError, match=r"VGG16's layer of shape .* cannot fill one of shape \(4096, 512, 9, 9\)"):
            load_vgg16(model, vgg.state_dict())

    def test_state_of_another_network_is_refused(self):
        with torch.device("meta"):
            state = torchvision.models.vgg16_bn(weights=None).state_dict()
        with pytest.raises(
            ValueError, match=r"state has no features\.2\.weight for conv1_2: it is not that of torchvision"
        ):
            load_vgg16(full_size("fcn32s"), state)
