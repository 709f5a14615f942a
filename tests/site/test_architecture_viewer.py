"""ArchitectureViewer in the built chapter, and two networks side by side on a page of their own."""

import contextlib
import io
import re
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from seglib import models
from seglib.models.summary import Summary
from seglib.widgets import ArchitectureViewer
from tests.site.conftest import move, settle, visit
from tools import ROOT

CHAPTER = "book/deconvnet.html"
AXE = ROOT / "node_modules/axe-core/axe.min.js"


@cache
def truth(
    name: str = "deconvnet", input_size: tuple[int, int] | None = None, num_classes: int | None = None
) -> Summary:
    return models.describe(name, input_size=input_size, num_classes=num_classes)


@cache
def viewer(*names: str) -> ArchitectureViewer:
    return ArchitectureViewer(*names, key="net")


@pytest.fixture
def chapter(page, server) -> Page:
    visit(page, f"{server}/{CHAPTER}")
    return page


@pytest.fixture
def alone(tmp_path, open_tab):
    """Opens a page that holds one viewer and nothing else."""

    def opened(*names: str, fragment: str = "", **options: object) -> Page:
        file: Path = tmp_path / "viewer.html"
        head = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        )
        file.write_text(f"{head}<title>Viewer</title><main>{viewer(*names).static_html()}</main></html>", "utf-8")
        tab = open_tab(**options)
        visit(tab, file.as_uri() + fragment)
        return tab

    return opened


def widget(page: Page):
    return page.locator('.seglib-widget[data-key="net"]')


def readout(page: Page, name: str, network: int = 0) -> str:
    return widget(page).locator(f'[data-readout="{name}-{network}"]').inner_text().replace("\u00a0", " ")


def choose(page: Page, column: int) -> None:
    move(widget(page).get_by_role("slider", name="Layer"), column)


def name_shown(page: Page, network: int = 0) -> str:
    return readout(page, "name", network).splitlines()[-1]


def check(page: Page, summary: Summary, label: str, network: int = 0) -> None:
    """What the table shows of a layer, against `describe`."""
    row = summary[label]
    assert name_shown(page, network) == label
    assert readout(page, "type", network).startswith(row.type)
    assert readout(page, "output", network) == " × ".join(map(str, row.shape))
    parameters = row.trainable + row.frozen
    whole = summary.trainable + summary.frozen
    shown = readout(page, "parameters", network)
    assert shown.startswith(f"{parameters:,} (" if parameters else "none")
    if parameters / whole > 0.1:
        assert f"({round(100 * parameters / whole)} % of all)" in shown
    assert readout(page, "macs", network).startswith(f"{row.macs:,} (" if row.macs else "none")
    assert readout(page, "memory", network).startswith(f"{row.memory:,} bytes" if row.memory else "none of its own")
    sees = [str(height) for height in sorted({height for height, _ in row.sizes})]
    assert re.findall(r"\d+", readout(page, "sees", network)) == [*sees, str(row.jump[0])]


def test_header_has_describes_totals(chapter):
    summary = truth()
    cell = widget(chapter).locator('[data-total="parameters-0"]')
    assert cell.get_attribute("title") == f"{summary.trainable:,}"
    assert cell.inner_text() == "252 M"
    assert widget(chapter).locator('[data-total="macs-0"]').get_attribute("title") == f"{summary.macs:,}"
    assert widget(chapter).locator('[data-total="memory-0"]').get_attribute("title") == f"{summary.memory:,} bytes"
    assert widget(chapter).locator('[data-total="sees-0"]').inner_text() == "756 or 788 px"


def test_slider_reaches_every_block_and_shows_its_numbers(chapter):
    graph = viewer("deconvnet").graphs[0]
    slider = widget(chapter).get_by_role("slider", name="Layer")
    assert slider.get_attribute("max") == str(len(graph.blocks) - 1)
    for number, block in enumerate(graph.blocks):
        choose(chapter, number)
        check(chapter, truth(), graph.ids[block.leader])
        assert slider.get_attribute("aria-valuetext") == graph.ids[block.leader]


def test_untouched_state_shows_the_heaviest_layer(chapter):
    check(chapter, truth(), "fc6")
    expect(widget(chapter)).to_contain_text("Stage 6 of 11: fc6 to fc6_deconv")


def test_colours_change_the_picture_and_the_legend(chapter):
    canvas = widget(chapter).locator("canvas")
    seen = set()
    for name in ("Kind", "Parameters", "MACs", "Memory", "Field"):
        widget(chapter).get_by_role("button", name=name, exact=True).click()
        settle(chapter)
        assert widget(chapter).locator('.seg-views [aria-pressed="true"]').all_inner_texts() == [name]
        seen.add(canvas.evaluate("e => e.toDataURL()"))
    assert len(seen) == 5
    widget(chapter).get_by_role("button", name="Parameters", exact=True).click()
    settle(chapter)
    expect(widget(chapter).locator(".seg-legend")).to_contain_text("the more parameters")
    expect(widget(chapter).locator(".seg-block", has_text="fc7")).to_contain_text("16.8 M")


def test_keyboard_walks_by_layers_and_stages(chapter):
    canvas = widget(chapter).locator("canvas")
    canvas.focus()
    assert canvas.evaluate("e => getComputedStyle(e).outlineStyle") == "solid", "focus can be seen"
    for key, label in (
        ("ArrowRight", "fc7"), ("ArrowLeft", "fc6"), ("ArrowLeft", "pool5"), ("PageDown", "fc6"),
        ("PageDown", "unpool5"),
        ("Home", "conv1_1"), ("ArrowLeft", "conv1_1"), ("PageUp", "conv1_1"), ("End", "seg_score_voc"),
        ("ArrowRight", "seg_score_voc"), ("PageDown", "seg_score_voc"),
    ):  # fmt: skip
        chapter.keyboard.press(key)
        settle(chapter)
        assert name_shown(chapter) == label, key


def test_pressing_a_block_of_the_overview_chooses_it(chapter):
    canvas = widget(chapter).locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    chapter.mouse.click(box["x"] + 3, box["y"] + box["height"] / 2)
    settle(chapter)
    assert name_shown(chapter) == "conv1_1"
    chapter.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    settle(chapter)
    assert name_shown(chapter) == "seg_score_voc"
    chapter.mouse.move(box["x"] + 3, box["y"] + box["height"] / 2)
    settle(chapter)
    assert name_shown(chapter) == "seg_score_voc", "looking moves nothing"


def test_stage_parts_and_links_lead_to_layers(chapter):
    widget(chapter).locator(".seg-block", has_text="fc6_deconv").click()
    settle(chapter)
    check(chapter, truth(), "fc6_deconv")
    widget(chapter).locator('[data-part="parts"]').get_by_role("button", name="fc6_deconv_bn").click()
    settle(chapter)
    check(chapter, truth(), "fc6_deconv_bn")
    widget(chapter).locator('[data-part="links"]').get_by_role("button", name="fc6_deconv_relu").click()
    settle(chapter)
    check(chapter, truth(), "fc6_deconv_relu")
    widget(chapter).locator('[data-part="links"]').get_by_role("button", name="unpool5").click()
    settle(chapter)
    check(chapter, truth(), "unpool5")
    expect(widget(chapter).locator('[data-part="links"]')).to_contain_text("pool5 (its switches)")
    expect(widget(chapter)).to_contain_text("Stage 7 of 11: unpool5 to deconv5_3")


def test_settings_live_in_the_address_and_come_back(chapter, server, open_tab):
    choose(chapter, 0)
    widget(chapter).get_by_role("button", name="Memory", exact=True).click()
    chapter.wait_for_function("location.hash.includes('conv1_1') && location.hash.includes('memory')")
    visitor = open_tab()
    visit(visitor, chapter.url)
    check(visitor, truth(), "conv1_1")
    assert widget(visitor).locator('.seg-views [aria-pressed="true"]').inner_text() == "Memory"


@pytest.mark.parametrize("hash_", ["net.layer=%22conv9%22", "net.layer=7", "net.network=1", "net.colour=%22red%22"])
def test_link_to_what_is_not_there_shows_the_default(hash_, page, server):
    visit(page, f"{server}/{CHAPTER}#{hash_}")
    check(page, truth(), "fc6")


def test_reset_goes_back_to_the_first_state_and_clears_the_address(chapter):
    choose(chapter, 3)
    widget(chapter).get_by_role("button", name="Field", exact=True).click()
    chapter.wait_for_function("location.hash.includes('field')")
    widget(chapter).get_by_role("button", name="Reset").click()
    settle(chapter)
    check(chapter, truth(), "fc6")
    assert widget(chapter).locator('.seg-views [aria-pressed="true"]').inner_text() == "Kind"
    chapter.wait_for_function("location.hash === ''")


def test_copied_code_is_for_what_is_shown_and_prints_it(chapter):
    choose(chapter, 22)
    label = name_shown(chapter)
    widget(chapter).get_by_role("button", name="Copy as PyTorch").click()
    code = widget(chapter).locator(".seg-code").inner_text()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "copied", "exec"), {})
    lines = dict(line.split(" ", 1) for line in printed.getvalue().splitlines())
    assert lines["layer"].startswith(label)
    assert lines["output"].replace(" ", " × ") == readout(chapter, "output")
    assert f"{int(lines['parameters'].split()[0]):,}" in readout(chapter, "parameters")
    choose(chapter, 0)  # the code on view follows
    assert 'row.label == "conv1_1"' in widget(chapter).locator(".seg-code").inner_text()


def test_screen_reader_hears_where_the_reader_has_come_to_rest(chapter):
    choose(chapter, 0)
    expect(widget(chapter).locator("[aria-live]")).to_contain_text("conv1_1, Conv2d, 3 × 3", timeout=3000)
    assert "40 blocks in 11 stages" in widget(chapter).locator("canvas").get_attribute("aria-label")


class TestTwoNetworks:
    def test_counterparts_and_gaps_are_shown(self, alone):
        page = alone("deconvnet", "segnet")
        segnet = truth("segnet", (224, 224), 21)
        assert name_shown(page, 1) == "removed here"
        assert readout(page, "parameters", 1) == "–"
        assert widget(page).locator(".seg-gap").all_inner_texts() == ["removed"] * 3
        choose(page, 0)
        check(page, truth(), "conv1_1")
        check(page, segnet, "conv1_1", network=1)
        choose(page, 22)
        check(page, truth(), "deconv5_1")
        check(page, segnet, "conv5_3_D", network=1)
        assert widget(page).locator('.seg-block[aria-pressed="true"]').count() == 1
        assert widget(page).locator(".seg-block[data-counterpart]").count() == 1

    def test_keys_and_pointer_change_the_network(self, alone):
        page = alone("deconvnet", "segnet")
        choose(page, 0)
        widget(page).locator("canvas").focus()
        page.keyboard.press("ArrowDown")
        settle(page)
        page.keyboard.press("ArrowRight")
        page.wait_for_function("location.hash.includes('net.network=1') && location.hash.includes('conv1_2')")
        assert "Stage 1 of 10 of SegNet" in widget(page).inner_text()
        box = widget(page).locator("canvas").bounding_box()
        page.mouse.click(box["x"] + 3, box["y"] + box["height"] * 0.3)
        settle(page)
        assert "Stage 1 of 11 of DeconvNet" in widget(page).inner_text()

    def test_layer_that_only_the_other_has(self, alone):
        page = alone("segnet", "deconvnet", fragment="#net.network=1&net.layer=%22fc7%22")
        assert name_shown(page, 0) == "not in SegNet"
        assert name_shown(page, 1) == "fc7"

    def test_fits_a_phone_and_has_nothing_that_axe_minds(self, alone):
        for dark in (False, True):
            page = alone("deconvnet", "segnet", width=390, height=844, dark=dark, has_touch=True)
            assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
            page.add_script_tag(path=str(AXE))
            result = page.evaluate("axe.run('main', { resultTypes: ['violations'] })")
            wrong = [f"{rule['id']}: {node['html'][:120]}" for rule in result["violations"] for node in rule["nodes"]]
            assert not wrong, "\n".join(wrong)

    def test_a_network_of_hundreds_of_layers_stays_usable(self, alone):
        page = alone("fc_densenet56", width=390, height=844, has_touch=True)
        graph = viewer("fc_densenet56").graphs[0]
        for number in (0, 50, len(graph.blocks) - 1):
            choose(page, number)
            assert name_shown(page) == graph.ids[graph.blocks[number].leader]
            shown = widget(page).locator('.seg-block[aria-pressed="true"]')
            strip = widget(page).locator(".seg-scroller").bounding_box()
            box = shown.bounding_box()
            assert strip["x"] - 1 <= box["x"], "the chosen block is scrolled into view"
            assert box["x"] + box["width"] <= strip["x"] + strip["width"] + 1
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
