"""Every page of the built book: whole, quiet, by itself, readable by everybody, at home on a phone."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Page

from tests.site.conftest import ALL_PAGES, PAGES, visit
from tools import ROOT
from tools.repository import address as repository_address
from tools.tested import own_bytes, picture_bytes

AXE = ROOT / "node_modules/axe-core/axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PAYLOAD = 300_000
WHOLE_PAGE = 1_500_000
CHAPTERS = [name for name in PAGES if (ROOT / name).with_suffix(".ipynb").exists()]


@cache
def parsed(path: Path) -> BeautifulSoup:
    """A page's HTML as it is served, before any script has run."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_every_page_of_the_site_is_tested(site):
    built = {path.relative_to(site).as_posix() for path in site.rglob("*.html") if "_static" not in path.parts}
    assert built == set(ALL_PAGES)


@pytest.mark.parametrize("name", ALL_PAGES)
def test_page_is_quiet_asks_no_other_host_and_mounts_its_widgets(
    name: str, address: Callable[[str], str], page: Page
) -> None:
    visit(page, address(name))  # what goes wrong in the tab fails the test: see conftest.Record
    states = page.locator(".seglib-widget").evaluate_all("all => all.map(e => [e.dataset.widget, e.dataset.state])")
    assert all(state == "mounted" for _, state in states), states


@pytest.mark.parametrize("name", PAGES)
def test_page_shows_no_traceback_and_no_raw_output(name, site):
    text = parsed(site / name).get_text()
    assert "Traceback (most recent call last)" not in text
    # Reprs that a reader should never see: a live object that lost its picture, a widget that lost its HTML.
    assert not re.search(r"<[\w.]+ at 0x[0-9a-f]+>", text)
    assert "application/vnd.jupyter.widget-view+json" not in text
    assert "<Figure size" not in text, "a cell ends with a figure and no semicolon"
    assert "<Axes" not in text


@pytest.mark.parametrize("name", PAGES)
def test_every_picture_says_in_words_what_it_shows(name, site):
    for image in parsed(site / name).select(".bd-article img"):
        alt = image.get("alt", "")
        # Sphinx writes the file's name where there are no words.
        assert alt.strip(), f"no alt text: {str(image)[:200]}"
        assert not re.search(r"\.(png|svg|jpe?g|webp|gif)$", alt), f"a file's name is no alt text: {alt}"


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_picture_that_a_chapter_describes_is_there(name, site):
    there = {image.get("alt") for image in parsed(site / name).select(".bd-article img")}
    cells = json.loads((ROOT / name).with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    described = {cell["metadata"].get("mystnb", {}).get("image", {}).get("alt") for cell in cells} - {None}
    # "If ...": the picture needs something from the internet, and the text beginning so tells a reader who sees it.
    lost = {alt for alt in described - there if not alt.startswith("If ")}
    assert not lost, f"cells of {name} describe pictures and draw none: {lost}"


@pytest.mark.parametrize("name", ALL_PAGES)
def test_links_inside_the_book_lead_somewhere(name, site):
    page = site / name
    for link in parsed(page).select("a[href], link[href], img[src], script[src]"):
        target = link.get("href") or link.get("src")
        if urlsplit(target).scheme or target.startswith("//"):
            continue
        path, fragment = urldefrag(target)
        file = (page.parent / unquote(urlsplit(path).path)).resolve() if path else page
        assert file.is_file(), f"{name} links to {target}, which is not there"
        # A widget keeps its settings in the fragment: #dilation.rate=4
        if fragment and "=" not in fragment and file.suffix == ".html":
            assert parsed(file).find(id=unquote(fragment)), f"{name} links to {target}; there is no such place"


@pytest.mark.parametrize("name", PAGES)
def test_colab_links_lead_to_the_chapters_notebook(name: str, server: str, page: Page) -> None:
    visit(page, f"{server}/{name}")
    button = page.locator(".dropdown-launch-buttons")
    source = ROOT / name.replace(".html", ".ipynb")
    assert button.count() == 1 or not source.exists()
    if button.count():
        assert button.is_visible() == source.exists(), "Colab opens notebooks only"
    for link in page.locator('a[href^="https://colab.research.google.com/"]').evaluate_all(
        "all => all.map(a => a.href)"
    ):
        path = link.split("/blob/main/")[1]
        assert link.startswith(repository_address().colab)
        assert (ROOT / path).is_file() or not button.is_visible()


@pytest.mark.parametrize("name", PAGES)
def test_own_code_data_and_pictures_fit_the_budget(name, site):
    page = parsed(site / name)
    found, pictures = own_bytes(page), picture_bytes(page, (site / name).parent)
    assert found <= PAYLOAD, f"{name}: {found} bytes of our own scripts and data"
    assert found + pictures <= WHOLE_PAGE, f"{name}: {found} bytes of scripts and data, {pictures} of pictures"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_content_is_accessible(name: str, width: int, dark: bool, server: str, open_tab: Callable[..., Page]) -> None:
    assert AXE.exists(), "axe-core is missing: run `make site`"
    page = open_tab(width=width, dark=dark, reduced_motion="reduce")
    visit(page, f"{server}/{name}")
    assert page.evaluate("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    page.add_script_tag(path=str(AXE))
    result = page.evaluate(
        "tags => axe.run('.bd-article', { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] })", WCAG
    )
    found = [
        f"{rule['id']}: {rule['help']}\n    {node['html'][:160]}\n    {node['failureSummary']}"
        for rule in result["violations"]
        for node in rule["nodes"][:3]
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", ALL_PAGES)
@pytest.mark.parametrize("width", [390, 320])
def test_page_does_not_scroll_sideways_on_a_phone(
    name: str, width: int, server: str, open_tab: Callable[..., Page]
) -> None:
    page = open_tab(width=width, height=844, has_touch=True)
    visit(page, f"{server}/{name}")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width, page.evaluate(
        """width => [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width + 1)
            .map(e => e.outerHTML.slice(0, 120)).slice(0, 5)""",
        width,
    )


@pytest.mark.parametrize("name", PAGES)
def test_page_without_javascript_shows_each_widgets_picture(
    name: str, server: str, open_tab: Callable[..., Page]
) -> None:
    page = open_tab(java_script_enabled=False)
    page.goto(f"{server}/{name}")
    for widget in page.locator(".seglib-widget").all():
        picture = widget.locator("img").first
        assert picture.is_visible()
        assert picture.get_attribute("alt")
