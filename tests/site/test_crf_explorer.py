"""CRFExplorer in the built chapter: every control moved, numbers compared with seglib.crf's exact method."""

import contextlib
import io
import json
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from seglib.widgets import CRFExplorer
from seglib.widgets.base import bundle, encode_bytes
from seglib.widgets.crf import read_scribbles
from tests.site.conftest import move, settle, visit

CHAPTER = "book/crf.html"
KEY = "crf"
SLIDERS = {  # name on the page: trait, another value
    "Iterations": ("iterations", 11),
    "appearance: weight": ("appearance", 9),
    "appearance: σ of place": ("sigma_xy", 25),
    "σ of colour": ("sigma_rgb", 40),
    "smoothness: weight": ("smoothness", 0),
    "smoothness: σ of place": ("sigma", 4),
}


@pytest.fixture
def chapter(page, server) -> Page:
    visit(page, f"{server}/{CHAPTER}")
    computed(page)
    return page


def widget(page: Page) -> Locator:
    return page.locator(f'.seglib-widget[data-key="{KEY}"]')


def computed(page: Page) -> None:
    """Wait until all iterations are there and painted."""
    settle(page)
    expect(widget(page).locator('.seglib[data-busy="false"]')).to_be_visible(timeout=20_000)
    settle(page)


def slide(page: Page, name: str, value: int) -> None:
    move(widget(page).get_by_role("slider", name=name, exact=False), value)
    computed(page)


def readout(page: Page, name: str) -> str:
    return widget(page).locator(f'[data-readout="{name}"]').inner_text().replace("\u00a0", " ")


def check(page: Page, **settings: object) -> CRFExplorer:
    """Compare table and areas with seglib."""
    expected = CRFExplorer(**settings)
    q, labels = expected.probabilities()
    for label in range(1, len(expected.names) + 1):
        shown = readout(page, f"q-{label}").replace("▸ ", "")
        if label not in labels:
            assert shown == "–"
        else:
            value = q[labels.index(label), expected.y, expected.x].item()
            assert float(shown.removesuffix(" %")) == pytest.approx(100 * value, abs=0.51)
    words = readout(page, "area")
    top = q.amax(0)
    decided = 0.85 * (top - 1 / len(labels)) / (1 - 1 / len(labels)) > 0.005  # else the page draws no colour
    for index, label in enumerate(labels):
        share = 100 * ((q.argmax(0) == index) & decided).float().mean().item()
        shown = words.split(f"{expected.names[label - 1]} ")[1].split(" %")[0]
        assert float(shown) == pytest.approx(share, abs=0.6)
    assert readout(page, "pixel") == f"Row {expected.y}, column {expected.x}, iteration {expected.iterations}"
    return expected


def link(**settings: object) -> str:
    return "#" + "&".join(f"{KEY}.{name}={quote(json.dumps(value))}" for name, value in settings.items())


def scribbles(page: Page) -> str:
    """The scribbles now shown, as the address keeps them; None while they are the first ones."""
    page.wait_for_timeout(400)
    return page.evaluate("JSON.parse(new URLSearchParams(location.hash.slice(1)).get('crf.scribbles'))")


def test_untouched_state_is_seglib_s(chapter):
    check(chapter)


def test_every_iteration_is_seglib_s(chapter):
    for iterations in (0, 1, 2, 5, 10, 20):
        slide(chapter, "Iterations", iterations)
        check(chapter, iterations=iterations)


@pytest.mark.parametrize("name", SLIDERS)
def test_every_slider_moves_something_and_gives_what_seglib_gives(name, chapter):
    before = widget(chapter).locator("table").inner_text()
    trait, value = SLIDERS[name]
    slide(chapter, name, value)
    assert widget(chapter).locator("table").inner_text() != before
    check(chapter, **{trait: value})


def test_votes_add_up_to_q(chapter):
    slide(chapter, "Iterations", 3)
    rows = {
        row: [float(readout(chapter, f"{row}-{label}").replace("−", "-")) for label in (1, 2, 3)]
        for row in ("own", "smoothness", "appearance")
    }
    logits = [sum(column) for column in zip(*rows.values(), strict=True)]
    powers = [2.718281828**logit for logit in logits]
    for label, power in enumerate(powers, start=1):
        shown = float(readout(chapter, f"q-{label}").replace("▸ ", "").removesuffix(" %"))
        assert shown == pytest.approx(100 * power / sum(powers), abs=1.5)


def test_drawing_with_the_mouse_changes_scribbles_and_labels(chapter):
    paper = widget(chapter).locator("canvas").first
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    at = lambda x, y: (box["x"] + (x + 0.5) * box["width"] / 48, box["y"] + (y + 0.5) * box["height"] / 32)  # noqa: E731
    widget(chapter).get_by_role("button", name="table").click()
    chapter.mouse.move(*at(1, 1))
    chapter.mouse.down()
    chapter.mouse.move(*at(5, 2))
    chapter.mouse.up()
    chapter.mouse.move(*at(30, 28))  # with no button down, nothing is drawn
    computed(chapter)
    text = scribbles(chapter)
    labels = read_scribbles(text)
    assert (labels[1:4, 1:7] == 3).any(0).all(), "no gaps in a fast stroke"
    assert labels[28, 30] == 0
    check(chapter, scribbles=text, x=5, y=2)


def test_drawing_with_a_finger(open_tab, server):
    page = open_tab(width=390, height=844, has_touch=True)
    visit(page, f"{server}/{CHAPTER}")
    computed(page)
    paper = widget(page).locator("canvas").first
    paper.scroll_into_view_if_needed()
    assert paper.evaluate("e => getComputedStyle(e).touchAction") == "none"
    box = paper.bounding_box()
    page.touchscreen.tap(box["x"] + 0.5 * box["width"], box["y"] + 0.95 * box["height"])
    computed(page)
    assert read_scribbles(scribbles(page))[30, 24] == 1


def test_keyboard_alone_walks_draws_and_erases(chapter):
    paper = widget(chapter).locator("canvas").first
    paper.focus()
    chapter.keyboard.press("ArrowRight")
    chapter.keyboard.press("Shift+ArrowDown")
    chapter.keyboard.press("3")
    expect(widget(chapter).get_by_role("button", name="table")).to_have_attribute("aria-pressed", "true")
    chapter.keyboard.press("Space")
    computed(chapter)
    text = scribbles(chapter)
    assert read_scribbles(text)[11:13, 28:30].tolist() == [[3, 3], [3, 3]]
    check(chapter, scribbles=text, x=28, y=11)
    chapter.keyboard.press("0")
    chapter.keyboard.press("Enter")
    computed(chapter)
    assert (
        chapter.evaluate("location.hash.includes('scribbles')") is False
        or read_scribbles(scribbles(chapter))[11, 28] == 0
    )


def test_pointing_at_the_answer_and_at_the_voices_looks_at_a_pixel(chapter):
    for number, (x, y) in ((1, (40, 8)), (2, (10, 20))):
        canvas = widget(chapter).locator("canvas").nth(number)
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        canvas.click(position={"x": (x + 0.5) * box["width"] / 48, "y": (y + 0.5) * box["height"] / 32})
        computed(chapter)
        check(chapter, x=x, y=y)
    chapter.keyboard.press("ArrowUp")
    computed(chapter)
    check(chapter, x=10, y=19)


def test_with_fewer_than_two_labels_the_page_says_why_nothing_happens(chapter):
    reason = widget(chapter).locator(".seg-reason")
    expect(reason).to_be_hidden()
    widget(chapter).get_by_role("button", name="Clear").click()
    computed(chapter)
    expect(reason).to_contain_text("Without a scribble there is nothing to decide")
    widget(chapter).locator("canvas").first.focus()
    chapter.keyboard.press("Space")
    computed(chapter)
    expect(reason).to_contain_text("With one label there is nothing to decide")
    assert readout(chapter, "q-1") == "–"
    chapter.keyboard.press("2")
    chapter.keyboard.press("Shift+ArrowDown")
    chapter.keyboard.press("Space")
    computed(chapter)
    expect(reason).to_be_hidden()
    check(chapter, scribbles=scribbles(chapter), x=27, y=11)


def test_settings_live_in_the_address_and_come_back(chapter, open_tab):
    slide(chapter, "Iterations", 7)
    slide(chapter, "σ of colour", 30)
    widget(chapter).locator("canvas").nth(1).focus()
    chapter.keyboard.press("ArrowDown")
    chapter.wait_for_function("['iterations=7', 'sigma_rgb=30', 'y=7'].every(part => location.hash.includes(part))")
    visitor = open_tab()
    visit(visitor, chapter.url)
    computed(visitor)
    check(visitor, iterations=7, sigma_rgb=30, y=7)


def test_reset_goes_back_to_the_first_state_and_clears_the_address(chapter):
    slide(chapter, "Iterations", 15)
    widget(chapter).get_by_role("button", name="Clear").click()
    chapter.wait_for_function("location.hash.includes('iterations')")
    widget(chapter).get_by_role("button", name="Reset").click()
    computed(chapter)
    check(chapter)
    chapter.wait_for_function("location.hash === ''")


def test_illegal_links_say_so_and_show_the_default(page, server):
    visit(page, f"{server}/{CHAPTER}{link(iterations=21)}")
    computed(page)
    expect(widget(page).locator(".seglib-note")).to_contain_text("iterations=21")
    check(page)


def test_scribbles_that_are_none_are_explained(page, server):
    visit(page, f"{server}/{CHAPTER}{link(scribbles='9z')}")
    computed(page)
    expect(widget(page).locator(".seg-reason")).to_contain_text("cannot be read")
    check(page)


def test_copied_code_runs_and_prints_the_numbers_shown(chapter):
    slide(chapter, "Iterations", 6)
    widget(chapter).get_by_role("button", name="Copy as PyTorch").click()
    shown = widget(chapter).locator(".seg-code")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(shown.inner_text(), "copied", "exec"), {})
    for label, line in enumerate(printed.getvalue().splitlines(), start=1):
        value = float(line.rsplit(" ", 1)[1])
        assert float(readout(chapter, f"q-{label}").replace("▸ ", "").removesuffix(" %")) == pytest.approx(
            100 * value, abs=0.6
        )
    slide(chapter, "σ of colour", 33)  # the code on view follows
    assert "33" in shown.inner_text()


def test_state_is_said_aloud(chapter):
    slide(chapter, "Iterations", 9)
    expect(widget(chapter).locator("[aria-live]")).to_contain_text("Iteration 9.", timeout=3000)
    for canvas in widget(chapter).locator("canvas").all():
        assert canvas.get_attribute("aria-label")


def test_controls_are_large_enough_for_a_finger(open_tab, server):
    page = open_tab(width=390, height=844, has_touch=True)
    visit(page, f"{server}/{CHAPTER}")
    for control in widget(page).locator("button, input").all():
        assert control.bounding_box()["height"] >= 44


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_labels_are_coloured_and_textured(dark, open_tab, server):
    page = open_tab(dark=dark)
    visit(page, f"{server}/{CHAPTER}{link(iterations=20)}")
    computed(page)
    shares = (
        widget(page)
        .locator("canvas")
        .nth(1)
        .evaluate(
            """canvas => {
            const { width, height } = canvas;
            const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
            const near = (i, colour) => colour.every((c, k) => Math.abs(pixels[i + k] - c) < 45);
            const share = (colour) => {
                let found = 0;
                for (let i = 0; i < pixels.length; i += 4) found += near(i, colour);
                return found / (width * height);
            };
            return [[86, 180, 233], [240, 228, 66], [0, 158, 115], [0, 90, 66]].map(share);
        }"""
        )
    )
    assert shares[0] > 0.2
    assert shares[1] > 0.01
    assert shares[2] > 0.1
    assert shares[3] > 0.01, "stripes over the third label"


def test_slider_of_iterations_repaints_from_what_is_kept(chapter):
    """A step of the slider does no mean field: it must be far below the time that one takes."""
    milliseconds = widget(chapter).evaluate(
        """async (el) => {
            const slider = el.querySelector('input[type=range]');
            const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            const times = [];
            for (let t = 0; t <= 20; t++) {
                const start = performance.now();
                slider.value = t;
                slider.dispatchEvent(new Event('input', { bubbles: true }));
                await Promise.resolve(); // the repaint of one cheap enough waits in a microtask
                times.push(performance.now() - start);
                await frame();
            }
            return times.sort((a, b) => a - b)[10];
        }"""
    )
    assert milliseconds < 50, "the median step"  # 16 ms on a quiet machine; see benchmarks/slider_latency.txt
    assert widget(chapter).locator(".seglib").get_attribute("data-busy") == "false"


LIVE = """async ({ esm, state }) => {
    const bytes = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
    const decoded = (value) => value?.$bytes ? bytes(value.$bytes)
        : value && value.constructor === Object ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decoded(v)])) : value;
    const values = decoded(state), listeners = {};
    const model = {
        get: (name) => values[name],
        set: (name, value) => { values[name] = value; (listeners["change:" + name] ?? []).forEach((listener) => listener()); },
        on: (event, listener) => (listeners[event] ??= []).push(listener),
        off() {},
        save_changes() {},
        async send(message) { model.set("answer", decoded(await kernel(message, values.iterations))); },
    };
    const address = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
    const el = document.body.appendChild(Object.assign(document.createElement("div"), { className: "seglib-widget" }));
    el.dataset.key = "crf";
    await (await import(address)).default.render({ model, el });
}"""  # noqa: E501


def test_with_a_kernel_the_large_photograph_is_labelled(open_tab):
    """The front end with a real widget behind it, as Jupyter connects them."""
    explorer = CRFExplorer()

    def kernel(message: str, iterations: int) -> dict:
        assert message == "refine"
        explorer.iterations = iterations
        explorer.refine()
        return json.loads(json.dumps(explorer.answer, default=encode_bytes))

    state = {name: getattr(explorer, name) for name in explorer.own_names()}
    page = open_tab()
    page.expose_function("kernel", kernel)
    page.set_content("<!doctype html><html lang=en><title>live</title><body>")
    page.evaluate(LIVE, json.loads(json.dumps({"esm": bundle("crf"), "state": state}, default=encode_bytes)))
    slide(page, "Iterations", 8)
    widget(page).get_by_role("button", name="Label 384 × 256 pixels").click()
    expect(widget(page).locator(".seg-status")).to_contain_text("Labelled by seglib.crf on", timeout=20_000)
    expect(widget(page).locator("figcaption").nth(1)).to_contain_text("384 × 256 pixels after 8 iterations")
    slide(page, "Iterations", 9)  # another setting: back to the page's own arithmetic
    expect(widget(page).locator("figcaption").nth(1)).to_contain_text("Labels after 9 iterations")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_table_and_values_fit(width, open_tab, server):
    page = open_tab(width=width)
    visit(page, f"{server}/{CHAPTER}{link(iterations=20)}")
    computed(page)
    wide = widget(page).evaluate(
        """el => {
            const right = (e) => e.getBoundingClientRect().right;
            return [...el.querySelectorAll('table, output')]
                .filter(e => e.scrollWidth > e.clientWidth + 1 || right(e) > right(e.parentElement) + 1)
                .map(e => e.textContent);
        }"""
    )
    assert not wide


def test_second_explorer_shows_a_built_in_photograph_and_the_page_says_why(chapter):
    assert chapter.locator('.seglib-widget[data-key="own"]').get_by_role("button", name="suit").count() == 1
    assert "needs a kernel" in chapter.locator(".bd-article").inner_text()
