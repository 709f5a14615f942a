"""ObjectSizeExplorer in the built chapter: every control moved, numbers compared with the record and with PyTorch."""

import contextlib
import io
import json
from urllib.parse import quote

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from seglib.data.scenes import SHAPES
from seglib.widgets import ObjectSizeExplorer
from seglib.widgets.base import bundle, encode_bytes
from seglib.widgets.size_sweep import INSTANCES, NETWORKS, RADII, iou, predict, recorded, scene
from tests.site.conftest import move, settle, visit

CHAPTER = "book/fcn.html"
KEY = "object_size"


@pytest.fixture
def chapter(page, server) -> Page:
    visit(page, f"{server}/{CHAPTER}")
    painted(page)
    return page


def widget(page: Page) -> Locator:
    return page.locator(f'.seglib-widget[data-key="{KEY}"]')


def painted(page: Page) -> None:
    """Wait until the scene's pictures are there; they are decoded one scene at a time."""
    expect(widget(page).locator('[data-readout="fcn8s"]')).to_contain_text("IoU")
    settle(page)


def slide(page: Page, radius: float) -> None:
    move(widget(page).get_by_role("slider", name="Radius"), RADII.index(radius))


def choose(page: Page, kind: str) -> None:
    widget(page).get_by_role("button", name=kind, exact=True).click()
    settle(page)


def readout(page: Page, name: str) -> str:
    return widget(page).locator(f'[data-readout="{name}"]').inner_text()


def check(page: Page, kind: str, radius: float, instance: int = 0) -> None:
    """Compare what is shown with the record."""
    expected = recorded().iou[instance, SHAPES.index(kind), RADII.index(radius)]
    for name, value in zip(NETWORKS, expected, strict=True):
        # 5e-7 for the rounding of the record
        assert float(readout(page, name).split()[1]) == pytest.approx(value, abs=0.0050005), (kind, radius, name)
    assert readout(page, "truth") == kind
    assert readout(page, "picture") == f"scene {instance + 1}"


def link(**settings: object) -> str:
    return "#" + "&".join(f"{KEY}.{name}={quote(json.dumps(value))}" for name, value in settings.items())


@pytest.mark.parametrize("kind", SHAPES)
def test_every_size_shows_the_iou_that_was_measured(kind, chapter):
    choose(chapter, kind)
    for radius in RADII:
        slide(chapter, radius)
        check(chapter, kind, radius)


def test_every_scene_comes_in_turn(chapter):
    another = widget(chapter).get_by_role("button", name="Another scene")
    for instance in (*range(1, INSTANCES), 0):
        another.click()
        expect(widget(chapter).locator('[data-readout="picture"]')).to_have_text(f"scene {instance + 1}")
        settle(chapter)
        check(chapter, "disc", 10, instance)


def test_details_are_those_of_the_labels(chapter):
    choose(chapter, "cross")
    slide(chapter, 64)
    drawn, label = scene("cross", 64, 0), SHAPES.index("cross") + 1
    inside = drawn.target.numpy() == label
    for name, predicted in zip(NETWORKS, recorded().labels("cross", 64, 0), strict=True):
        words = readout(chapter, f"{name}-detail")
        assert words.startswith(f"{100 * (predicted[inside] == label).mean():.0f} % found")
        assert f"{(predicted[~inside] > 0).sum()} px false" in words
        for other, shape in enumerate(SHAPES, start=1):
            share = (predicted[inside] == other).mean()
            if other != label and share >= 0.01:
                assert f"{100 * share:.0f} % called {shape}" in words


def test_picture_is_the_scene_that_the_networks_saw(chapter):
    choose(chapter, "triangle")
    slide(chapter, 24)
    shades = (
        widget(chapter)
        .locator("canvas")
        .first.evaluate(
            """canvas => {
            const { width, height } = canvas;
            const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
            const on = (i, length) => Math.floor((i + 0.5) / 128 * length);
            const at = (x, y) => 4 * (on(y, height) * width + on(x, width));
            return Array.from({ length: 128 * 128 }, (_, i) => [0, 1, 2].map(c => pixels[at(i % 128, i >> 7) + c]));
        }"""
        )
    )
    shown = np.array(shades).reshape(128, 128, 3).transpose(2, 0, 1) / 255
    difference = np.abs(shown - scene("triangle", 24, 0).image.numpy())
    assert difference.mean() < 0.03  # WebP, and the camera's noise that it smooths


def test_keyboard_alone_moves_slider_and_chart(chapter):
    slider = widget(chapter).get_by_role("slider", name="Radius")
    slider.focus()
    chapter.keyboard.press("ArrowRight")
    settle(chapter)
    check(chapter, "disc", 12)
    chart = widget(chapter).locator("canvas[tabindex]")
    chart.focus()
    for key, radius in (
        ("ArrowLeft", 10),
        ("PageUp", 20),
        ("ArrowDown", 16),
        ("Home", 2),
        ("ArrowLeft", 2),
        ("End", 128),
    ):
        chapter.keyboard.press(key)
        settle(chapter)
        check(chapter, "disc", radius)


def test_pressing_on_the_curve_chooses_the_size(chapter):
    chart = widget(chapter).locator("canvas[tabindex]")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    chapter.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    settle(chapter)
    middle = int(widget(chapter).get_by_role("slider", name="Radius").input_value())
    assert 8 <= RADII[middle] <= 24
    check(chapter, "disc", RADII[middle])
    chapter.mouse.click(box["x"] + box["width"] - 1, box["y"] + 0.5 * box["height"])
    settle(chapter)
    check(chapter, "disc", 128)


def test_settings_live_in_the_address_and_come_back(chapter, open_tab):
    choose(chapter, "square")
    slide(chapter, 2.5)
    widget(chapter).get_by_role("button", name="Another scene").click()
    chapter.wait_for_function("['kind', 'radius=2.5', 'instance=1'].every(part => location.hash.includes(part))")
    visitor = open_tab()
    visit(visitor, chapter.url)
    painted(visitor)
    check(visitor, "square", 2.5, 1)
    visitor.evaluate("location.hash = 'object_size.radius=32'")
    expect(widget(visitor).locator('[data-readout="truth-detail"]')).to_have_text("radius 32 px")
    check(visitor, "disc", 32)


def test_reset_goes_back_to_the_first_state_and_clears_the_address(chapter):
    choose(chapter, "cross")
    slide(chapter, 80)
    chapter.wait_for_function("location.hash.includes('radius=80')")
    widget(chapter).get_by_role("button", name="Reset").click()
    settle(chapter)
    check(chapter, "disc", 10)
    chapter.wait_for_function("location.hash === ''")


def test_scene_that_needs_a_kernel_says_so_and_shows_the_first(page, server):
    visit(page, f"{server}/{CHAPTER}{link(instance=40)}")
    painted(page)
    expect(widget(page).locator(".seg-reason")).to_contain_text("Scene 41 needs a kernel")
    check(page, "disc", 10)
    widget(page).get_by_role("button", name="Another scene").click()
    expect(widget(page).locator(".seg-reason")).to_be_hidden()


def test_illegal_link_says_so_and_shows_the_default(page, server):
    visit(page, f"{server}/{CHAPTER}{link(radius=7)}")
    painted(page)
    expect(widget(page).locator(".seglib-note")).to_contain_text("radius=7")
    check(page, "disc", 10)


def test_copied_code_runs_and_prints_the_numbers_shown(chapter):
    choose(chapter, "triangle")
    slide(chapter, 20)
    widget(chapter).get_by_role("button", name="Copy as PyTorch").click()
    shown = widget(chapter).locator(".seg-code")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(shown.inner_text(), "copied", "exec"), {})
    for line in printed.getvalue().splitlines():
        name, value = line.split()
        assert float(value) == pytest.approx(float(readout(chapter, name).split()[1]), abs=0.011)
    slide(chapter, 32)  # the code on view follows
    assert "radius=32" in shown.inner_text()


def test_size_and_answers_are_said_aloud(chapter):
    slide(chapter, 48)
    expect(widget(chapter).locator("[aria-live]")).to_contain_text(
        "Radius 48 pixels, disc. FCN-32s: IoU 0.", timeout=3000
    )
    assert "FCN-8s" in widget(chapter).locator("canvas[tabindex]").get_attribute("aria-label")
    for canvas in widget(chapter).locator("canvas").all():
        assert canvas.get_attribute("aria-label")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_errors_are_hatched_and_right_pixels_are_purple(dark, open_tab, server):
    page = open_tab(dark=dark)
    visit(page, f"{server}/{CHAPTER}{link(radius=96, kind='cross')}")
    painted(page)
    pane = widget(page).locator("canvas").nth(2)
    counts = pane.evaluate(
        """canvas => {
            const { width, height } = canvas;
            const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
            const like = (i, colour) => colour.reduce((sum, c, k) => sum + Math.abs(pixels[i + k] - c), 0) < 60;
            const share = (colour) => {
                let found = 0;
                for (let i = 0; i < pixels.length; i += 4) found += like(i, colour);
                return found / (width * height);
            };
            return [Math.max(share([215, 150, 185]), share([165, 105, 140])), share([213, 94, 0])];
        }"""
    )
    assert counts[0] > 0.05
    assert counts[1] > 0.02


def test_controls_are_large_enough_for_a_finger(open_tab, server):
    page = open_tab(width=390, height=844, has_touch=True)
    visit(page, f"{server}/{CHAPTER}")
    painted(page)
    for control in widget(page).locator("button, input").all():
        assert control.bounding_box()["height"] >= 44


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
        async save_changes() {
            const { extra } = await kernel("change", [values.kind, values.radius, values.instance]);
            if (extra) model.set("extra", decoded(extra));
        },
        async send(message) { model.set("answer", decoded((await kernel(message, [values.kind, values.radius, values.instance])).answer)); },
    };
    const address = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
    const el = document.body.appendChild(Object.assign(document.createElement("div"), { className: "seglib-widget" }));
    el.dataset.key = "object_size";
    await (await import(address)).default.render({ model, el });
}"""  # noqa: E501


def test_with_a_kernel_the_networks_run_and_new_scenes_come(open_tab):
    """The front end with a real widget behind it, as Jupyter connects them."""
    explorer = ObjectSizeExplorer()
    asked = []

    def kernel(message: str, settings: list) -> dict:
        explorer.kind, explorer.radius, explorer.instance = settings
        if message == "predict":
            asked.append(settings)
            explorer.predict()
        return json.loads(json.dumps({"answer": explorer.answer, "extra": explorer.extra}, default=encode_bytes))

    state = {name: getattr(explorer, name) for name in explorer.own_names()}
    page = open_tab()
    page.expose_function("kernel", kernel)
    page.set_content("<!doctype html><html lang=en><title>live</title><body>")
    page.evaluate(LIVE, json.loads(json.dumps({"esm": bundle("object_size"), "state": state}, default=encode_bytes)))
    status = widget(page).locator(".seg-status")
    expect(status).to_contain_text("Answered by PyTorch", timeout=20_000)
    check(page, "disc", 10)
    slide(page, 24)
    check(page, "disc", 24)  # at once, from the page
    expect(status).to_contain_text("Answered by PyTorch", timeout=20_000)
    assert asked[-1] == ["disc", 24, 0]
    explorer_button = widget(page).get_by_role("button", name="Another scene")
    for _ in range(INSTANCES):
        explorer_button.click()
        settle(page)
    expect(widget(page).locator('[data-readout="picture"]')).to_have_text(f"scene {INSTANCES + 1}", timeout=20_000)
    expect(widget(page).locator('[data-readout="fcn8s"]')).to_contain_text("IoU", timeout=20_000)
    drawn = scene("disc", 24, INSTANCES)
    labels = predict(drawn.image, torch.device("cpu"))
    for name, predicted in zip(NETWORKS, labels, strict=True):
        shown = float(readout(page, name).split()[1])
        assert shown == pytest.approx(iou(predicted, drawn.target.numpy(), 1), abs=0.0051)
