"""DilationExplorer in the built chapter: every control moved, every number compared with PyTorch."""

import pytest
from playwright.sync_api import Page, expect

from seglib.data import photograph
from seglib.widgets import DilationExplorer
from seglib.widgets.dilation import SIZE, dilated_response, filter_weights
from tests.fixtures.dilation import path_counts
from tests.site.conftest import move, settle, visit

CHAPTER = "book/dilated_convolution.html"


@pytest.fixture
def chapter(page, server) -> Page:
    visit(page, f"{server}/{CHAPTER}")
    return page


def widget(page: Page, key: str):
    return page.locator(f'.seglib-widget[data-key="{key}"]')


def slide(page: Page, key: str, label: str, value: int) -> None:
    move(widget(page, key).get_by_role("slider", name=label, exact=True), value)


def readout(page: Page, key: str, name: str) -> str:
    return widget(page, key).locator(f'[data-readout="{name}"]').inner_text().replace("−", "-")


def true_output(x: int, y: int, rate: int, kernel: int, name: str) -> float:
    image = photograph("chelsea", size=SIZE, gray=True)[0].double()
    return dilated_response(image, filter_weights(name, kernel), rate)[y, x].item()


@pytest.mark.parametrize("name", ["edges", "vertical edges", "blur"])
def test_layer_numbers_are_pytorchs_for_every_rate_and_kernel(chapter, name):
    widget(chapter, "layer").get_by_label("Weights").select_option(name)
    start = DilationExplorer()
    for kernel in (3, 5, 7):
        slide(chapter, "layer", "Kernel", kernel)
        for rate in range(1, 13):
            slide(chapter, "layer", "Rate", rate)
            span = rate * (kernel - 1) + 1
            assert readout(chapter, "layer", "span") == f"{span} × {span}"
            assert readout(chapter, "layer", "taps") == str(kernel**2)
            assert readout(chapter, "layer", "share").startswith(f"{kernel**2} of {span**2} ")
            expected = true_output(start.x, start.y, rate, kernel, name)
            assert float(readout(chapter, "layer", "output")) == pytest.approx(expected, abs=6e-4)


def test_result_picture_is_pytorchs(chapter):
    slide(chapter, "layer", "Rate", 5)
    shades = widget(chapter, "layer").locator("canvas").nth(2).evaluate(
        """canvas => {
            const { width, height } = canvas;
            const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
            const place = (share, length) => Math.floor(share * length);
            const at = (x, y) => pixels[4 * (place((y + 0.5) / 120, height) * width + place((x + 0.5) / 180, width))];
            return [[20, 20], [100, 60], [150, 90], [90, 30], [30, 100], [170, 10]].map(([x, y]) => [x, y, at(x, y)]);
        }"""
    )  # fmt: skip
    for x, y, shade in shades:
        values = [true_output(x + dx, y + dy, 5, 3, "edges") for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        low, high = (127.5 + 510 * value for value in (min(values), max(values)))
        assert max(0, low) - 3 <= shade <= min(255, high) + 3, "the canvas smooths between neighbours, no further"


def test_stack_numbers_are_pytorchs_for_every_list_and_slider(chapter):
    choices = widget(chapter, "stack").get_by_label("Rates of the stack")
    lists = choices.locator("option").all_inner_texts()
    assert len(lists) == 6
    for text in lists:
        choices.select_option(label=text)
        check_stack(chapter, [int(number) for number in text.split(":")[0].split(",")])
    choices.select_option(label=lists[0])
    for rate in (1, 3, 16):
        slide(chapter, "stack", "Layer 2", rate)
        check_stack(chapter, [2, rate, 2])


def check_stack(page: Page, rates: list[int]) -> None:
    settle(page)
    counts = path_counts(3, rates)
    field, read = len(counts), int((counts > 0).sum())
    assert readout(page, "stack", "field") == f"{field} × {field}"
    assert readout(page, "stack", "touched").startswith(f"{read**2} of {field**2} ")
    assert readout(page, "stack", "missed") == str(field**2 - read**2)


def test_layers_can_be_added_up_to_seven_and_removed_down_to_one(chapter):
    add, remove = (
        widget(chapter, "stack").get_by_role("button", name=name) for name in ("Add a layer", "Remove the last")
    )
    for _ in range(4):
        add.click()
    expect(add).to_be_disabled()
    check_stack(chapter, [2, 2, 2, 1, 1, 1, 1])
    for _ in range(6):
        remove.click()
    expect(remove).to_be_disabled()
    check_stack(chapter, [2])


def test_keyboard_alone_moves_the_slider_and_the_unit(chapter):
    rate = widget(chapter, "layer").get_by_role("slider", name="Rate")
    rate.focus()
    chapter.keyboard.press("ArrowRight")
    settle(chapter)
    assert readout(chapter, "layer", "span") == "7 × 7"
    start = DilationExplorer()
    chapter.keyboard.press("Tab")
    chapter.keyboard.press("Tab")
    chapter.keyboard.press("Tab")
    focused = chapter.evaluate("document.activeElement.tagName")
    assert focused == "CANVAS", "the close-up follows the controls"
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown"):
        chapter.keyboard.press(key)
    settle(chapter)
    expected = true_output(start.x + 9, start.y + 9, 3, 3, "edges")
    assert float(readout(chapter, "layer", "output")) == pytest.approx(expected, abs=6e-4)


def test_pointing_at_the_photograph_moves_the_unit_and_at_a_tap_shows_its_product(chapter):
    photo = widget(chapter, "layer").locator("canvas").nth(1)
    photo.scroll_into_view_if_needed()
    box = photo.bounding_box()
    chapter.mouse.move(box["x"] + 100.5 / 180 * box["width"], box["y"] + 60.5 / 120 * box["height"])
    settle(chapter)
    assert float(readout(chapter, "layer", "output")) == pytest.approx(true_output(100, 60, 2, 3, "edges"), abs=6e-4)
    near = widget(chapter, "layer").locator("canvas").nth(0).bounding_box()
    chapter.mouse.move(near["x"] + near["width"] / 2, near["y"] + near["height"] / 2)
    pixel = photograph("chelsea", size=SIZE, gray=True)[0, 60, 100].item()
    expect(widget(chapter, "layer").locator("figcaption").first).to_have_text(f"Tap: 1.000 × {pixel:.3f} = {pixel:.3f}")


def test_settings_live_in_the_address_and_come_back(chapter, server, open_tab):
    slide(chapter, "layer", "Rate", 7)
    slide(chapter, "stack", "Layer 1", 9)
    chapter.wait_for_function("location.hash.includes('layer.rate=7') && location.hash.includes('stack.rates')")
    shared = chapter.url
    visitor = open_tab()
    visit(visitor, shared)
    assert readout(visitor, "layer", "span") == "15 × 15"
    check_stack(visitor, [9, 2, 2])
    visitor.evaluate("location.hash = 'layer.rate=4'")
    visitor.wait_for_function("document.querySelector('[data-key=layer] [data-readout=span]').textContent === '9 × 9'")


def test_reset_goes_back_to_the_first_state_and_clears_the_address(chapter):
    slide(chapter, "layer", "Rate", 12)
    chapter.wait_for_function("location.hash.includes('layer.rate=12')")
    widget(chapter, "layer").get_by_role("button", name="Reset").click()
    settle(chapter)
    assert readout(chapter, "layer", "span") == "5 × 5"
    chapter.wait_for_function("location.hash === ''")


def test_illegal_link_says_so_and_shows_the_default(page, server):
    visit(page, f"{server}/{CHAPTER}#layer.rate=99")
    assert readout(page, "layer", "span") == "5 × 5"
    expect(widget(page, "layer").locator(".seglib-note")).to_contain_text("rate=99")


def test_copied_code_is_for_what_is_shown(chapter):
    slide(chapter, "layer", "Rate", 6)
    widget(chapter, "layer").get_by_role("button", name="Copy as PyTorch").click()
    code = widget(chapter, "layer").locator(".seg-code").inner_text()
    assert "dilation=6, padding=6" in code
    slide(chapter, "layer", "Rate", 3)  # the code on view follows
    assert "dilation=3, padding=3" in widget(chapter, "layer").locator(".seg-code").inner_text()
    compile(code, "copied", "exec")


def test_broken_front_end_leaves_the_picture_and_a_reason_and_the_rest_of_the_page(server, open_tab):
    page = open_tab()
    page.add_init_script("window.OffscreenCanvas = class { constructor() { throw new Error('no canvas today'); } };")
    page.goto(f"{server}/{CHAPTER}")
    page.wait_for_function("document.querySelectorAll('.seglib-widget[data-state=failed]').length === 2")
    expect(widget(page, "layer").locator(".seglib-fallback")).to_be_visible()
    expect(widget(page, "layer").locator(".seglib-note")).to_contain_text("no canvas today")
    assert widget(page, "layer").locator(".seglib").count() == 0, "no half-built card is left"
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_without_javascript_the_picture_is_there(browser, server):
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{server}/{CHAPTER}")
    picture = widget(page, "layer").locator(".seglib-fallback")
    expect(picture).to_be_visible()
    assert "cat" in picture.get_attribute("alt")
    assert picture.get_attribute("src").startswith("data:image/webp")
    page.close()
