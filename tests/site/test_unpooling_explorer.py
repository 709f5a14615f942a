"""UnpoolingExplorer in the built chapter: every cell read, every control moved, every number PyTorch's."""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from seglib.widgets import UnpoolingExplorer
from seglib.widgets.unpooling import PARTS, PRESETS, SIDE, cut, four_ways
from tests.site.conftest import move, settle, visit

CHAPTER = "book/unpooling.html"
KEY = "unpooling"
NAMES = dict(zip(PARTS, ("Input", "Pooled map", "Unpooled", "Zero insertion", "Nearest", "Bilinear"), strict=True))
RESULTS = PARTS[2:]


@pytest.fixture
def chapter(page, server) -> Page:
    visit(page, f"{server}/{CHAPTER}")
    return page


def widget(page: Page) -> Locator:
    return page.locator(f'.seglib-widget[data-key="{KEY}"]')


def grid(page: Page, part: str) -> Locator:
    return widget(page).get_by_role("application", name=re.compile(f"^{NAMES[part]}, "))


def slide(page: Page, label: str, value: int) -> None:
    move(widget(page).get_by_role("slider", name=label, exact=True), value)


def readout(page: Page, name: str) -> str:
    return widget(page).locator(f'[data-readout="{name}"]').inner_text()


def words(page: Page) -> str:
    settle(page)
    return widget(page).locator(".seg-words").inner_text().replace("−", "-")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
    settle(page)


def point(page: Page, part: str, row: int, column: int, cells: int, *, click: bool = False) -> None:
    """Point at, or press, the middle of a cell."""
    canvas = grid(page, part)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = (box[o] + (i + 0.5) / cells * box[s] for o, i, s in (("x", column, "width"), ("y", row, "height")))
    (page.mouse.click if click else page.mouse.move)(x, y)
    settle(page)


def link(**settings: Any) -> str:
    return "#" + "&".join(f"{KEY}.{name}={quote(json.dumps(value))}" for name, value in settings.items())


def copied(page: Page) -> str:
    """The code for what is now shown."""
    if not widget(page).locator(".seg-code").is_visible():
        widget(page).get_by_role("button", name="Copy as PyTorch").click()
    settle(page)
    return widget(page).locator(".seg-code").inner_text()


def printed(code: str) -> dict[str, list[list[float]]]:
    """What copied code prints: each name, and its rows."""
    out, threads = io.StringIO(), torch.get_num_threads()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "copied", "exec"), {})
    torch.set_num_threads(threads)
    blocks = re.findall(r"^(\w+)\n((?:   .*\n)+)", out.getvalue(), re.MULTILINE)
    return {name: [[float(v) for v in row.split()] for row in rows.splitlines()] for name, rows in blocks}


def read_all(page: Page, part: str, cells: int) -> Iterator[tuple[int, int, float]]:
    """Walk over a grid by keyboard, and read each cell's value from the sentence."""
    grid(page, part).focus()
    press(page, "ArrowRight", *["ArrowUp"] * cells, "Home")
    for row in range(cells):
        for column in range(cells):
            said = words(page)
            found = re.match(rf"{NAMES[part]}, row {row}, column {column}: (-?[\d.]+)\.( |$)", said)
            assert found, f"{part} {row}, {column}: {said}"
            yield row, column, float(found[1])
            page.keyboard.press("ArrowRight")
        press(page, "ArrowDown", "Home")


def test_untouched_state_keeps_the_line_in_one_of_four(chapter):
    assert words(chapter).startswith("Input, row 2, column 3: 7. The largest in the window of unit (1, 1)")
    assert readout(chapter, "left") == "9 of 36"
    assert readout(chapter, "bits") == "9 × 2 bits"
    greens = {
        part: grid(chapter, part).evaluate(
            """(canvas) => {
                const { width, height } = canvas;
                const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
                const index = (x, y) => 4 * (Math.floor(y * height) * width + Math.floor(x * width));
                const at = (x, y) => pixels[index(x, y) + 1] - pixels[index(x, y)];
                let cells = 0;
                for (let y = 0; y < 6; y++) for (let x = 0; x < 6; x++) cells += at((x + 0.2) / 6, (y + 0.2) / 6) > 45;
                return cells;
            }"""
        )
        for part in RESULTS
    }  # fmt: skip
    assert greens["unpooled"] == greens["zeros"] == 5, greens
    assert greens["nearest"] == 20, greens
    assert greens["bilinear"] > 12, greens


@pytest.mark.parametrize("part", RESULTS)
def test_every_cell_of_every_result_is_pytorchs(chapter, part):
    values = torch.tensor(UnpoolingExplorer().values).view(6, 6).double()
    expected = four_ways(values, 2, 2)[part]
    for row, column, value in read_all(chapter, part, 6):
        assert value == pytest.approx(expected[row, column].item(), abs=0.0051), (row, column)


def test_every_preset_size_pool_and_stride_gives_pytorchs_numbers(chapter):
    choice = widget(chapter).get_by_label("Grid", exact=True)
    for name in PRESETS:
        choice.select_option(label=name)
        settle(chapter)
        for size, pool, stride in [(6, 2, 2), (4, 3, 1), (5, 2, 2), (7, 2, 3), (8, 3, 2), (8, 2, 1)]:
            for label, value in [("Size", size), ("Pool", pool), ("Stride", stride)]:
                slide(chapter, label, value)
            assert choice.input_value() == name
            rows = printed(copied(chapter))
            values = torch.tensor(cut(PRESETS[name], SIDE, size)).view(size, size).double()
            expected = four_ways(values, pool, stride)
            for part in ("maxima", "switches", *RESULTS):
                torch.testing.assert_close(torch.tensor(rows[part]), expected[part].float(), atol=0.0051, rtol=0)
            kept = int((expected["unpooled"] != 0).sum())
            assert readout(chapter, "left") == f"{kept} of {size**2}"
            units = expected["switches"].numel()
            assert readout(chapter, "bits") == f"{units} × {2 if pool == 2 else 4} bits"
            assert int(readout(chapter, "fought")) == int((expected["switches"].flatten().bincount() > 1).sum())


def test_pointing_lights_up_and_tells_what_is_linked_in_all_six_grids(chapter):
    for part, row, column, cells, said in [
        ("input", 0, 1, 6, "Input, row 0, column 1: 8. The largest in the window of unit (0, 0)"),
        ("input", 0, 0, 6, "Input, row 0, column 0: 1. Not the largest in the window of unit (0, 0)"),
        ("pooled", 2, 2, 3, "Unit (2, 2): the maximum 8, at row 4, column 5 of the input, so its switch is 29"),
        ("unpooled", 1, 2, 6, "Unpooled, row 1, column 2: 9. The switch of unit (0, 1)"),
        ("zeros", 0, 2, 6, "Zero insertion, row 0, column 2: 9. The upper left corner of the window of unit (0, 1)"),
        ("nearest", 5, 5, 6, "Nearest, row 5, column 5: 8. A copy of unit (2, 2)"),
        ("bilinear", 1, 1, 6, "Bilinear, row 1, column 1: 7. Blended: 0.563 × 8 + 0.188 × 9"),
    ]:
        marked = orange(chapter)
        point(chapter, part, row, column, cells)
        assert words(chapter).startswith(said), words(chapter)
        assert any(orange(chapter)[other] != marked[other] for other in PARTS), "something else lights up"
    chapter.mouse.move(1, 1)
    assert words(chapter).startswith("Input, row 2, column 3"), "away from the grids the chosen cell is back"


def orange(page: Page) -> dict[str, str]:
    """Where the marks of what is linked are, as a text for each grid."""
    return {
        part: grid(page, part).evaluate(
            """(canvas) => {
                const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                let found = "";
                for (let i = 0; i < pixels.length; i += 4) {
                    const [red, green, blue] = pixels.slice(i, i + 3);
                    if (red > 215 && green > 140 && green < 175 && blue < 40) found += i + " ";
                }
                return found;
            }"""
        )
        for part in PARTS
    }  # fmt: skip


def test_typing_changes_the_cell_and_everything_that_follows_from_it(chapter):
    grid(chapter, "input").focus()
    press(chapter, "4", "2")
    assert words(chapter).startswith("Input, row 2, column 3: 42.")
    press(chapter, "+", "Shift+ArrowUp", "-", "-", "-")
    assert words(chapter).startswith("Input, row 2, column 3: 41.")
    assert "[2., 0., 1., 41., 1., 0.]" in copied(chapter)
    expect(widget(chapter).get_by_label("Grid", exact=True)).to_have_value("own")
    field = widget(chapter).get_by_role("textbox")
    expect(field).to_have_value("41")
    grid(chapter, "input").focus()
    press(chapter, "Enter")
    expect(field).to_be_focused()
    field.fill("-5")
    assert words(chapter).startswith("Input, row 2, column 3: -5. Not the largest")
    press(chapter, "ArrowUp", "Enter")
    expect(grid(chapter, "input")).to_be_focused()
    assert words(chapter).startswith("Input, row 2, column 3: -4.")
    widget(chapter).get_by_role("button", name="One more").click()
    assert words(chapter).startswith("Input, row 2, column 3: -3.")


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("2.5", "“2.5” is not a whole number"), ("x", "“x” is not"), ("100", "out of range"), ("nan", "NaN would win")],
)
def test_what_is_no_number_says_so_beside_the_cell_and_the_old_value_counts(chapter, typed, reason):
    field = widget(chapter).get_by_role("textbox")
    field.fill(typed)
    settle(chapter)
    told = widget(chapter).locator(".seg-reason")
    expect(told).to_contain_text(reason)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(told).to_contain_text("Until then 7 counts on")
    assert words(chapter).startswith("Input, row 2, column 3: 7.")
    field.fill("8")
    settle(chapter)
    expect(told).to_be_hidden()
    assert words(chapter).startswith("Input, row 2, column 3: 8.")


def test_an_emptied_cell_waits_for_a_number(chapter):
    grid(chapter, "input").focus()
    press(chapter, "Backspace")
    expect(widget(chapter).locator(".seg-reason")).to_contain_text("An empty cell has nothing to compare")
    assert words(chapter).startswith("Input, row 2, column 3: 7.")
    press(chapter, "Escape")
    expect(widget(chapter).locator(".seg-reason")).to_be_hidden()
    expect(widget(chapter).get_by_role("textbox")).to_have_value("7")
    press(chapter, "z", "ArrowRight")  # a move gives up what was typed
    expect(widget(chapter).locator(".seg-reason")).to_be_hidden()


def test_results_cannot_be_edited_and_say_why(chapter):
    point(chapter, "bilinear", 0, 0, 6, click=True)
    expect(widget(chapter).get_by_role("textbox")).to_be_disabled()
    grid(chapter, "bilinear").focus()
    press(chapter, "3")
    expect(widget(chapter).locator(".seg-reason")).to_contain_text("follow from the pooled map")


def test_a_decoder_changes_the_values_and_the_switches_stay(chapter):
    before = printed(copied(chapter))
    widget(chapter).get_by_role("button", name="Let a decoder change the values").click()
    after = printed(copied(chapter))
    assert before["switches"] == after["switches"]
    assert all(
        a != b
        for old, new in zip(before["unpooled"], after["unpooled"], strict=True)
        for a, b in zip(old, new, strict=True)
        if a
    )
    assert [[bool(v) for v in row] for row in before["unpooled"]] == [
        [bool(v) for v in row] for row in after["unpooled"]
    ]
    point(chapter, "pooled", 1, 1, 3, click=True)
    assert re.match(
        r"Unit \(1, 1\): the maximum was 7, .*The decoder's value is \d: .*not the old maximum", words(chapter)
    )
    grid(chapter, "pooled").focus()
    press(chapter, "5", "0")
    assert "The decoder's value is 50" in words(chapter)
    assert printed(copied(chapter))["unpooled"][2][3] == 50
    back = widget(chapter).get_by_role("button", name="Back to the maxima")
    back.click()
    expect(back).to_be_disabled()
    assert printed(copied(chapter)) == before


def test_shared_switches_are_shown_counted_and_explained(chapter, server):
    values = [0] * 16
    values[5] = 9
    state = {
        "size": 4,
        "pool": 3,
        "stride": 1,
        "values": values,
        "decoder": [1, 2, 3, 4],
        "part": "unpooled",
        "x": 1,
        "y": 1,
    }
    visit(chapter, f"{server}/{CHAPTER}{link(**state)}")
    assert readout(chapter, "fought") == "1"
    assert "share this switch and write 1, 2, 3 and 4. On one thread PyTorch leaves the last" in words(chapter)
    assert "set_num_threads(1)" in copied(chapter)
    assert printed(copied(chapter))["unpooled"][1][1] == 4
    expect(widget(chapter).locator(".seg-legend li", has_text="different values")).to_be_visible()
    expect(widget(chapter).locator(".seg-hint")).to_contain_text("Windows overlap")
    slide(chapter, "Stride", 3)
    expect(widget(chapter).locator(".seg-hint")).to_contain_text("never read")
    assert readout(chapter, "unread") == "7"


def test_settings_live_in_the_address_and_come_back(chapter, open_tab):
    slide(chapter, "Size", 5)
    grid(chapter, "input").focus()
    press(chapter, "ArrowLeft", "9", "9")
    chapter.wait_for_function(
        "location.hash.includes('unpooling.size=5') && location.hash.includes('unpooling.values')"
    )
    visitor = open_tab()
    visit(visitor, chapter.url)
    assert words(visitor).startswith("Input, row 2, column 2: 99.")
    widget(visitor).get_by_role("button", name="Reset").click()
    assert words(visitor).startswith("Input, row 2, column 3: 7.")
    visitor.wait_for_function("location.hash === ''")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"size": 8}, "36 values do not fill a grid of 8 × 8"),
        ({"decoder": [1, 2]}, "2 decoder values do not fill a pooled map of 3 × 3"),
        ({"part": "pooled", "x": 5}, "column 5 is not in a grid of 3 × 3"),
    ],
)
def test_a_link_with_settings_that_do_not_fit_says_so_and_shows_what_fits(page, server, settings, reason):
    visit(page, f"{server}/{CHAPTER}{link(**settings)}")
    expect(widget(page).locator(".seg-reason")).to_contain_text(reason)
    printed(copied(page))


def test_illegal_link_says_so_and_shows_the_default(page, server):
    visit(page, f"{server}/{CHAPTER}{link(pool=7)}")
    expect(widget(page).locator(".seglib-note")).to_contain_text("pool=7")
    assert readout(page, "left") == "9 of 36"


def test_keyboard_alone_reaches_every_grid(chapter):
    grid(chapter, "input").focus()
    press(chapter, "ArrowUp", "ArrowUp", "Home")
    assert words(chapter).startswith("Input, row 0, column 0: 1.")
    reached = []
    for _ in range(12):
        chapter.keyboard.press("Tab")
        label = chapter.evaluate("document.activeElement.getAttribute('aria-label') ?? ''")
        reached += [part for part in PARTS if label.startswith(f"{NAMES[part]}, a grid")]
    assert reached == list(PARTS[1:])


def test_touch_targets_and_cells_are_large_enough_on_a_phone(server, open_tab):
    page = open_tab(width=390, height=844, has_touch=True, is_mobile=True)
    visit(page, f"{server}/{CHAPTER}")
    for control in widget(page).locator("button:visible, input:visible, select:visible").all():
        assert control.bounding_box()["height"] >= 43.5
    assert grid(page, "input").bounding_box()["width"] / 6 >= 44
    grid(page, "input").scroll_into_view_if_needed()
    point_at = grid(page, "input").bounding_box()
    page.touchscreen.tap(point_at["x"] + point_at["width"] * 0.25, point_at["y"] + point_at["height"] * 0.08)
    assert words(page).startswith("Input, row 0, column 1: 8.")
