"""The built book in a real browser, with the network shut.

Fixtures: `site`, `browser`, `address` (a page's URL, over http and over file://), `page` (an empty tab that
fails its test when anything goes wrong in it) and `open_tab` (the same, of any size and in dark mode).
"""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, sync_playwright

from tools import ROOT, chromium

SITE = ROOT / "_build/html"
CHROMIUM_FLAGS = [
    *chromium.FLAGS,
    # Whatever is not this machine has no address, also for what a page asks without telling the tests.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def written_pages() -> list[str]:
    """The pages of the table of contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [toc["root"]] + [page["file"] for part in toc.get("parts", []) for page in part["chapters"]]
    return [f"{name}.html" for name in listed]


PAGES = written_pages()
ALL_PAGES = [*PAGES, "index.html", "search.html", "genindex.html"]


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built book."""
    if not (SITE / "index.html").exists():
        pytest.fail("There is no built book in _build/html: run `make site`", pytrace=False)
    return SITE


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without telling each of them."""

    def do_GET(self) -> None:
        """Serve a file; the icon that browsers ask every server's root for is none of the book's."""
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    """The built book over http: the address of its root."""
    handler = functools.partial(QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http_server.server_port}"
        http_server.shutdown()
        thread.join()


@pytest.fixture(params=["http", "file"])
def address(request: pytest.FixtureRequest, site: Path, server: str) -> Callable[[str], str]:
    """Turns a page's path in the book into its URL; a test that asks for it runs over http and over file://."""
    root = server if request.param == "http" else site.as_uri()
    return lambda path: f"{root}/{path}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium.ensure(), args=CHROMIUM_FLAGS)
        yield started
        started.close()


@dataclass
class Record:
    """What went wrong in a tab.

    Attributes:
        foreign: addresses on other hosts that the page asked for.
        errors: what it wrote to the console as an error, and exceptions nobody caught.
        failed: its own files that could not be had.
    """

    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Fail when anything went wrong."""
        assert not self.foreign, f"the page asks other hosts: {self.foreign}"
        assert not self.failed, f"files of the book that could not be had: {self.failed}"
        assert not self.errors, f"errors in the console: {self.errors}"


def is_ours(url: str) -> bool:
    """Whether an address is the book's own: its server, its files, or something the page made itself."""
    return url.startswith(("http://127.0.0.1:", "file://", "data:", "blob:", "about:"))


@contextmanager
def tab(
    browser: Browser, *, width: int = 1280, height: int = 900, dark: bool = False, **options: object
) -> Iterator[tuple[Page, Record]]:
    """A new tab in a window of its own, with a record of what goes wrong in it."""
    scheme = "dark" if dark else "light"
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
    record = Record()

    def on_request(request: Request) -> None:
        if not is_ours(request.url):
            record.foreign.append(request.url)

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            record.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def on_failure(request: Request) -> None:
        # Without JavaScript the browser itself drops the scripts that the page announces.
        if request.resource_type != "script" or options.get("java_script_enabled", True):
            record.failed.append(f"{request.url} ({request.failure})")

    context.on("request", on_request)
    page = context.new_page()
    page.on("console", on_console)
    page.on("pageerror", lambda error: record.errors.append(str(error)))
    page.on("requestfailed", on_failure)
    page.on("response", lambda response: record.failed.append(response.url) if response.status >= 400 else None)
    try:
        yield page, record
    finally:
        context.close()


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens tabs: `open_tab(width=390, dark=True)`. Afterwards, whatever went wrong in one fails the test."""
    records = []
    with ExitStack() as stack:

        def opened(**options: object) -> Page:
            page, record = stack.enter_context(tab(browser, **options))
            records.append(record)
            return page

        yield opened
    for record in records:
        record.check()


@pytest.fixture
def page(open_tab: Callable[..., Page]) -> Page:
    """An empty tab; whatever goes wrong in it fails the test."""
    return open_tab()


def visit(page: Page, url: str) -> None:
    """Open a page and wait until its formulas are set and its widgets have mounted, or have failed to."""
    page.goto(url, wait_until="load")
    if url.endswith("/index.html") and not url.endswith("/book/index.html"):
        page.wait_for_url("**/book/index.html", wait_until="load")  # the root leads on to the first page
    page.evaluate("window.MathJax?.startup?.promise")
    page.wait_for_function("!document.querySelector('.seglib-widget[data-state=\"loading\"]')", timeout=15_000)


def settle(page: Page) -> None:
    """Wait until what the last action asked for is painted; on a slow machine pictures come in a second frame."""
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )


def move(slider: Locator, value: float) -> None:
    """Move a slider as a hand would: its value, and the input event; then wait until that is painted."""
    slider.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input', { bubbles: true })); }", str(value))
    settle(slider.page)
