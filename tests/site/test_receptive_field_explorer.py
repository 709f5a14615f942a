"""ReceptiveFieldExplorer in the built chapter: every control moved, numbers compared with seglib.receptive_field."""

import contextlib
import io
import json
import math
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from seglib.receptive_field import ReceptiveField, receptive_field
from seglib.widgets import ReceptiveFieldExplorer
from seglib.widgets.receptive_field import SIZE
from seglib.widgets.stacks import PRESETS, Layer, build, place
from tests.site.conftest import move, settle, visit

CHAPTER = "book/receptive_field.html"
KEY = "receptive_field"


@pytest.fixture
def chapter(page, server) -> Page:
    visit(page, f"{server}/{CHAPTER}")
    return page


def widget(page: Page) -> Locator:
    return page.locator(f'.seglib-widget[data-key="{KEY}"]')


def canvas(page: Page) -> Locator:
    return widget(page).locator("canvas[tabindex]")


def slider(page: Page, label: str) -> Locator:
    return widget(page).get_by_role("slider", name=label, exact=True)


def slide(page: Page, label: str, value: int) -> None:
    move(slider(page, label), value)


def readout(page: Page, name: str) -> str:
    return widget(page).locator(f'[data-readout="{name}"]').inner_text()


def link(**settings: Any) -> str:
    return "#" + "&".join(f"{KEY}.{name}={quote(json.dumps(value))}" for name, value in settings.items())


@cache
def truth(stack: str, in_channels: int, layer: str) -> ReceptiveField:
    """What seglib.receptive_field says of a layer of a stack, given as JSON."""
    with torch.device("meta"):
        return receptive_field(build(json.loads(stack), in_channels), (in_channels, *SIZE), layer)


def check(page: Page, stack: list[Layer], layer: str, in_channels: int = 3) -> None:
    """Compare what is shown with seglib.receptive_field."""
    settle(page)
    exact = truth(json.dumps(stack), in_channels, layer)
    assert readout(page, "layer") == layer
    assert readout(page, "field") == f"{exact.size[0]} × {exact.size[1]} px"
    assert readout(page, "jump") == f"{exact.stride[0]} px"
    assert readout(page, "map") == f"{exact.output_size[0]} × {exact.output_size[1]}"
    x, y = (int(slider(page, label).input_value()) for label in ("Column", "Row"))
    top, left, bottom, right = exact.clipped_box(y, x)
    share = max(0, bottom - top) * max(0, right - left) / math.prod(SIZE)
    shown = float(readout(page, "share").split()[0]) / 100
    assert shown <= share + 0.006, "the pixels seen lie in the box"
    effective = float(readout(page, "effective").split()[0])
    assert effective**2 <= (shown + 0.006) * math.prod(SIZE)


def choose(page: Page, preset: str) -> tuple[list[Layer], int]:
    widget(page).get_by_label("Network").select_option(value=preset)
    settle(page)
    return PRESETS[preset]["layers"], PRESETS[preset]["in_channels"]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_layer_of_every_preset_shows_the_true_numbers(preset, chapter):
    stack, in_channels = choose(chapter, preset)
    check(chapter, stack, PRESETS[preset]["layer"], in_channels)
    for index, layer in enumerate(stack):
        slide(chapter, "Layer", index)
        check(chapter, stack, layer["name"], in_channels)


def test_unit_sliders_reach_every_unit_and_nothing_else(chapter):
    stack = PRESETS["VGG16"]["layers"]
    for layer in ("pool5", "pool3"):
        height, width = next(placed.size for placed in place(stack, SIZE) if placed.name == layer)
        slide(chapter, "Layer", [one["name"] for one in stack].index(layer))
        for label, count in (("Column", width), ("Row", height)):
            assert slider(chapter, label).get_attribute("min") == "0"
            assert slider(chapter, label).get_attribute("max") == str(count - 1)
            for unit in range(0, count, 3):
                slide(chapter, label, unit)
                check(chapter, stack, layer)


def test_share_of_the_photograph_is_that_of_the_clipped_box(chapter):
    for x, y in ((0, 0), (9, 5), (4, 2)):
        slide(chapter, "Layer", 17)
        slide(chapter, "Column", x)
        slide(chapter, "Row", y)
        top, left, bottom, right = truth(json.dumps(PRESETS["VGG16"]["layers"]), 3, "pool5").clipped_box(y, x)
        share = (bottom - top) * (right - left) / math.prod(SIZE)
        assert readout(chapter, "share") == f"{share:.0%} of the photo".replace("%", " %")


def test_editing_a_layer_changes_the_numbers_as_in_pytorch(chapter):
    stack, _ = choose(chapter, "Own stack")
    stack = [dict(layer) for layer in stack]
    slide(chapter, "Layer", 0)
    for key, label, values in (("kernel", "Kernel", range(1, 12)), ("dilation", "Dilation", (1, 2, 5, 24)), ("stride", "Stride", (2, 3, 4, 1))):  # fmt: skip  # noqa: E501
        for value in values:
            slide(chapter, label, value)
            stack[0][key] = value
            check(chapter, stack, "conv1")
    slide(chapter, "Dilation", 2)
    stack[0]["dilation"] = 2
    widget(chapter).get_by_label("Padding").select_option("0")
    stack[0]["padding"] = 0
    check(chapter, stack, "conv1")
    slide(chapter, "Kernel", 3)
    stack[0]["kernel"] = 3
    slide(chapter, "Dilation", 1)
    stack[0]["dilation"] = 1
    for kind in ("max pool", "average pool", "conv"):
        widget(chapter).get_by_label("Kind").select_option(kind)
        stack[0] = {**{k: v for k, v in stack[0].items() if k != "channels"}, "kind": kind}
        check(chapter, stack, "conv1")
    expect(widget(chapter).get_by_label("Network").locator("option:checked")).to_have_text("Own stack, changed")


def test_layers_are_added_above_and_removed(chapter):
    stack, _ = choose(chapter, "Own stack")
    slide(chapter, "Layer", 0)
    widget(chapter).get_by_role("button", name="Add a layer above").click()
    new = {"name": "new1", "kind": "conv", "kernel": 3, "padding": "same"}
    check(chapter, [stack[0], new, *stack[1:]], "new1")
    remove = widget(chapter).get_by_role("button", name="Remove this layer")
    remove.click()
    check(chapter, stack, "conv1")
    remove.click()
    check(chapter, stack[1:], "pool1")
    remove.click()
    check(chapter, stack[2:], "conv2")
    expect(remove).to_be_disabled()


def test_illegal_setting_is_explained_and_the_rest_keeps_working(chapter):
    reason = widget(chapter).locator(".seg-reason")
    expect(reason).to_be_hidden()
    slide(chapter, "Layer", 17)  # pool5
    slide(chapter, "Dilation", 12)
    expect(reason).to_contain_text("pool5 cannot be built")
    expect(reason).to_contain_text("spans 13 × 13")
    assert readout(chapter, "layer") == "conv5_3", "the deepest layer that can be built"
    chapter.wait_for_timeout(400)
    assert "layers" not in chapter.url, "an illegal stack is not passed on"
    widget(chapter).get_by_label("Kind").select_option("average pool")
    expect(reason).to_contain_text("no dilation")
    slide(chapter, "Dilation", 1)
    expect(reason).to_be_hidden()
    assert readout(chapter, "layer") == "pool5"
    chapter.wait_for_function("location.hash.includes('average')")


def test_keyboard_alone_moves_unit_and_layer(chapter):
    canvas(chapter).focus()
    stack = PRESETS["VGG16"]["layers"]
    start = ReceptiveFieldExplorer()
    for key, dx, dy in (("ArrowLeft", -1, 0), ("ArrowRight", 1, 0), ("PageUp", 0, -1), ("PageDown", 0, 1), ("Shift+ArrowUp", 0, -1), ("Shift+ArrowDown", 0, 1)):  # fmt: skip  # noqa: E501
        before = [int(slider(chapter, label).input_value()) for label in ("Column", "Row")]
        chapter.keyboard.press(key)
        settle(chapter)
        after = [int(slider(chapter, label).input_value()) for label in ("Column", "Row")]
        assert after == [before[0] + dx, before[1] + dy], key
    chapter.keyboard.press("ArrowUp")
    check(chapter, stack, "conv5_1")
    for _ in range(4):
        chapter.keyboard.press("ArrowDown")
    check(chapter, stack, "conv4_1")
    for _ in range(3):
        chapter.keyboard.press("ArrowUp")
    settle(chapter)
    assert [int(slider(chapter, label).input_value()) for label in ("Column", "Row")] == [
        start.x,
        start.y,
    ], "whoever goes down and up again stays at the same place of the photograph"
    assert canvas(chapter).evaluate("e => getComputedStyle(e).outlineStyle") == "solid", "focus can be seen"


def place_of(page: Page, x: float, y: float) -> tuple[float, float]:
    """A pixel of the photograph on the screen."""
    box = widget(page).locator("canvas").nth(1).bounding_box()
    return box["x"] + (x + 0.5) / SIZE[1] * box["width"], box["y"] + (y + 0.5) / SIZE[0] * box["height"]


def test_pointing_looks_and_pressing_stays(chapter):
    canvas(chapter).scroll_into_view_if_needed()
    stack = PRESETS["VGG16"]["layers"]
    x, y = place_of(chapter, 40, 150)
    chapter.mouse.move(x, y)
    expect(widget(chapter).locator('[data-readout="share"]')).to_have_text("13 % of the photo")  # 90 x 90 px
    assert slider(chapter, "Column").input_value() == "9", "looking moves no control"
    chapter.mouse.down()
    chapter.mouse.up()
    settle(chapter)
    assert slider(chapter, "Column").input_value() == "2"
    assert slider(chapter, "Row").input_value() == "9"
    check(chapter, stack, "pool4")
    # the topmost row is pool5's
    x, _ = place_of(chapter, 200, 0)
    top = canvas(chapter).bounding_box()["y"] + 25
    chapter.mouse.move(x, top)
    settle(chapter)
    assert readout(chapter, "layer") == "pool5"
    chapter.mouse.move(x, top - 300)
    settle(chapter)
    assert readout(chapter, "layer") == "pool4", "what was only looked at is left again"
    chapter.mouse.move(x, top)
    chapter.mouse.down()
    chapter.mouse.up()
    chapter.mouse.move(x, top - 300)
    settle(chapter)
    assert slider(chapter, "Column").input_value() == "6"
    check(chapter, stack, "pool5")


def test_a_small_field_is_shown_enlarged_and_stays_in_view(chapter):
    choose(chapter, "Five 3 x 3")
    photo = widget(chapter).locator("canvas").nth(1)
    assert photo.evaluate("e => [e.width, e.height]") == [SIZE[1] // 8, SIZE[0] // 8]
    for x in (0, 319, 100):
        slide(chapter, "Column", x)
        seen = photo.evaluate(
            """e => {
                const pixels = e.getContext("2d").getImageData(0, 0, e.width, e.height).data;
                let purple = 0;
                for (let i = 0; i < pixels.length; i += 4) {
                    const [r, g, b] = pixels.slice(i, i + 3);
                    if (r > g + 40 && b > g) purple++;
                }
                return purple;
            }"""
        )  # fmt: skip
        assert seen >= 9, "the middle of the heat is in view"
    choose(chapter, "VGG16")
    assert photo.evaluate("e => [e.width, e.height]") == [SIZE[1], SIZE[0]]


def test_views_show_box_heat_or_both(chapter):
    photo = widget(chapter).locator("canvas").nth(1)

    def pixel(x: int, y: int) -> list[int]:
        return photo.evaluate(
            "(e, [x, y]) => [...e.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)", [x, y]
        )

    unseen, middle = (10, 180), (151, 71)
    for name, grey, purple in (("Both", True, True), ("Theoretical box", True, False), ("Effective heat", False, True)):
        widget(chapter).get_by_role("button", name=name).click()
        settle(chapter)
        assert widget(chapter).get_by_role("button", name=name).get_attribute("aria-pressed") == "true"
        assert (len(set(pixel(*unseen))) == 1) == grey
        red, green, blue = pixel(*middle)
        assert (blue > green + 20) == purple, (name, red, green, blue)


def test_settings_live_in_the_address_and_come_back(chapter, server, open_tab):
    choose(chapter, "DeepLab-LargeFOV")
    slide(chapter, "Column", 30)
    slide(chapter, "Dilation", 6)
    chapter.wait_for_function("location.hash.includes('layers') && location.hash.includes('x=30')")
    stack = [
        {**layer, "dilation": 6} if layer["name"] == "fc6" else layer for layer in PRESETS["DeepLab-LargeFOV"]["layers"]
    ]
    check(chapter, stack, "fc6")
    visitor = open_tab()
    visit(visitor, chapter.url)
    check(visitor, stack, "fc6")
    assert slider(visitor, "Column").input_value() == "30"
    visitor.evaluate("hash => { location.hash = hash }", link(preset="AlexNet", layer="conv3", x=3, y=2))
    expect(widget(visitor).locator('[data-readout="layer"]')).to_have_text("conv3")
    check(visitor, PRESETS["AlexNet"]["layers"], "conv3")


@pytest.mark.parametrize(
    ("settings", "layer"),
    [
        ({"layer": "conv9_9"}, "pool4"),
        ({"layer": 7}, "pool4"),
        ({"layers": "none"}, "pool4"),
        ({"layers": None, "layer": None}, "pool4"),
        ({"layers": [None]}, "pool4"),
        ({"layers": [{"name": "pool4"}] * 50}, "pool4"),
        ({"x": 900, "y": 900}, "pool4"),
    ],
)
def test_link_to_what_is_not_there_shows_what_is(settings, layer, page, server):
    visit(page, f"{server}/{CHAPTER}{link(**settings)}")
    check(page, PRESETS["VGG16"]["layers"], layer)


def test_link_cannot_write_into_the_copied_code(page, server):
    evil = [{"name": "a", "kind": "conv", "kernel": 3}, {"name": 'b"); import os #', "kind": "conv", "kernel": 3}]
    spoilt = [{"name": "a", "kind": "max pool", "kernel": 3, "ceil": "1); import os #"}]
    for layers in (evil, spoilt):
        visit(page, "about:blank")
        visit(page, f"{server}/{CHAPTER}{link(layers=layers)}")
        widget(page).get_by_role("button", name="Copy as PyTorch").click()
        assert all(line.startswith("#") for line in widget(page).locator(".seg-code").inner_text().splitlines() if "import os" in line)  # fmt: skip  # noqa: E501


def test_reset_goes_back_to_the_first_state_and_clears_the_address(chapter):
    choose(chapter, "Five 3 x 3")
    slide(chapter, "Kernel", 7)
    widget(chapter).get_by_role("button", name="Effective heat").click()
    chapter.wait_for_function("location.hash.includes('preset')")
    widget(chapter).get_by_role("button", name="Reset").click()
    check(chapter, PRESETS["VGG16"]["layers"], "pool4")
    assert widget(chapter).get_by_role("button", name="Both").get_attribute("aria-pressed") == "true"
    assert slider(chapter, "Column").input_value() == str(ReceptiveFieldExplorer().x)
    chapter.wait_for_function("location.hash === ''")


def test_copied_code_is_for_what_is_shown_and_prints_it(chapter):
    choose(chapter, "Context module")
    slide(chapter, "Layer", 4)
    slide(chapter, "Dilation", 7)
    widget(chapter).get_by_role("button", name="Copy as PyTorch").click()
    code = widget(chapter).locator(".seg-code").inner_text()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "copied", "exec"), {})
    lines = dict(line.split(" ", 1) for line in printed.getvalue().splitlines())
    assert f"{lines['field'].replace(' ', ' × ')} px" == readout(chapter, "field")
    assert lines["map"].replace(" ", " × ") == readout(chapter, "map")
    assert f"{int(lines['weights']) / 1000:.1f} k" == readout(chapter, "weights")
    slide(chapter, "Column", 200)  # the code on view follows
    assert ", 200))" in widget(chapter).locator(".seg-code").inner_text()


def test_screen_reader_hears_where_the_reader_has_come_to_rest(chapter):
    slide(chapter, "Layer", 4)
    expect(widget(chapter).locator("[aria-live]")).to_contain_text("conv2_2, column", timeout=3000)
    expect(widget(chapter).locator("[aria-live]")).to_contain_text("field 14 by 14 pixels")
    assert "field 14 by 14" in canvas(chapter).get_attribute("aria-label")
