"""TransposedConvolutionExplorer in the built chapter: every control moved, every number compared with PyTorch."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from seglib.widgets.transposed_convolution import enlarged, input_values, kernel_weights, refusal
from tests.site.conftest import move, settle, visit

CHAPTER = "book/transposed_convolution.html"
KEY = "transposed_convolution"
START = {"size": 3, "kernel": 3, "stride": 2, "padding": 0, "output_padding": 0}
LABELS = {"size": "Input size", "kernel": "Kernel", "stride": "Stride", "padding": "Padding"}


@pytest.fixture
def chapter(page, server) -> Page:
    visit(page, f"{server}/{CHAPTER}")
    return page


def widget(page: Page, key: str = KEY) -> Locator:
    return page.locator(f'.seglib-widget[data-key="{key}"]')


def slide(page: Page, label: str, value: int, key: str = KEY) -> None:
    move(widget(page, key).get_by_role("slider", name=label, exact=True), value)


def readout(page: Page, name: str, key: str = KEY) -> str:
    return widget(page, key).locator(f'[data-readout="{name}"]').inner_text()


def sentence(page: Page, key: str = KEY) -> str:
    return widget(page, key).locator(".seg-sentence").inner_text()


def link(key: str = KEY, **settings: Any) -> str:
    return "#" + "&".join(f"{key}.{name}={quote(json.dumps(value))}" for name, value in settings.items())


def truth(dims: str = "grid", weights: str = "numbers", values: str = "numbers", **layer: int):
    steps = {name: layer[name] for name in ("stride", "padding", "output_padding")}
    given = input_values(values, layer["size"], dims), kernel_weights(weights, layer["kernel"], dims)
    return enlarged(*given, dims=dims, **steps)


def shown_code(page: Page, key: str = KEY) -> str:
    return widget(page, key).locator(".seg-code").inner_text()


@pytest.mark.parametrize("name", [*LABELS, "output_padding"])
def test_every_slider_over_its_whole_range(chapter, name):
    ranges = {"size": range(2, 6), "kernel": range(1, 6), "stride": range(1, 5), "padding": range(5)}
    for value in ranges.get(name, range(4)):
        slide(chapter, LABELS.get(name, name), value)
        layer = {**START, name: value}
        why = widget(chapter).locator(".seg-reason")
        if refusal(**layer):
            expect(why).to_be_visible()
            assert "PyTorch" in why.inner_text()
            assert readout(chapter, "size") == "none"
            continue
        expect(why).to_be_hidden()
        result = truth(**layer)
        assert readout(chapter, "size") == " × ".join(map(str, result.shape))
        assert readout(chapter, "formula").endswith(f"= {result.shape[1]}")


def test_every_output_number_is_pytorchs(chapter):
    widget(chapter).get_by_role("button", name="2 Insert zeros").click()
    settle(chapter)
    result = truth(**START).flatten().tolist()
    for step, value in enumerate(result):
        slide(chapter, "Step", step + 1)
        assert f"= {value:g}." in sentence(chapter)
        assert sentence(chapter).startswith(f"Output [{step // 7}, {step % 7}]")


def test_illegal_settings_say_why_and_legal_ones_come_back(chapter):
    slide(chapter, "output_padding", 2)
    why = widget(chapter).locator(".seg-reason")
    expect(why).to_contain_text("output padding must be smaller than either stride or dilation")
    assert "output_padding is 2, stride 2" in why.inner_text()
    expect(widget(chapter).get_by_role("button", name="Play")).to_be_disabled()
    slide(chapter, "Stride", 3)
    expect(why).to_be_hidden()
    assert readout(chapter, "size") == "11 × 11"
    slide(chapter, "output_padding", 0)
    slide(chapter, "Stride", 1)
    slide(chapter, "Kernel", 1)
    slide(chapter, "Padding", 4)
    expect(why).to_contain_text("Calculated output size per channel: (-5 x -5). Output size is too small")


def test_selects_change_weights_input_and_shape(chapter):
    widget(chapter).get_by_label("Weights").select_option("bilinear")
    widget(chapter).get_by_label("Input", exact=True).select_option("ones")
    settle(chapter)
    assert "is 1: 1 times the kernel" in sentence(chapter)
    widget(chapter).get_by_label("Shape").select_option("row")
    settle(chapter)
    assert readout(chapter, "size") == "7"
    assert readout(chapter, "entries") == "9 of 21 not 0"


def test_tabs_show_three_views_of_the_same_output(chapter):
    for name, start in (("2 Insert", "Output [2, 2] = "), ("3 Multiply", "Row 16 makes output [2, 2] = ")):
        widget(chapter).get_by_role("button", name=name).click()
        settle(chapter)
        assert sentence(chapter).startswith(f"{start}2 · 9 + 1 · 7 + 0 · 3 + 3 · 1 = 28.")
        pressed = widget(chapter).locator('.seg-tabs button[aria-pressed="true"]')
        assert pressed.inner_text().startswith(name)


def test_writers_are_counted(chapter):
    assert readout(chapter, "writers") == "1 to 4, uneven: k/s = 1.5"
    slide(chapter, "Kernel", 4)
    assert readout(chapter, "writers") == "1 to 4, even inside: k/s = 2"
    slide(chapter, "Stride", 4)
    assert readout(chapter, "writers") == "1 to 1, even inside: k/s = 1"
    slide(chapter, "Kernel", 2)
    assert readout(chapter, "writers") == "0 to 1, gaps: k/s = 0.5"


def test_pointing_at_an_output_names_its_writers_and_at_an_input_moves_the_stamp(chapter):
    canvases = widget(chapter).locator("canvas")
    output = canvases.nth(4)
    output.scroll_into_view_if_needed()
    box = output.bounding_box()
    chapter.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settle(chapter)
    assert sentence(chapter) == "Output [3, 3] has 1 writer: 3 · 5 = 15."
    first = canvases.nth(0)
    first.scroll_into_view_if_needed()
    box = first.bounding_box()
    chapter.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 40)
    settle(chapter)
    assert sentence(chapter).startswith("Input [2, 1] is 2: 2 times the kernel is added at rows 4 to 6")


def test_keyboard_reaches_every_picture_that_can_be_pointed_at(chapter):
    for index, expected in ((0, "Input [1, 2] is 1"), (2, "Output [2, 3]"), (4, "Output [2, 4]")):
        canvas = widget(chapter).locator("canvas").nth(index)
        canvas.focus()
        chapter.keyboard.press("ArrowRight")
        settle(chapter)
        assert sentence(chapter).startswith(expected)
    matrix = widget(chapter, "matrix").locator("canvas").nth(3)
    matrix.focus()
    for key in ("ArrowDown", "ArrowRight"):
        chapter.keyboard.press(key)
    settle(chapter)
    assert sentence(chapter, "matrix").startswith("Row 5 makes output [5]")
    assert "Column 2 is what input [2] writes" in sentence(chapter, "matrix")


def test_pointing_at_the_matrix_lights_a_row_and_a_column(chapter):
    matrix = widget(chapter, "matrix").locator("canvas").nth(3)
    matrix.scroll_into_view_if_needed()
    box = matrix.bounding_box()
    row, column = 9, 4
    # the page's own layout: 11 rows of 5 cells under the input's values, and the output's beside them
    wide = min(46, (box["width"] - 72) / 5)
    high = min(30, (box["height"] - 60) / 11, wide)
    left = (box["width"] - 5 * wide - 48) / 2
    chapter.mouse.move(box["x"] + left + (column + 0.5) * wide, box["y"] + 49 + (row + 0.5) * high)
    settle(chapter)
    entry = truth(dims="row", **{**START, "size": 5}).flatten().tolist()[row]
    assert sentence(chapter, "matrix").startswith(f"Row {row} makes output [{row}]")
    assert f"= {entry:g}." in sentence(chapter, "matrix")
    assert f"Column {column} is" in sentence(chapter, "matrix")


def test_play_goes_through_all_inputs_and_stops(chapter):
    slide(chapter, "Step", 7)
    play = widget(chapter).get_by_role("button", name="Play")
    play.click()
    expect(widget(chapter).get_by_role("button", name="Pause")).to_be_visible()
    chapter.wait_for_function(
        f"document.querySelector('[data-key={KEY}] .seg-sentence').textContent.startsWith('Input [2, 2]')",
        timeout=10_000,
    )
    expect(play).to_be_visible()


def test_play_can_be_paused_and_any_setting_pauses_it(chapter):
    widget(chapter).get_by_role("button", name="Play").click()
    widget(chapter).get_by_role("button", name="Pause").click()
    expect(widget(chapter).get_by_role("button", name="Play")).to_be_visible()
    widget(chapter).get_by_role("button", name="Play").click()
    slide(chapter, "Kernel", 2)
    expect(widget(chapter).get_by_role("button", name="Play")).to_be_visible()


def test_who_wants_no_motion_steps_by_hand(server, open_tab):
    page = open_tab(reduced_motion="reduce")
    visit(page, f"{server}/{CHAPTER}")
    step = widget(page).get_by_role("button", name="Next step")
    step.click()
    settle(page)
    assert sentence(page).startswith("Input [1, 2]")
    page.wait_for_timeout(900)
    assert sentence(page).startswith("Input [1, 2]"), "nothing moves by itself"


def test_output_picture_is_as_dark_as_its_numbers(chapter):
    """Two cells of the output, read from the canvas: the larger number is the darker green."""
    slide(chapter, "Step", 9)
    widget(chapter).get_by_role("button", name="3 Multiply").click()
    settle(chapter)
    reds = widget(chapter).locator("canvas").nth(4).evaluate(
        """canvas => {
            const { width, height } = canvas;
            const place = (index, length) => length / 2 + (index - 3.35) * (length / 7.3);
            const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
            return [[0, 0], [4, 4]].map(([r, c]) => {
                const [x, y] = [place(c, width), place(r, height)].map(Math.round);
                return pixels[4 * (y * width + x)];
            });
        }"""
    )  # fmt: skip
    assert reds[0] > reds[1] + 20, "2 is paler than 42"


def test_settings_live_in_the_address_and_come_back(chapter, server, open_tab):
    slide(chapter, "Stride", 3)
    slide(chapter, "Step", 2)
    widget(chapter).get_by_role("button", name="2 Insert").click()
    chapter.wait_for_function(
        f"location.hash.includes('{KEY}.stride=3') && location.hash.includes('{KEY}.view=%22zeros%22')"
    )
    visitor = open_tab()
    visit(visitor, chapter.url)
    assert readout(visitor, "size") == "9 × 9"
    assert sentence(visitor).startswith("Output [2, 2]")
    visitor.evaluate(f"location.hash = '{KEY}.stride=4'")
    visitor.wait_for_function(
        f"document.querySelector('[data-key={KEY}] [data-readout=size]').textContent === '11 × 11'"
    )
    assert sentence(visitor).startswith("Input [1, 1]")


def test_link_with_settings_that_do_not_go_together_says_why(page, server):
    visit(page, f"{server}/{CHAPTER}{link(stride=1, output_padding=1)}")
    expect(widget(page).locator(".seg-reason")).to_contain_text("output_padding is 1, stride 1")
    slide(page, "Stride", 2)
    expect(widget(page).locator(".seg-reason")).to_be_hidden()
    assert readout(page, "size") == "8 × 8"


def test_cells_that_are_not_there_become_the_last(page, server):
    visit(page, f"{server}/{CHAPTER}{link(input=[4, 4], view='scatter')}")
    assert sentence(page).startswith("Input [2, 2]")


def test_reset_goes_back_to_the_first_state_and_clears_the_address(chapter):
    slide(chapter, "Kernel", 5)
    chapter.wait_for_function(f"location.hash.includes('{KEY}.kernel=5')")
    widget(chapter).get_by_role("button", name="Reset").click()
    settle(chapter)
    assert readout(chapter, "size") == "7 × 7"
    chapter.wait_for_function("location.hash === ''")


def test_copied_code_is_for_what_is_shown(chapter, capsys):
    slide(chapter, "Stride", 3)
    slide(chapter, "Padding", 1)
    widget(chapter).get_by_role("button", name="Copy as PyTorch").click()
    exec(compile(shown_code(chapter), "copied", "exec"), {})
    first, *rows = capsys.readouterr().out.splitlines()
    assert first == "size 7 7"
    expected = truth(**{**START, "stride": 3, "padding": 1})
    assert [[float(number) for number in row.split()] for row in rows] == expected.tolist()
    slide(chapter, "output_padding", 3)
    assert shown_code(chapter).startswith("# PyTorch: “output padding must be smaller")
    slide(chapter, "output_padding", 1)
    assert "output_padding=1" in shown_code(chapter)


@pytest.mark.parametrize("width", [320, 390, 700, 1280])
def test_nothing_is_wider_than_its_card(server, open_tab, width):
    page = open_tab(width=width, height=844)
    visit(page, f"{server}/{CHAPTER}")
    for key in (KEY, "zeros", "matrix"):
        wide = widget(page, key).evaluate(
            "place => { const card = place.querySelector('.seglib').getBoundingClientRect();"
            "return [...place.querySelectorAll('canvas, button, select, input, p, dl')]"
            ".filter(e => e.offsetParent && e.getBoundingClientRect().right > card.right + 0.5)"
            ".map(e => e.outerHTML.slice(0, 80)) }"
        )
        assert not wide
