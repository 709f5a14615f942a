"""ReceptiveFieldExplorer: the papers' fields, copied code that prints what is shown."""

import contextlib
import io
import json
import random
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from PIL import Image
from torch import nn

from seglib.receptive_field import receptive_field
from seglib.widgets import ReceptiveFieldExplorer
from seglib.widgets.receptive_field import FOCUS, SIZE, measured_heat
from seglib.widgets.stacks import KINDS, LIMITS, PRESETS, build, check, place, ways_down
from tests.fixtures import FOLDER
from tests.fixtures.stack import random_layer
from tests.node import call

CASES = json.loads((FOLDER / "stack.json").read_text())["cases"]
UNITS = [{**case, **unit} for case in CASES for unit in case["units"]]
IN_NODE = "../../../tests/js/copied.mjs"


CONTEXT = {
    "conv1_1": 3, "conv1_2": 5, "conv2_1": 9, "conv3_1": 17, "conv4_1": 33, "conv5_1": 65, "fc1": 67, "final": 67,
}  # fmt: skip


def conv(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "conv", "kernel": 3, "padding": "same", **more}


@pytest.mark.parametrize(
    ("preset", "layer", "field", "jump"),
    [
        *(("VGG16", f"pool{i}", field, 2**i) for i, field in enumerate((6, 16, 44, 100, 212), 1)),
        ("FCN-32s", "score_fr", 404, 32),
        ("DeepLab-LargeFOV", "pool5a", 243, 8),
        ("DeepLab-LargeFOV", "fc6", 435, 8),
        ("DilatedNet front end", "conv5_3", 188, 8),
        ("DilatedNet front end", "fc-final", 380, 8),
        ("DilatedNet front end + context", "ct_final", 908, 8),
        *(("Context module", f"ct_{name}", field, 1) for name, field in CONTEXT.items()),
        ("AlexNet", "pool5", 195, 32),
        ("One 11 x 11", "conv1", 11, 1),
        ("Five 3 x 3", "conv5", 11, 1),
    ],
)  # fmt: skip
def test_presets_have_the_papers_fields(preset, layer, field, jump):
    with torch.device("meta"):
        stack = build(PRESETS[preset]["layers"], PRESETS[preset]["in_channels"])
    exact = receptive_field(stack, (PRESETS[preset]["in_channels"], *SIZE), layer)
    assert exact.size == (field, field)
    assert exact.stride == (jump, jump)


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [("FCN-32s", 134_346_581), ("DeepLab-LargeFOV", 20_505_429), ("DilatedNet front end", 134_346_581),
     ("DilatedNet front end + context", 141_149_720), ("Context module", 28_392)],
)  # fmt: skip
def test_presets_have_the_papers_parameters(preset, parameters):
    with torch.device("meta"):
        stack = build(PRESETS[preset]["layers"], PRESETS[preset]["in_channels"])
    assert sum(p.numel() for p in stack.parameters()) == parameters


def run(code: str) -> dict[str, str]:
    """Run copied code; the first word of each printed line names the numbers after it."""
    printed = io.StringIO()
    # the largest networks have 140 million weights, and only shapes are asked for
    with contextlib.redirect_stdout(printed), torch.device("meta"):
        exec(compile(code, "copied", "exec"), {})
    return dict(line.split(" ", 1) for line in printed.getvalue().splitlines())


def test_copied_code_runs_and_prints_the_numbers_shown_for_every_preset_and_many_stacks():
    assert len(UNITS) > 60
    for unit, page in zip(UNITS, call(IN_NODE, "shown", UNITS), strict=True):
        words = {name: " ".join(map(str, page[name])) for name in ("size", "box")}
        assert run(page["code"]) == {
            "field": f"{page['field']} {page['field']}",
            "jump": f"{page['jump']} {page['jump']}",
            "map": words["size"],
            "box": words["box"],
            "weights": str(page["weights"]),
        }, unit["title"]


def test_python_places_and_counts_as_the_fixture_says():
    for unit in UNITS:
        part = unit["layers"][: unit["index"] + 1]
        placed = place(part, tuple(unit["input"]))
        assert [list(layer.size) for layer in placed] == unit["sizes"][: len(part)]
        assert (placed[-1].field, placed[-1].jump) == (unit["field"], unit["jump"])
        top, left, bottom, right = unit["box"]
        assert placed[-1].centre((unit["y"], unit["x"])) == ((top + bottom - 1) / 2, (left + right - 1) / 2)
        for axis, name in enumerate("yx"):
            lengths = [unit["input"][axis], *(layer.size[axis] for layer in placed)]
            counts = ways_down(part, unit[name], lengths)
            first, expected = unit["ways"][name]
            np.testing.assert_array_equal(counts[0][first : first + len(expected)], expected)
            assert counts[0].sum() == sum(expected)


def pool(name: str) -> dict[str, Any]:
    return {"name": name, "kind": "max pool", "kernel": 2, "stride": 2}


@pytest.mark.parametrize(
    ("layers", "relu"),
    [
        ([conv("a"), conv("b", dilation=2), conv("c", stride=2)], False),
        ([conv("a"), conv("b"), pool("c"), conv("d", dilation=2), conv("e")], True),
        ([conv("a"), conv("b"), pool("c"), conv("d"), pool("e"), conv("f")], True),
    ],
    ids=["convolutions", "pool, dilation and ReLU", "two pools and ReLU"],
)
def test_heat_is_the_root_mean_square_gradient_of_random_networks(layers, relu):
    size, channels, networks = (26, 26), 8, 100
    placed = place(layers, size)
    y, x = placed[-1].nearest((13, 13))
    case = {"layers": layers, "input": size, "in_channels": channels, "index": len(layers) - 1, "x": x, "y": y}
    ways = call(IN_NODE, "shown", [case])[0]["ways"]
    heat = np.sqrt(np.outer(ways["y"], ways["x"]))
    random_numbers = torch.Generator().manual_seed(0)
    squares = torch.zeros(size, dtype=torch.float64)
    for _ in range(networks):
        network = build(layers, channels, channels, relu=relu).double()
        for module in network:
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, generator=random_numbers)
                nn.init.zeros_(module.bias)
        image = torch.randn(1, channels, *size, dtype=torch.float64, generator=random_numbers, requires_grad=True)
        (gradient,) = torch.autograd.grad(network(image)[0, 0, y, x], image)
        squares += gradient[0].square().sum(0) / gradient.square().sum().clamp(min=1e-300)  # ReLU may silence a unit
    measured = squares.sqrt().numpy()
    assert ((measured > 0) == (heat > 0)).all(), "the same pixels are reached"
    difference = np.abs(measured / np.linalg.norm(measured) - heat / np.linalg.norm(heat)).sum()
    # 2 to 5 % are left with 100 networks, most of it chance
    assert difference / (heat / np.linalg.norm(heat)).sum() < 0.08


def test_both_sides_know_the_same_rules():
    rules = call(IN_NODE, "rules")
    assert rules == {"kinds": list(KINDS), "limits": {name: list(limit) for name, limit in LIMITS.items()}}


SPOILT = [
    {"kernel": 0}, {"kernel": 12}, {"stride": 5}, {"dilation": 25}, {"padding": -1}, {"padding": "valid"},
    {"name": "2nd"}, {"name": "layer0"}, {"kind": "pool"}, {"ceil": 1}, {"channels": 0},
]  # fmt: skip


def test_both_sides_refuse_the_same_stacks():
    rng = random.Random(3)
    cases = []
    for _ in range(300):
        layers = [random_layer(rng, number) for number in range(rng.randint(1, 3))]
        spoilt = rng.choice(layers)
        spoilt.update(rng.choice([*SPOILT, *[{}] * len(SPOILT)]))
        cases.append({"layers": layers, "input": (rng.randint(10, 40), 40)})
    verdicts = call(IN_NODE, "verdicts", cases)
    for case, why in zip(cases, verdicts, strict=True):
        try:
            check(case["layers"])
            place(case["layers"], case["input"])
            refused = None
        except ValueError as error:
            refused = str(error)
        assert (refused is None) == (why is None), (case, why, refused)
    assert 80 < sum(why is not None for why in verdicts) < 220, "both answers are common"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"preset": "VGG19"}, ["VGG19", "VGG16"]),
        ({"layer": "conv9"}, ["conv9", "conv5_3"]),
        ({"layer": "pool5", "x": 10}, ["x=10", "0 to 9", "pool5"]),
        ({"y": 12}, ["y=12", "0 to 11"]),
        ({"y": -1}, ["y", "-1"]),
        ({"field": "box"}, ["field", "box"]),
        ({"layers": [{"name": "a", "kind": "conv", "kernel": 12}]}, ["layers[0]", "kernel=12", "1 to 11"]),
        ({"layers": [{"name": "a", "kind": "conv", "kernel": True}]}, ["kernel=True"]),
        ({"layers": [{"name": "a", "kind": "conv"}]}, ["kernel=None"]),
        ({"layers": [{"kind": "conv", "kernel": 3}]}, ["layers[0]", "name"]),
        ({"layers": [conv("a"), conv("a")]}, ["layers[1]", "names must differ"]),
        ({"layers": [conv("a", rate=2)]}, ["rate", "dilation"]),
        ({"layers": [conv("a", padding="valid")]}, ["padding='valid'", '"same"']),
        ({"layers": [conv("a", ceil=True)]}, ["ceil", "pools only"]),
        ({"layers": [{**pool("a"), "padding": 2}]}, ["padding=2", "at most"]),
        ({"layers": [{**pool("a"), "kind": "average pool", "dilation": 2}]}, ["dilation"]),
        ({"layers": [{**pool(f"p{i}")} for i in range(9)]}, ["p7", "the map below has 1 x 2"]),
        ({"layers": [conv(f"c{i}") for i in range(41)]}, ["1 to 40", "41"]),
    ],
)  # fmt: skip
def test_bad_setting_raises_and_names_value_and_fix(bad, words):
    with pytest.raises(traitlets.TraitError) as error:
        ReceptiveFieldExplorer(**bad)
    for word in words:
        assert word in str(error.value)


def test_untouched_it_looks_at_the_coffee_from_the_presets_layer():
    for preset, facts in PRESETS.items():
        widget = ReceptiveFieldExplorer(preset=preset)
        assert widget.layer == facts["layer"]
        layer = next(layer for layer in place(facts["layers"], SIZE) if layer.name == widget.layer)
        y, x = layer.centre((widget.y, widget.x))
        assert abs(y - FOCUS[0]) <= layer.jump / 2
        assert abs(x - FOCUS[1]) <= layer.jump / 2
        unit = {"layer": widget.layer, "x": widget.x, "y": widget.y}
        assert widget.defaults == {"preset": preset, "layers": [], **unit, "field": "both"}


def test_own_stack_is_looked_at_from_its_last_layer():
    widget = ReceptiveFieldExplorer(layers=[conv("first"), pool("second")])
    assert (widget.layer, widget.x, widget.y) == ("second", 76, 33)


def test_other_stack_keeps_layer_and_unit_where_it_has_them():
    widget = ReceptiveFieldExplorer(layer="pool3", x=39, y=23)
    widget.preset = "AlexNet"
    assert widget.layer == "pool5"
    widget.preset = "VGG16"
    assert widget.layer == "pool5"
    widget.x = 9
    widget.layer = "pool4"
    assert widget.x == 9
    widget.x = 19
    widget.layer = "pool5"
    assert widget.x == 9, "the last unit of the smaller map"
    widget.layers = [conv("a"), conv("b")]
    assert (widget.layer, widget.x, widget.y) == ("b", 153, 67)
    widget.preset = "FCN-32s"
    assert widget.layers == [], "who chooses a network wants that one"
    assert widget.layer == "score_fr"


def test_changes_from_the_page_arrive_together():
    widget = ReceptiveFieldExplorer()
    layers = [conv("a"), conv("b")]
    widget.set_state({"preset": "Own stack", "layers": layers, "layer": "a", "x": 300, "y": 190})
    assert (widget.preset, widget.layers, widget.layer, widget.x, widget.y) == ("Own stack", layers, "a", 300, 190)


def test_measures_when_the_page_asks():
    widget = ReceptiveFieldExplorer(preset="Own stack")
    assert widget.answer == {}, "nothing is measured for a page without a kernel"
    widget._handle_custom_msg("measure", [])
    answer = widget.answer
    assert answer["about"] == ["Own stack", [], "conv2", widget.x, widget.y]
    assert "PyTorch" in answer["by"]
    assert answer["networks"] >= 2
    rows, columns = np.frombuffer(answer["heat"], np.uint8).reshape(SIZE).nonzero()
    box = receptive_field(build(widget.stack), (3, *SIZE), "conv2").box(widget.y, widget.x)
    assert (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) == box
    assert 5 < answer["size"] <= 8
    widget.x = 20
    assert widget.answer is answer, "dragging does not measure"
    widget.measure()
    assert widget.answer["about"][3] == 20


def test_measured_heat_is_near_the_theory():
    layers = PRESETS["VGG16"]["layers"][:10]  # to pool3
    placed = place(layers, SIZE)
    unit = placed[-1].nearest(FOCUS)
    case = {"layers": layers, "input": SIZE, "in_channels": 3, "index": 9, "x": unit[1], "y": unit[0]}
    theory = call(IN_NODE, "shown", [case])[0]
    heat, size, networks = measured_heat(layers, unit, 3, torch.device("cpu"), seconds=2)
    assert networks >= 2
    assert size == pytest.approx(theory["effective"], rel=0.15)
    assert (heat[np.outer(theory["ways"]["y"], theory["ways"]["x"]) == 0] == 0).all()


def test_unit_that_sees_padding_alone_is_not_measured():
    widget = ReceptiveFieldExplorer(layers=[conv("a", padding=100)], x=0, y=0)
    widget.measure()
    assert widget.answer == {}


def test_page_data_is_small():
    widget = ReceptiveFieldExplorer()
    assert len(widget.photo_webp) < 20_000
    assert Image.open(io.BytesIO(widget.photo_webp)).size == (SIZE[1], SIZE[0])
    assert len(json.dumps(widget.presets)) < 20_000


@pytest.mark.parametrize("view", ["both", "theoretical", "effective"])
def test_still_picture_shows_unit_cone_and_fields(view):
    widget = ReceptiveFieldExplorer(field=view)
    still = np.asarray(widget.picture())

    def pixels(colour: tuple[int, int, int]) -> int:
        return int((still == colour).all(-1).sum())

    assert pixels((0x00, 0x9E, 0x73)) > 100, "the chosen unit is green"
    assert pixels((0xE6, 0x9F, 0x00)) > 500, "its cone is orange"
    assert (pixels((0x00, 0x72, 0xB2)) > 3000) == (view != "effective"), "the theoretical field is blue"
    assert (pixels((0xCC, 0x79, 0xA7)) > 300) == (view != "theoretical"), "the effective field is purple"
    assert "100 by 100" in widget.alt()


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_a_still_picture(preset):
    assert ReceptiveFieldExplorer(preset=preset).picture().width == 1320
