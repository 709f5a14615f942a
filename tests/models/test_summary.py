"""`models.describe` against the authors' layer tables and PyTorch's own count of operations."""

import math
from functools import cache
from xml.etree import ElementTree

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from seglib import models
from seglib.models.summary import Summary, describe
from seglib.receptive_field import layer_table, receptive_field
from tests.models.small import NAMES, small

SIZE = (96, 128)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def flops(model: nn.Module, image: torch.Tensor) -> int:
    """What PyTorch itself counts in a real forward pass."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(image)
    return counter.get_total_flops()


@cache
def small_summary(name: str) -> Summary:
    return describe(small(name), input_size=SIZE)


@cache
def paper_summary(name: str) -> Summary:
    return describe(name)


class Net(nn.Module):
    """Frozen and unused parameters, a layer called twice, functional steps, a transposed convolution in groups."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, (3, 5), stride=2)
        self.again = nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2)
        self.relu = nn.ReLU(inplace=True)
        self.bn = nn.BatchNorm2d(4).requires_grad_(False)
        self.block = nn.Sequential(nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1, groups=2, bias=False))
        self.unused = nn.Linear(3, 2)

    def forward(self, x):
        x = self.again(self.again(self.conv1(x)))
        x = self.bn(self.relu(x))
        return F.interpolate(self.block(x), scale_factor=2)[:, :, 1:] + 1


@pytest.fixture
def net():
    return describe(Net(), input_size=(20, 31))


@pytest.mark.parametrize("name", NAMES)
class TestEveryNetwork:
    def test_macs_are_half_of_the_flops_pytorch_counts(self, name):
        assert 2 * small_summary(name).macs == flops(small(name), torch.rand(1, 3, *SIZE)) > 0

    def test_rows_add_up_to_the_parameters(self, name):
        model, summary = small(name), small_summary(name)
        assert summary.trainable == sum(p.numel() for p in model.parameters() if p.requires_grad)
        assert summary.frozen == sum(p.numel() for p in model.parameters() if not p.requires_grad)
        for row in summary:  # no layer is called twice in these
            if row.trainable or row.frozen:
                assert row.trainable + row.frozen == sum(p.numel() for p in model.get_submodule(row.name).parameters())

    def test_geometry_is_the_layer_table_s(self, name):
        for row, layer in zip(small_summary(name), layer_table(small(name), (3, *SIZE)), strict=True):
            assert {field: getattr(row, field) for field in vars(layer)} == vars(layer)

    def test_defaults_are_the_paper_s(self, name):
        summary, paper = paper_summary(name), models.PAPERS[name]
        assert summary.input_size == (paper.in_channels, *paper.input_size)
        assert summary.trainable == paper.parameters
        assert summary.output_stride == paper.output_stride
        assert tuple(sorted({height for height, _ in summary.receptive_field})) == paper.receptive_field
        assert summary.rows[-1].shape == (paper.num_classes, *paper.output_size)

    def test_what_the_paper_says_stands_above_the_table(self, name):
        summary, paper = paper_summary(name), models.PAPERS[name]
        text, html = str(summary), "".join(ElementTree.fromstring(summary._repr_html_()).itertext())
        for shown in (text, html):
            above = shown[: shown.index("output shape")]
            assert paper.citation in above
            assert paper.link in above
            assert paper.printed in above
            assert all(f"{result.measure}: {result.value} ({result.source})" in above for result in paper.results)


KNOWN_MACS = {"fcn32s": 181e9, "fcn16s": 181e9, "fcn8s": 181e9, "deconvnet": 32.7e9}  # of the authors' layer lists


@pytest.mark.parametrize("name", KNOWN_MACS)
def test_macs_of_the_paper_s_network(name):
    assert describe(name).macs == pytest.approx(KNOWN_MACS[name], rel=0.005)


def test_row_has_what_a_layer_costs(net):
    conv1 = net["conv1"]
    assert (conv1.shape, conv1.kernel, conv1.stride) == ((4, 9, 14), (3, 5), (2, 2))
    assert (conv1.trainable, conv1.frozen) == (4 * 3 * 15 + 4, 0)
    assert conv1.macs == 9 * 14 * 4 * 3 * 15
    assert conv1.memory == 9 * 14 * 4 * 4


def test_label_is_the_last_part_of_the_name_unless_layers_share_it():
    model = nn.Sequential()
    model.a, model.b = (nn.Sequential() for _ in range(2))
    model.a.conv, model.b.conv, model.a.relu = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.ReLU()
    assert [(row.label, row.name) for row in describe(model)] == [
        ("a.conv", "a.conv"),
        ("relu", "a.relu"),
        ("b.conv", "b.conv"),
    ]


def test_groups_and_transposed_convolutions_multiply_what_they_have():
    model = Net().eval()
    summary = describe(model, input_size=(20, 31))
    again, up = summary["again"], summary["block.0"]
    assert again.macs == 9 * 14 * 4 * 2 * 9
    assert up.macs == 9 * 14 * 4 * 3 * 16
    assert up is summary["0"]
    assert up.shape == (6, 18, 28)
    assert 2 * summary.macs == flops(model, torch.rand(1, 3, 20, 31))


def test_layer_called_twice_works_twice_and_counts_its_parameters_once(net):
    first, second = (row for row in net if row.name == "again")
    assert first.trainable == 4 * 2 * 9 + 4
    assert second.trainable == 0
    assert first.macs == second.macs > 0


def test_frozen_and_unused_parameters_are_counted_apart(net):
    assert (net["bn"].trainable, net["bn"].frozen) == (0, 8)
    assert [row.name for row in net][-2:] == ["unused.weight", "unused.bias"]
    assert (net["unused.weight"].shape, net["unused.weight"].trainable) == ((), 6)
    model = Net()
    assert net.trainable + net.frozen == sum(p.numel() for p in model.parameters())
    assert net.frozen == 8
    assert ", and 8 frozen" in str(net)


def test_in_place_layers_and_views_take_no_memory(net):
    rows = {row.label: row for row in net}
    assert rows["relu"].memory == rows["slice"].memory == 0
    assert rows["bn"].memory == 9 * 14 * 4 * 4
    assert rows["upsample_nearest2d"].memory == 36 * 56 * 6 * 4
    assert net.memory == sum(row.memory for row in net)
    assert net.largest.label == "upsample_nearest2d"


def test_indices_of_a_pooling_take_their_own_memory():
    model = nn.Sequential(nn.MaxPool2d(2, return_indices=True))
    assert describe(model, input_size=(8, 8))["0"].memory == 3 * 4 * 4 * (4 + 8)


def test_output_is_the_last_layer_that_is_called(net):
    field = receptive_field(Net().eval(), (3, 20, 31))
    assert net.receptive_field == field.sizes
    assert net.output_stride == 2


def test_notes_say_what_is_not_counted(net):
    notes = describe("fcn8s", width=0.1).notes
    assert len(notes) == 1
    assert notes[0].startswith("upscore2, upscore_pool4, upscore8: a frozen transposed convolution in the paper")
    assert not describe("fcn32s", width=0.1, upsampling="frozen", same_padding=True)["upscore"].macs
    learned = describe("fcn8s", width=0.1, upsampling="learned")
    assert learned["upscore2"].macs == 16 * 16 * 21 * 21 * 16
    assert learned.notes[0].startswith("upscore8: ")
    assert net.notes[0].startswith("The multiply-accumulates of unused.weight, unused.bias are not counted")
    assert net.notes[1].startswith("8 numbers in buffers, such as running means and variances")


class Functions(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, x):
        return F.conv2d(self.conv(x), torch.ones(2, 2, 3, 3))


def test_convolution_that_is_no_layer_is_named_as_not_counted():
    summary = describe(Functions(), input_size=(8, 8))
    assert summary.macs == 8 * 8 * 6
    assert summary.notes[0].startswith("The multiply-accumulates of conv2d are not counted")


def test_model_is_left_as_it_is():
    model = Net().train()
    model.bn.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    describe(model, input_size=(20, 31))
    assert [name for name, module in model.named_modules() if not module.training] == ["bn"]
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_model_is_restored_after_an_error():
    model = small("fcn8s").train()
    with pytest.raises(ValueError, match="does not take an image of input_size"):
        describe(model, in_channels=4)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_options_and_sizes_reach_the_network():
    summary = describe("fcn8s", num_classes=3, in_channels=1, input_size=(64, 96), width=0.5, same_padding=True)
    assert summary.input_size == (1, 64, 96)
    assert summary["conv1_1"].shape == (32, 64, 96)
    assert summary.rows[-1].shape == (3, 64, 96)


def test_model_s_own_channels_are_the_default():
    assert describe(small("fcn8s", in_channels=1)).input_size == (1, 224, 224)
    assert describe(nn.Conv2d(3, 2, 3)).input_size == (3, 224, 224)


def test_text_is_aligned(net):
    lines = repr(net).splitlines()
    assert repr(net) == str(net)
    assert lines[0] == "Net on an image of 3 x 20 x 31"
    head = next(i for i, line in enumerate(lines) if line.startswith("layer "))
    table = lines[head + 1 : head + 1 + len(net)]
    column = lines[head].index("type")
    assert [line[column:].split()[0] for line in table] == [row.type for row in net]
    end = lines[head].index("parameters") + len("parameters")
    assert all(line[end : end + 1].strip() == "" for line in table)
    assert f"{net['conv1'].trainable:,}" == table[0][:end].split()[-1]


def test_kernel_stride_and_dilation_are_shown_where_they_are_not_1(net):
    kernels = [row[6].text or "" for row in ElementTree.fromstring(net._repr_html_()).find(".//tbody")]
    assert kernels == ["3 x 5 stride 2", "3 dilation 2", "3 dilation 2", "", "", "4 stride 2", *[""] * 4]


@pytest.mark.parametrize("made", ["fcn8s", Net()], ids=["name", "model"])
def test_html_is_an_accessible_table(made):
    summary = describe(made, input_size=(20, 31))
    root = ElementTree.fromstring(summary._repr_html_())
    scroll = next(div for div in root.iter("div") if div.get("class") == "scroll")
    assert (scroll.get("tabindex"), scroll.get("role")) == ("0", "region")
    assert scroll.get("aria-label") == f"Layers of {summary.caption}"
    table = scroll.find("table")
    assert table.find("caption").text == summary.caption
    head = list(table.find("thead").iter("th"))
    assert {cell.get("scope") for cell in head} == {"col"}
    rows = table.find("tbody").findall("tr")
    assert [(row.find("th").text, row.find("th").get("title")) for row in rows] == [(r.label, r.name) for r in summary]
    assert all(len(row) == len(head) for row in rows)
    assert [cell.text for cell in head][3:6] == ["parameters", "MACs, M", "MB"]
    assert "tr :nth-child(n + 4):nth-child(-n + 6) { text-align: right; }" in root.find("style").text


def test_html_takes_its_colours_from_the_page():
    style = ElementTree.fromstring(describe("fcn8s", width=0.1)._repr_html_()).find("style").text
    assert "#" not in style
    assert "rgb" not in style


def test_whole_image_reads_as_all():
    assert "Receptive field: all (pixels" in str(describe(nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1))))
    assert describe(nn.AdaptiveAvgPool2d(1)).receptive_field == ((math.inf, math.inf),)


class TestBadInput:
    def test_unknown_name_lists_the_right_ones(self):
        with pytest.raises(ValueError, match=r"there is no network 'fcn_8s'; did you mean 'fcn8s'\?"):
            describe("fcn_8s")

    def test_options_of_a_built_model_are_refused(self):
        with pytest.raises(TypeError, match="num_classes, same_padding: the model is built already"):
            describe(small("fcn8s"), num_classes=3, same_padding=True)

    def test_unknown_option_names_the_known_ones(self):
        with pytest.raises(TypeError, match=r"^fcn8s: .*'colour'.*its options are"):
            describe("fcn8s", colour="red")

    def test_unknown_row_is_answered_with_the_names(self, net):
        with pytest.raises(KeyError, match="no layer 'conv9' in Net; it has conv1, again"):
            net["conv9"]
