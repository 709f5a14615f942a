"""SkipAblationExplorer in the built chapter: every control moved, every number compared with seglib's metrics."""

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from seglib import ablation
from seglib.metrics import Segmentation
from seglib.widgets import SkipAblationExplorer, skip_maps
from tests.site.conftest import settle, visit

CHAPTER = "book/skip_connections.html"
SKIPS = list(ablation.JOINS)


@pytest.fixture
def chapter(page, server) -> Page:
    visit(page, f"{server}/{CHAPTER}")
    return page


def widget(page: Page):
    return page.locator('.seglib-widget[data-key="skip_ablation"]')


def switch(page: Page, skip: str):
    return widget(page).get_by_role("button", name=f"Skip connection {skip}")


def readout(page: Page, name: str) -> str:
    return widget(page).locator(f'[data-readout="{name}"]').inner_text()


def check(page: Page, scene: int, on: int, kind: str) -> None:
    """The page shows the label map of these settings, and its scores."""
    settle(page)
    widget(page).locator(f'[data-readout="iou"]:text-is("{numbers(scene, on, kind)[1]:.3f}")').wait_for(timeout=5000)
    right, _ = numbers(scene, on, kind)
    assert readout(page, "right") == f"{100 * right:.1f} %"
    row = skip_maps.load()["scores"][kind][on]
    for i, name in enumerate(("iou", "boundary", "small")):
        mean, change = widget(page).locator(f'tr[data-row="{name}"] td').all_inner_texts()
        assert float(mean) == pytest.approx(row["means"][i], abs=6e-4)
        if on < skip_maps.ALL:
            expected = f"{row['change'][i]:+.3f} ± {row['error'][i]:.3f}".replace("-", "−")
            assert change.replace("−0.000", "+0.000") == expected.replace("−0.000", "+0.000")
        else:
            assert change == ""
    for level, skip in enumerate(SKIPS):
        expect(switch(page, skip)).to_have_attribute("aria-pressed", "true" if on >> level & 1 else "false")


def numbers(scene: int, on: int, kind: str) -> tuple[float, float]:
    score = Segmentation(5)
    truth = skip_maps.labels_of(skip_maps.load()["pictures"][skip_maps.SHOWN.index(scene)]["truth"])
    score.update(skip_maps.shown(scene, on, kind).astype(np.int64), truth.astype(np.int64))
    found = score.compute()
    return found.pixel_accuracy, found.mean_iou


def test_every_set_of_switches_shows_its_map_and_scores(chapter):
    on = 0
    check(chapter, 53, on, "mean")
    for level in (0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0):  # all sixteen, one switch at a time
        switch(chapter, SKIPS[level]).click()
        on ^= 1 << level
        check(chapter, 53, on, "mean")


def test_scenes_and_kinds_of_off(chapter):
    for scene in skip_maps.SHOWN:
        widget(chapter).get_by_label("Scene", exact=True).select_option(str(scene))
        check(chapter, scene, 0, "mean")
    for kind in ("zero", "other", "mean"):
        widget(chapter).get_by_label("One that is off carries").select_option(kind)
        check(chapter, skip_maps.SHOWN[-1], 0, kind)


def test_all_on_all_off_and_reset(chapter):
    widget(chapter).get_by_role("button", name="All on").click()
    check(chapter, 53, 15, "mean")
    widget(chapter).get_by_role("button", name="All off").click()
    check(chapter, 53, 0, "mean")
    switch(chapter, "d2c").click()
    widget(chapter).get_by_label("Scene", exact=True).select_option("16")
    check(chapter, 16, 4, "mean")
    chapter.wait_for_function("location.hash.includes('skip_ablation.scene=16')")
    widget(chapter).get_by_role("button", name="Reset").click()
    check(chapter, 53, 0, "mean")
    chapter.wait_for_function("location.hash === ''")


def test_prediction_picture_has_the_colours_of_the_labels(chapter):
    explorer = SkipAblationExplorer()
    colours = explorer.facts["colours"]
    places = [(10, 10), (100, 120), (88, 90), (40, 30), (120, 60)]
    for canvas, labels in ((1, explorer.truth()), (2, explorer.labels())):
        shades = widget(chapter).locator("canvas").nth(canvas).evaluate(
            """(canvas, places) => {
                const { width, height } = canvas;
                const pen = canvas.getContext('2d');
                const place = (index, side) => Math.floor((index + 0.5) / 128 * side);
                const at = (y, x) => pen.getImageData(place(x, width), place(y, height), 1, 1);
                return places.map(([y, x]) => [...at(y, x).data].slice(0, 3));
            }""",
            places,
        )  # fmt: skip
        assert shades == [colours[labels[y, x]] for y, x in places]


def test_pointing_and_arrow_keys_look_at_a_pixel(chapter):
    explorer = SkipAblationExplorer()
    names = explorer.facts["classes"]

    def words(y: int, x: int) -> str:
        true, got = names[explorer.truth()[y, x]], names[explorer.labels()[y, x]]
        return f"Row {y}, column {x}: {true}, predicted {got}{'' if true == got else ' ✕'}"

    canvas = widget(chapter).locator("canvas").nth(1)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    chapter.mouse.move(box["x"] + 100.5 / 128 * box["width"], box["y"] + 90.5 / 128 * box["height"])
    settle(chapter)
    assert readout(chapter, "pixel") == words(90, 100)
    chapter.mouse.move(0, 0)
    canvas.focus()
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown", "ArrowRight", "ArrowDown"):
        chapter.keyboard.press(key)
    settle(chapter)
    assert readout(chapter, "pixel") == words(100, 110)


def test_keyboard_alone_switches(chapter):
    switch(chapter, "d0c").focus()
    chapter.keyboard.press("Enter")
    check(chapter, 53, 1, "mean")
    for _ in range(3):
        chapter.keyboard.press("Tab")
    chapter.keyboard.press("Space")
    check(chapter, 53, 9, "mean")


def test_what_is_shown_is_said(chapter):
    switch(chapter, "d3c").click()
    said = widget(chapter).locator("[aria-live]")
    expect(said).to_contain_text("d0c, d1c, d2c off", timeout=3000)
    expect(said).to_contain_text("on 200 scenes")


def test_settings_live_in_the_address_and_come_back(chapter, server, open_tab):
    switch(chapter, "d1c").click()
    widget(chapter).get_by_label("One that is off carries").select_option("zero")
    chapter.wait_for_function(
        "location.hash.includes('skip_ablation.d1=true') && location.hash.includes('skip_ablation.off')"
    )
    visitor = open_tab()
    visit(visitor, chapter.url)
    check(visitor, 53, 2, "zero")


def test_illegal_link_says_so_and_shows_the_default(page, server):
    visit(page, f"{server}/{CHAPTER}#skip_ablation.scene=1&skip_ablation.d2=true")
    check(page, 53, 4, "mean")
    expect(widget(page).locator(".seglib-note")).to_contain_text("scene=1")


def test_copied_code_is_for_what_is_shown(chapter):
    switch(chapter, "d3c").click()
    widget(chapter).get_by_role("button", name="Copy as PyTorch").click()
    code = widget(chapter).locator(".seg-code")
    expect(code).to_contain_text('["d0c", "d1c", "d2c"], kind="mean", means=means')
    switch(chapter, "d0c").click()
    expect(code).to_contain_text('["d1c", "d2c"], kind="mean", means=means')  # the code on view follows
    compile(code.inner_text(), "copied", "exec")


def test_phone_has_targets_of_44_px_and_nothing_sticks_out(server, open_tab):
    page = open_tab(width=390, height=844, has_touch=True, is_mobile=True)
    visit(page, f"{server}/{CHAPTER}")
    frame = widget(page).bounding_box()
    for control in widget(page).locator("button, select").all():
        box = control.bounding_box()
        assert box["height"] >= 44
        assert box["x"] >= frame["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
