"""A real JupyterLab: open a chapter, run all, move a slider, and see PyTorch answer."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect

from seglib.widgets import DilationExplorer
from tests.site.conftest import move
from tools import ROOT

START = 60  # seconds until the server answers
RUN = 180  # seconds for the chapter


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """JupyterLab on a copy of the chapter; the address of its notebook."""
    shutil.copy(ROOT / "book/dilated_convolution.ipynb", tmp_path / "chapter.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"]
    command += ["--ServerApp.token=", "--ServerApp.password=", f"--ServerApp.root_dir={tmp_path}"]
    command += [
        "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    log = (tmp_path / "log").open("w")
    server = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    try:
        deadline = time.monotonic() + START
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=2).close()
                break
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail("JupyterLab did not start:\n" + (tmp_path / "log").read_text()[-2000:], pytrace=False)
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/lab/tree/chapter.ipynb"
    finally:
        server.terminate()
        server.wait(timeout=20)
        log.close()


def test_chapter_runs_and_its_slider_is_answered_by_pytorch(lab, browser):
    page: Page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(lab)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=START * 1000)
    page.get_by_role("menuitem", name="Run", exact=True).click(timeout=60_000)
    page.locator(".lm-Menu-itemLabel").get_by_text("Run All Cells", exact=True).click()
    # JupyterLab draws only the cells on view: go to the one with the figure.
    source = page.get_by_text('DilationExplorer(show="layer", key="layer")')
    expect(source.or_(page.locator(".seglib")).first).to_be_attached(timeout=RUN * 1000)
    figure = page.locator(".seglib").first
    scroll_until(page, figure)
    expect(figure.locator(".seg-status")).to_contain_text(
        f"Answered by PyTorch {torch.__version__.split('+')[0]}", timeout=RUN * 1000
    )

    move(figure.get_by_role("slider", name="Rate", exact=True), 7)
    expect(figure.locator('[data-readout="span"]')).to_have_text("15 × 15")
    expect(figure.locator(".seg-status")).to_contain_text("Answered by PyTorch", timeout=30_000)
    start = DilationExplorer(rate=7)
    image, x, y = (
        torch.frombuffer(bytearray(start.answer["pixels"]), dtype=torch.float32).view(120, 180),
        start.x,
        start.y,
    )
    shown = figure.locator('[data-readout="output"]').inner_text().replace("−", "-")
    assert float(shown) == pytest.approx(image[y, x].item(), abs=6e-4)
    # one picture, not two: the HTML for the page is not shown beside the live widget
    assert page.locator(".seglib-fallback").count() == 0
    errors = page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']")
    assert errors.count() == 0
    page.close()


def scroll_until(page: Page, target) -> None:
    """Scroll the notebook down in steps until the target is drawn."""
    panel = page.locator(".jp-WindowedPanel-outer, .jp-Notebook").first
    deadline = time.monotonic() + RUN
    while not (target.count() and target.is_visible()):
        assert time.monotonic() < deadline, "the figure was never drawn: " + json.dumps(panel.inner_text()[:500])
        panel.evaluate(
            "(e) => { e.scrollTop = e.scrollTop + 400 >= e.scrollHeight - e.clientHeight ? 0 : e.scrollTop + 400; }"
        )
        page.wait_for_timeout(400)
    target.scroll_into_view_if_needed()
