"""BilinearExplorer in the built chapter: every pixel of every setting compared with PyTorch."""

import pytest
from playwright.sync_api import Locator, Page, expect

from seglib.widgets.bilinear import GRIDS, METHODS, VALUES, output_size, upsampled
from tests.site.conftest import move, settle, visit

CHAPTER = "book/transposed_convolution.html"
KEY = "bilinear"


@pytest.fixture
def chapter(page, server) -> Page:
    visit(page, f"{server}/{CHAPTER}")
    return page


def widget(page: Page) -> Locator:
    return page.locator(f'.seglib-widget[data-key="{KEY}"]')


def slide(page: Page, label: str, value: int) -> None:
    move(widget(page).get_by_role("slider", name=label, exact=True), value)


def choose(page: Page, label: str, value: str) -> None:
    widget(page).get_by_label(label).select_option(value)
    settle(page)


def number(text: str) -> float:
    return float(text.strip("()").replace("−", "-"))


def readout(page: Page, name: str) -> str:
    return widget(page).locator(f'[data-readout="{name}"]').inner_text()


def value(page: Page) -> float:
    return number(widget(page).locator("[data-sum]").inner_text())


def table(page: Page) -> list[list[float]]:
    """Weight, value and product of the four neighbours."""
    rows = widget(page).locator("table.seg-sum tbody tr").all()
    return [[number(cell) for cell in row.locator("td").all_inner_texts()] for row in rows]


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("grid", GRIDS)
def test_pixels_are_pytorchs_and_the_products_add_up(chapter, grid, method, scale):
    slide(chapter, "Enlarge", scale)
    choose(chapter, "align_corners", grid)
    choose(chapter, "Beyond the border", method)
    if grid == "corners" and method != METHODS[0]:
        expect(widget(chapter).locator(".seg-reason")).to_contain_text("no kernel does this")
        return
    result = upsampled(grid, method, scale)
    size = output_size(grid, scale)
    assert result.shape == (size, size)
    for y, x in [(0, 0), (0, size // 2), (1, size - 1), (size // 2, 1), (size - 1, size - 1), (size // 2, size // 2)]:
        slide(chapter, "Row", y)
        slide(chapter, "Column", x)
        assert value(chapter) == pytest.approx(result[y, x].item(), abs=6e-5)
        assert number(readout(chapter, "value")) == pytest.approx(result[y, x].item(), abs=6e-4)
        rows = table(chapter)
        assert sum(weight for weight, _, _ in rows) == pytest.approx(1, abs=3e-4)
        for weight, neighbour, product in rows:
            assert product == pytest.approx(weight * neighbour, abs=6e-4)


def test_difference_between_the_methods_is_pytorchs(chapter):
    ways = [upsampled("half pixels", method, 4) for method in METHODS]
    slide(chapter, "Enlarge", 4)
    for y, x in [(0, 0), (1, 7), (2, 2), (15, 15)]:
        slide(chapter, "Row", y)
        slide(chapter, "Column", x)
        expected = (ways[0] - ways[1])[y, x].item()
        assert number(readout(chapter, "difference")) == pytest.approx(expected, abs=6e-4)
        assert number(readout(chapter, "other")) == pytest.approx(ways[1][y, x].item(), abs=6e-4)


def test_pointing_at_the_input_finds_the_nearest_pixel_and_at_the_output_that_one(chapter):
    plane, output = (widget(chapter).locator("canvas").nth(index) for index in (0, 1))
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    chapter.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 - 3)
    settle(chapter)
    assert "Output [5, " in widget(chapter).locator(".seg-sentence").inner_text()
    box = output.bounding_box()
    chapter.mouse.move(box["x"] + box["width"] * 0.955, box["y"] + box["height"] * 0.045)
    settle(chapter)
    assert value(chapter) == VALUES[0][3]
    assert "clamped" in widget(chapter).locator(".seg-sentence").inner_text()


def test_keyboard_moves_the_point_and_stops_at_the_border(chapter):
    plane = widget(chapter).locator("canvas").nth(0)
    plane.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown"):
        chapter.keyboard.press(key)
    settle(chapter)
    result = upsampled("half pixels", METHODS[0], 3)
    assert value(chapter) == pytest.approx(result[5, 6].item(), abs=6e-5)
    for _ in range(14):
        chapter.keyboard.press("ArrowLeft")
    settle(chapter)
    assert value(chapter) == pytest.approx(result[5, 0].item(), abs=6e-5)


def test_zeros_beyond_the_border_are_named(chapter):
    choose(chapter, "Beyond the border", METHODS[1])
    slide(chapter, "Row", 0)
    slide(chapter, "Column", 0)
    text = widget(chapter).locator(".seg-sentence").inner_text()
    lost = 1 - (2 / 3) ** 2
    assert f"{100 * lost:.1f} % of the weight falls on zeros" in text
    assert [neighbour for _, neighbour, _ in table(chapter)] == [0, 0, 0, VALUES[0][0]]


def test_settings_live_in_the_address_and_come_back(chapter, server, open_tab):
    slide(chapter, "Enlarge", 2)
    choose(chapter, "align_corners", "whole steps")
    slide(chapter, "Row", 6)
    chapter.wait_for_function("location.hash.includes('bilinear.y=6') && location.hash.includes('whole+steps')")
    visitor = open_tab()
    visit(visitor, chapter.url)
    result = upsampled("whole steps", METHODS[0], 2)
    assert value(visitor) == pytest.approx(result[6, 5].item(), abs=6e-5)


def test_reset_goes_back_and_clears_the_address(chapter):
    before = value(chapter)
    slide(chapter, "Enlarge", 4)
    chapter.wait_for_function("location.hash.includes('bilinear.scale=4')")
    widget(chapter).get_by_role("button", name="Reset").click()
    settle(chapter)
    assert value(chapter) == before
    chapter.wait_for_function("location.hash === ''")


def test_illegal_link_says_why_and_the_controls_lead_out(page, server):
    visit(page, f"{server}/{CHAPTER}#bilinear.grid=%22corners%22&bilinear.method=%22transposed+convolution%22")
    expect(widget(page).locator(".seg-reason")).to_be_visible()
    choose(page, "align_corners", "whole steps")
    expect(widget(page).locator(".seg-reason")).to_be_hidden()


def test_copied_code_prints_what_is_shown(chapter, capsys):
    choose(chapter, "Beyond the border", METHODS[1])
    slide(chapter, "Row", 11)
    widget(chapter).get_by_role("button", name="Copy as PyTorch").click()
    exec(compile(widget(chapter).locator(".seg-code").inner_text(), "copied", "exec"), {})
    printed = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines())
    assert float(printed["value"]) == pytest.approx(value(chapter), abs=1.1e-4)
    assert float(printed["difference"]) == pytest.approx(-number(readout(chapter, "difference")), abs=6e-4)


@pytest.mark.parametrize("width", [320, 390, 700, 1280])
def test_nothing_is_wider_than_its_card(server, open_tab, width):
    page = open_tab(width=width, height=844)
    visit(page, f"{server}/{CHAPTER}")
    wide = widget(page).evaluate(
        "place => { const card = place.querySelector('.seglib').getBoundingClientRect();"
        "return [...place.querySelectorAll('canvas, button, select, input, p, dl, table')]"
        ".filter(e => e.offsetParent && e.getBoundingClientRect().right > card.right + 0.5)"
        ".map(e => e.outerHTML.slice(0, 80)) }"
    )
    assert not wide
