"""ArchitectureViewer shows what `models.describe` says."""

import contextlib
import io
import json
from functools import cache
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
import torchvision
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seglib import models
from seglib.widgets import ArchitectureViewer
from seglib.widgets.network_graph import IMAGE, KINDS, Graph, Read, match, read_graph
from tests.node import call

SHOWN = "../../../tests/js/architecture_shown.mjs"
SMALL = {"input_size": (64, 64), "width": 0.125}


@cache
def viewer(*names: str) -> ArchitectureViewer:
    return ArchitectureViewer(*names)


def labels(graph: Graph) -> list[str]:
    return [graph.summary.rows[block.leader].label for block in graph.blocks]


def skips(name: str) -> set[tuple[str, str, str]]:
    graph = viewer(name).graphs[0]
    names = [graph.ids[block.leader] for block in graph.blocks]
    return {(names[a], names[b], how) for a, b, how in graph.skips()}


def graph_of(module: nn.Module, size: tuple[int, int] = (32, 32), in_channels: int = 3) -> Graph:
    return read_graph(module, models.describe(module, input_size=size, in_channels=in_channels))


class TestNumbers:
    @pytest.mark.parametrize("name", models.MODELS)
    def test_totals_are_describes(self, name):
        summary, page = models.describe(name), viewer(name).networks[0]
        sums = call(SHOWN, "sums", [page])[0]
        for what in ("trainable", "frozen", "macs", "memory"):
            assert sums[what] == getattr(summary, what) == sum(page[what])
        assert sums["sees"] == sorted({height for height, _ in summary.receptive_field})
        assert tuple(page["input"]) == summary.input_size

    def test_blocks_and_stages_hold_every_row_once(self):
        for name in models.MODELS:
            graph = viewer(name).graphs[0]
            assert [row for block in graph.blocks for row in block.rows] == list(range(len(graph.summary)))
            assert all(a < b for a, b in graph.stages)
            assert [a for a, _ in graph.stages] == [0, *(b for _, b in graph.stages[:-1])]
            assert graph.stages[-1][1] == len(graph.blocks)
            assert set(graph.kinds) <= set(KINDS)
            assert len(set(graph.ids)) == len(graph.ids)

    def test_two_networks_get_the_same_image_and_classes(self):
        pair = viewer("deconvnet", "segnet")
        one, other = pair.summaries
        assert one.input_size == other.input_size == (3, 224, 224)
        assert one.rows[-1].shape[0] == other.rows[-1].shape[0] == 21
        assert other.trainable == 29_455_125  # SegNet with 21 classes

    def test_data_of_two_networks_stays_small(self):
        pages = [viewer(name).networks[0] for name in ("fc_densenet103", "fc_densenet67")]
        assert len(json.dumps(pages, separators=(",", ":"))) < 60_000

    @pytest.mark.parametrize("layer", ["fc6", "bnfc6", "unpool5", "seg_score_voc"])
    def test_copied_code_prints_what_is_shown(self, layer):
        page = viewer("deconvnet").networks[0]
        shown = call(SHOWN, "copied", page, layer)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(shown["code"], "copied", "exec"), {})
        lines = dict(line.split(" ", 1) for line in printed.getvalue().splitlines())
        row = shown["row"]
        assert lines["layer"] == f"{layer} {row['type']}"
        assert lines["output"] == " ".join(map(str, row["shape"]))
        assert lines["parameters"] == f"{row['parameters']} of 251805653"
        assert lines["macs"].split()[0] == str(row["macs"])
        assert lines["memory"].split()[0] == str(row["memory"])
        assert lines["sees"] == " ".join(map(str, row["sees"]))
        assert lines["jump"] == row["jump"]


class TestEdges:
    def test_unet_has_four_concatenated_skips(self):
        found = skips("unet")
        assert found == {
            (f"conv_d{level}b_c", f"concat_d{level}cc_u{level}a_b", "concat") for level in range(4)
        }  # fmt: skip

    def test_fcn8s_sums_twice_and_fcn32s_never(self):
        assert skips("fcn8s") == {("pool4", "add", "sum"), ("pool3", "add#2", "sum")}
        assert skips("fcn16s") == {("pool4", "add", "sum")}
        assert skips("fcn32s") == set()

    @pytest.mark.parametrize(("name", "unpool"), [("deconvnet", "unpool"), ("segnet", "upsample")])
    def test_switches_lead_from_each_pool_to_its_unpooling(self, name, unpool):
        assert skips(name) == {(f"pool{i}", f"{unpool}{i}", "switches") for i in range(1, 6)}

    def test_fc_densenet_has_five_long_skips_and_dense_ones_inside(self):
        for name in ("fc_densenet56", "fc_densenet103"):
            graph = viewer(name).graphs[0]
            found = skips(name)
            assert {(to, how) for _, to, how in found} == {(f"tu{i}.cat", "concat") for i in range(1, 6)}
            assert len(found) == 5
            rows = graph.summary.rows
            joins = [i for i, kind in enumerate(graph.kinds) if kind == "concat"]
            assert len(joins) == sum(row.type == "cat" for row in rows)
            for row in joins:  # what comes in is what goes out
                assert sum(rows[read.row].shape[0] for read in graph.reads[row]) == rows[row].shape[0]

    def test_deeplab_and_dilated_net_are_chains(self):
        for name in ("deeplab_v1", "deeplab_v1_largefov", "dilated_net"):
            assert skips(name) == set()
            assert all(len(read) == 1 for read in viewer(name).graphs[0].reads)

    def test_every_row_reads_earlier_ones_and_all_but_the_last_are_read(self):
        for name in models.MODELS:
            reads = viewer(name).graphs[0].reads
            assert reads[0] == (Read(IMAGE),)
            assert all(IMAGE <= read.row < row for row, own in enumerate(reads) for read in own)
            assert {read.row for own in reads for read in own} == set(range(IMAGE, len(reads) - 1))

    def test_branches_of_a_module_of_ones_own(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
                self.relu = nn.ReLU(inplace=True)

            def forward(self, x):
                one = self.relu(self.a(x))
                two = self.b(one) + 1
                small, places = F.max_pool2d(two, 2, return_indices=True)
                back = F.max_unpool2d(small, places, 2)
                return torch.cat([one, back + two], 1)[:, :, 1:]

        graph = graph_of(Net())
        rows = [row.label for row in graph.summary]
        assert rows == ["a", "relu", "b", "max_pool2d_with_indices", "max_unpool2d", "add", "cat", "slice"]
        kinds = ("conv", "pointwise", "conv", "pool", "unpool", "sum", "concat", "crop")
        assert graph.kinds == kinds
        assert [[read.row for read in reads] for reads in graph.reads] == [
            [-1],
            [0],
            [1],
            [2],
            [3, 3],
            [4, 2],
            [1, 5],
            [6],
        ]
        assert graph.reads[4] == (Read(3), Read(3, switches=True))

    @pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "vgg16"])
    def test_networks_of_torchvision_are_followed_to_the_end(self, name):
        with torch.device("meta"):
            model = torchvision.models.get_model(name, weights=None)
        graph = graph_of(model, (224, 224))
        sums = [i for i, row in enumerate(graph.summary) if row.type == "add"]
        assert all(graph.kinds[i] == "sum" and len(graph.reads[i]) == 2 for i in sums)
        assert len(sums) == {"resnet18": 8, "mobilenet_v3_small": 6}.get(name, 0)

    def test_model_stays_as_it_is(self):
        model = models.create("segnet", num_classes=3, width=0.125)
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        ArchitectureViewer(model, input_size=(64, 64))
        assert model.training
        assert all(module.training for module in model.modules())
        assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())

    def test_model_that_changes_its_mind_is_refused(self):
        class Fickle(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b, self.calls = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 1), 0

            def forward(self, x):
                self.calls += 1
                return self.a(x) if self.calls % 2 else self.b(x)

        with pytest.raises(ValueError, match="could not be followed to a"):
            graph_of(Fickle())


class TestBlocks:
    def test_normalisation_and_activation_belong_to_their_convolution(self):
        graph = viewer("deconvnet").graphs[0]
        rows = graph.summary.rows
        assert [[rows[i].label for i in block.rows] for block in graph.blocks[:3]] == [
            ["conv1_1", "bn1_1", "relu1_1"],
            ["conv1_2", "bn1_2", "relu1_2"],
            ["pool1"],
        ]
        dense = viewer("fc_densenet56").graphs[0]
        first = [dense.summary.rows[i].label for i in dense.blocks[1].rows]
        assert [label.rpartition(".")[2] for label in first] == ["norm", "relu", "conv", "drop"]

    @pytest.mark.parametrize(
        ("name", "count", "first", "last"),
        [
            ("deconvnet", 11, ["conv1_1", "conv1_2", "pool1"], ["unpool1", "deconv1_1", "deconv1_2", "seg_score_voc"]),
            ("segnet", 10, ["conv1_1", "conv1_2", "pool1"], ["upsample1", "conv1_2_D", "conv1_1_D"]),
            ("fcn8s", 9, ["conv1_1", "conv1_2", "pool1"], ["upscore8", "slice"]),
            ("dilated_net", 8, ["pad", "conv1_1", "conv1_2", "pool1"], ["upsample_bilinear2d", "slice"]),
        ],
    )
    def test_stages_end_with_pooling_and_begin_with_upsampling(self, name, count, first, last):
        graph = viewer(name).graphs[0]
        names = labels(graph)
        assert len(graph.stages) == count
        assert names[slice(*graph.stages[0])] == first
        assert names[slice(*graph.stages[-1])] == last

    def test_fc_densenet_has_a_stage_for_every_dense_block(self):
        assert len(viewer("fc_densenet103").graphs[0].stages) == 11


class TestMatch:
    def test_deconvnet_and_segnet(self):
        one, other = viewer("deconvnet", "segnet").graphs
        pairs = {(labels(one)[a], labels(other)[b]) for a, b in viewer("deconvnet", "segnet").pairs}
        assert {a for a, b in pairs if a == b} == {x for x in labels(one) if x.startswith(("conv", "pool"))}
        assert {("unpool5", "upsample5"), ("deconv5_1", "conv5_3_D"), ("seg_score_voc", "conv1_1_D")} <= pairs
        assert {*labels(one)} - {a for a, _ in pairs} == {"fc6", "fc7", "fc6_deconv", "deconv1_2"}
        assert {*labels(other)} == {b for _, b in pairs}

    @pytest.mark.parametrize("names", [("deconvnet", "segnet"), ("fcn32s", "fcn8s"), ("segnet", "deconvnet")])
    def test_pairs_rise_in_both(self, names):
        pairs = match(*viewer(*names).graphs)
        assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))

    def test_network_and_itself_are_equal_in_every_block(self):
        graph = viewer("fc_densenet56").graphs[0]
        assert match(graph, graph) == [(i, i) for i in range(len(graph.blocks))]


class TestArguments:
    def test_own_module_with_its_own_image(self):
        net = nn.Sequential(nn.Conv2d(5, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 2, 1))
        shown = ArchitectureViewer(net, input_size=(5, 32, 48), titles=["mine"])
        assert shown.networks[0]["title"] == "mine"
        assert shown.networks[0]["code"] is None
        assert shown.networks[0]["input"] == [5, 32, 48]
        assert shown.summaries[0].trainable == sum(p.numel() for p in net.parameters())
        assert shown.picture().size[0] > 500

    def test_image_may_be_given_without_channels(self):
        assert ArchitectureViewer("segnet_basic", input_size=(64, 96)).networks[0]["input"] == [3, 64, 96]

    def test_options_go_to_the_networks_that_have_them(self):
        pair = ArchitectureViewer(
            "deconvnet", "segnet", fc_channels=256, num_classes=3, **SMALL | {"input_size": (224, 224)}
        )
        codes = [page["code"] for page in pair.networks]
        assert "fc_channels=256" in codes[0]
        assert "fc_channels" not in codes[1]
        assert all("num_classes=3" in code and "width=0.125" in code for code in codes)

    def test_layer_and_colour_to_begin_with(self):
        pair = ArchitectureViewer("deconvnet", "segnet", layer="conv3_2_D", network=1, colour="memory", key="here")
        assert pair.selected() == (1, pair.graphs[1].ids.index("conv3_2_D"))
        assert "conv3_2_D of SegNet" in pair.alt()
        assert pair.defaults == {"layer": "conv3_2_D", "network": 1, "colour": "memory"}
        assert repr(pair) == "ArchitectureViewer('deconvnet', 'segnet', layer='conv3_2_D', network=1, colour='memory')"

    def test_first_layer_shown_is_the_heaviest(self):
        assert viewer("deconvnet").layer == "fc6"
        assert viewer("segnet").layer == "conv4_2"

    def test_equal_titles_are_told_apart(self):
        nets = [nn.Sequential(nn.Conv2d(3, c, 3)) for c in (1, 2)]
        assert [p["title"] for p in ArchitectureViewer(*nets).networks] == ["Sequential (1)", "Sequential (2)"]

    @pytest.mark.parametrize(
        ("arguments", "options", "error", "words"),
        [
            ((), {}, TypeError, "one network or two"),
            (("segnet",) * 3, {}, TypeError, "not 3"),
            (("segnett",), {}, ValueError, "did you mean 'segnet'"),
            ((7,), {}, TypeError, "7 is no network"),
            (("segnet",), {"depth": 3}, TypeError, "no network here has an option depth"),
            (("segnet",), {"layer": "fc6"}, traitlets.TraitError, "layer='fc6' is not there"),
            (("segnet",), {"colour": "red"}, traitlets.TraitError, "red"),
            (("segnet",), {"network": 1}, traitlets.TraitError, "there is one network"),
            (("segnet",), {"titles": ["a", "b"]}, ValueError, "must name 1"),
            (("deconvnet",), {"input_size": (64, 64)}, ValueError, "pool5 must be 7"),
        ],
    )
    def test_bad_values_are_refused_with_a_reason(self, arguments, options, error, words):
        with pytest.raises(error, match=words):
            ArchitectureViewer(*arguments, **options)

    def test_module_takes_no_classes(self):
        with pytest.raises(TypeError, match="num_classes"):
            ArchitectureViewer(nn.Conv2d(3, 3, 3), num_classes=4)

    @given(
        size=st.one_of(
            st.integers(),
            st.text(max_size=3),
            st.tuples(st.integers(max_value=0), st.integers(1, 9)),
            st.lists(st.integers(1, 9), min_size=4, max_size=6),
            st.tuples(st.floats(1, 9), st.integers(1, 9)),
        )
    )
    @settings(max_examples=25, deadline=None)
    def test_no_other_size_passes(self, size):
        with pytest.raises(ValueError, match="input_size"):
            ArchitectureViewer("segnet", input_size=size)

    @given(name=st.text(max_size=12).filter(lambda text: text not in viewer("segnet_basic").graphs[0].ids))
    @settings(max_examples=25, deadline=None)
    def test_no_other_layer_passes(self, name):
        shown = viewer("segnet_basic")
        with pytest.raises(traitlets.TraitError, match="is not there"):
            shown.layer = name
        assert shown.layer in shown.graphs[0].ids
