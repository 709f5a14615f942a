"""What a slider's step asks of the browser: a few boxes laid out and painted, never the page.

The time it takes is measured by `benchmarks/slider_latency.py`. Here the browser's own record says what it did.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page

from tests.site.conftest import PAGES, visit
from tools import ROOT


def source(name: str) -> str:
    """What a page is written in."""
    file = (ROOT / name).with_suffix(".ipynb")
    return (file if file.exists() else file.with_suffix(".md")).read_text(encoding="utf-8")


WITH_WIDGETS = [name for name in PAGES if "seglib.widgets" in source(name)]

MOST_BOXES = 10  # of some ten thousand on a page: thumb, track, number and what holds them

TIMES = 3

# Each slider and its number one step on and back, a few times, between two marks: without the widget's own answer,
# whose pictures follow in a frame of their own on a machine that needs it. Last a control: a new line in the text.
STEPS = """async (times) => {
    const frames = async (count) => {
        for (let i = 0; i < count; i++) await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    };
    const measured = async (name, change) => {
        performance.mark(`begin ${name}`);
        change();
        await frames(3);
        performance.mark(`end ${name}`);
    };
    const names = [];
    for (const input of document.querySelectorAll(".seg-control input[type=range]")) {
        if (!input.checkVisibility() || input.disabled) continue;
        input.scrollIntoView({ block: "center", behavior: "instant" });
        await frames(8);
        const { firstChild: text } = input.closest(".seg-control").querySelector("output");
        const name = `${names.length} ${input.closest("[data-key]").dataset.key} ${input.labels[0].firstChild.data}`;
        names.push(name);
        const [value, number] = [input.value, text.data];
        for (let i = 0; i < times; i++)
            await measured(`${name} ${i}`, () => {
                if (i % 2) input.value = value;
                else if (Number(value) < Number(input.max)) input.stepUp();
                else input.stepDown();
                text.data = i % 2 ? number : `${number}8`;
            });
    }
    await measured("control", () => {
        const line = Object.assign(document.createElement("p"), { textContent: "A new line." });
        document.querySelector("article h1").after(line);
    });
    return names;
}"""


@contextmanager
def recorded(page: Page) -> Iterator[list[dict]]:
    """What the browser writes down about its work while the block runs."""
    session = page.context.browser.new_browser_cdp_session()
    events: list[dict] = []
    ended: list[bool] = []
    session.on("Tracing.dataCollected", lambda message: events.extend(message["value"]))
    session.on("Tracing.tracingComplete", lambda _: ended.append(True))
    categories = "devtools.timeline,blink.user_timing,blink,cc"
    session.send("Tracing.start", {"transferMode": "ReportEvents", "categories": categories})
    try:
        yield events
    finally:
        session.send("Tracing.end")
        while not ended:
            page.wait_for_timeout(20)
        session.detach()


def between(events: list[dict], name: str) -> list[dict]:
    """The events of the page's main thread between the two marks of a step."""
    begin = next(event for event in events if event["name"] == f"begin {name}")
    end = next(event for event in events if event["name"] == f"end {name}")
    thread = (begin["pid"], begin["tid"])
    return [e for e in events if (e["pid"], e["tid"]) == thread and begin["ts"] < e["ts"] < end["ts"]]


def laid_out(events: list[dict]) -> list[dict]:
    """What each layout began with: how many boxes, and whether it was a part of the page only."""
    layouts = [event["args"] for event in events if event["name"] == "Layout"]
    return [layout["beginData"] for layout in layouts if "beginData" in layout]


def sorted_into_layers(events: list[dict]) -> int:
    """How often all of the page was sorted into layers again."""
    return sum(event["name"] == "PaintArtifactCompositor::Update" for event in events)


def faults(step: list[dict]) -> list[str]:
    """What a step asked for that does not concern its slider alone."""
    layouts = laid_out(step)
    if not layouts:
        return ["it has not moved"]
    found = []
    if not all(layout["partialLayout"] for layout in layouts):
        found.append("it lays out the whole page")
    elif (boxes := max(layout["totalObjects"] for layout in layouts)) > MOST_BOXES:
        found.append(f"it lays out {boxes} boxes")
    if sorted_into_layers(step):
        found.append("it sorts the page into layers again")
    return found


@pytest.mark.parametrize("path", WITH_WIDGETS)
@pytest.mark.parametrize("width", [390, 1280])
def test_a_step_lays_out_and_paints_only_the_slider(
    path: str, width: int, open_tab: Callable[..., Page], server: str
) -> None:
    page = open_tab(width=width)
    visit(page, f"{server}/{path}")
    with recorded(page) as events:
        names = page.evaluate(STEPS, TIMES)
    control = between(events, "control")
    expected = ["it lays out the whole page", "it sorts the page into layers again"]
    assert faults(control) == expected, "this Chromium does not write down what the test looks for"
    assert names, "no slider on this page"
    # The first step after a scroll may sort, and a page has work of its own: what every step asks for is the slider's.
    asked = {name: [faults(between(events, f"{name} {i}")) for i in range(TIMES)] for name in names}
    assert not {name: found for name, found in asked.items() if all(found)}
