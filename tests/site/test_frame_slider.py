"""FrameSlider in the built chapter: every frame is reached, named and shown alone."""

import pytest
from playwright.sync_api import Page, expect

from tests.site.conftest import move, settle, visit

CHAPTER = "book/deconvnet.html"


@pytest.fixture
def chapter(page, server) -> Page:
    visit(page, f"{server}/{CHAPTER}")
    return page


def widget(page: Page):
    return page.locator('.seglib-widget[data-key="depth"]')


def slider(page: Page):
    return widget(page).get_by_role("slider", name="Depth")


def slide(page: Page, value: int) -> None:
    move(slider(page), value)


def shown(page: Page) -> list[dict]:
    return widget(page).locator(".seg-frames img").evaluate_all(
        """all => all.filter(e => getComputedStyle(e).visibility === 'visible')
            .map(e => ({ alt: e.alt, src: e.src, wide: e.naturalWidth, hidden: e.getAttribute('aria-hidden') }))"""
    )  # fmt: skip


def test_every_frame_is_shown_alone_and_says_what_it_is(chapter):
    last = int(slider(chapter).get_attribute("max"))
    assert last == 18
    seen = set()
    for number in range(last + 1):
        slide(chapter, number)
        [image] = shown(chapter)
        label = slider(chapter).get_attribute("aria-valuetext")
        assert image["hidden"] == "false"
        assert image["wide"] > 0
        assert label in image["alt"]
        assert "of the values not 0" in widget(chapter).locator("figcaption").inner_text()
        expect(widget(chapter).locator(".seg-status")).to_have_text(f"{number + 1} of {last + 1}")
        seen.add(image["src"])
    assert len(seen) == last + 1


def test_buttons_and_keys_step_and_stop_at_the_ends(chapter):
    back, forward = (widget(chapter).get_by_role("button", name=name) for name in ("Back", "Next"))
    expect(back).to_be_disabled()
    forward.click()
    settle(chapter)
    assert slider(chapter).input_value() == "1"
    slider(chapter).focus()
    chapter.keyboard.press("ArrowRight")
    chapter.keyboard.press("End")
    settle(chapter)
    assert slider(chapter).input_value() == "18"
    expect(forward).to_be_disabled()


def test_frame_lives_in_the_address_and_comes_back(chapter, server, open_tab):
    slide(chapter, 7)
    chapter.wait_for_function("location.hash.includes('depth.frame=7')")
    visitor = open_tab()
    visit(visitor, chapter.url)
    assert slider(visitor).input_value() == "7"
    widget(visitor).get_by_role("button", name="Reset").click()
    visitor.wait_for_function("location.hash === ''")
    assert slider(visitor).input_value() == "0"


@pytest.mark.parametrize("frame", ["99", "500", "-3", "%22a%22"])
def test_link_to_a_frame_that_is_not_there_shows_one_that_is(frame, page, server):
    visit(page, f"{server}/{CHAPTER}#depth.frame={frame}")
    assert slider(page).input_value() in ("0", "18")
    assert len(shown(page)) == 1


def test_screen_reader_hears_the_frame(chapter):
    slide(chapter, 1)
    expect(widget(chapter).locator("[aria-live]")).to_contain_text("unpool5", timeout=3000)
