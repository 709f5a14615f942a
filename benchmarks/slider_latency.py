"""From a slider's input to the next paint in the built pages, on a processor made four times slower.

`make site` first, then `python -m benchmarks.slider_latency`. The budget is a 95th percentile under 16 ms until the
next paint, in which the slider and its number have moved. On a machine as slow as this one the pictures follow in the
frame after it (`once` in `ui/kit.js`): the time until they are painted too stands beside it. So does what the machine
and the page themselves need, measured in the same run: a bare range input with a number behind it, put into the same
card. Run it on a machine that does nothing else; the load is printed.
"""

import functools
import http.server
import json
import os
import platform
import statistics
import threading

from playwright.sync_api import Locator, Page, sync_playwright

from tools import ROOT, chromium

SLOWDOWN = 4
BUDGET = 16  # ms, one frame of 60 a second
# Without its limit the browser draws at once, so that waiting for the screen's next refresh is not counted.
FLAGS = [*chromium.FLAGS, "--disable-frame-rate-limit", "--disable-gpu-vsync"]

# Page, widget, slider, and settings that make the step as heavy as it gets.
SLIDERS = [
    ("book/dilated_convolution.html", "layer", "Rate", {}),
    ("book/dilated_convolution.html", "layer", "Rate", {"kernel": 7}),
    ("book/dilated_convolution.html", "layer", "Kernel", {"rate": 12}),
    ("book/dilated_convolution.html", "stack", "Layer 1", {}),
    ("book/dilated_convolution.html", "stack", "Layer 1", {"rates": [16] * 7}),
    ("book/receptive_field.html", "receptive_field", "Column", {}),
    ("book/receptive_field.html", "receptive_field", "Row", {}),
    ("book/receptive_field.html", "receptive_field", "Layer", {}),
    ("book/fcn.html", "object_size", "Radius", {}),
    ("book/unpooling.html", "unpooling", "Size", {}),
    ("book/transposed_convolution.html", "transposed_convolution", "Kernel", {"size": 5}),
    ("book/transposed_convolution.html", "transposed_convolution", "Step", {"size": 5, "kernel": 5}),
    ("book/transposed_convolution.html", "bilinear", "Column", {"scale": 4}),
    ("book/deconvnet.html", "net", "Layer", {}),
    ("book/deconvnet.html", "depth", "Depth", {}),
    ("book/segnet.html", "parts", "Layer", {}),
    ("book/skip_connections.html", "architecture", "Layer", {}),
    ("book/crf.html", "crf", "Iterations", {}),
    ("book/index.html", "start", "Rate", {}),
]

# Set the value, say so, and take the time until the next frame is drawn, and until the frame in which the pictures are
# drawn: a task queued in the frame's own callback runs after the frame. Neighbouring values, back and forth, as a hand
# drags, one step in a frame of the screen.
MEASURE = """async (slider, pictures) => {
    const { prototype } = CanvasRenderingContext2D;
    const clear = prototype.clearRect;
    let drawn = false;
    prototype.clearRect = function (...box) {
        drawn = true;
        clear.apply(this, box);
    };
    // pictures that came with the page are not drawn, but shown
    const shown = new MutationObserver(() => (drawn = true));
    shown.observe(slider.closest(".seglib"), { subtree: true, attributeFilter: ["data-shown"] });
    const frame = () => new Promise((painted) => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = painted;
        channel.port2.postMessage(0);
    }));
    const [low, high, step] = [slider.min, slider.max, slider.step].map(Number);
    const count = Math.round((high - low) / step);
    const times = { next: [], whole: [] };
    for (let i = 1; i <= 100; i++) {
        const place = i % (2 * count);
        drawn = false;
        const start = performance.now();
        const next = frame(); // asked for first, so answered before the widget's own task
        slider.value = low + step * (place <= count ? place : 2 * count - place);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        await next;
        times.next.push(performance.now() - start);
        for (let i = 0; pictures && !drawn && i < 20; i++) await frame();
        times.whole.push(performance.now() - start);
        await new Promise((rest) => setTimeout(rest, 16));
    }
    prototype.clearRect = clear;
    shown.disconnect();
    return times;
}"""

BARE = """(widget) => {
    const input = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 12, step: 1 });
    const output = document.createElement("output");
    output.textContent = "0";
    input.oninput = () => (output.firstChild.data = input.value);
    input.setAttribute("aria-label", "bare");
    const control = Object.assign(document.createElement("div"), { className: "seg-control" });
    const label = document.createElement("label");
    label.append("bare", output);
    control.append(label, input);
    widget.querySelector(".seglib").prepend(control);
}"""


def measure(page: Page, slider: Locator, *, pictures: bool) -> dict[str, list[float]]:
    """Milliseconds of a hundred steps until the next paint and until the whole answer, after a hundred that warm up."""
    slider.scroll_into_view_if_needed()
    slider.evaluate(MEASURE, pictures)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    slider.evaluate(MEASURE, pictures)  # the widget learns how slow this machine is
    times = slider.evaluate(MEASURE, pictures)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    return times


def p95(times: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(times, n=20)[-1]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves the book without telling each file."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    if not (ROOT / "_build/html/index.html").exists():
        raise SystemExit("There is no built book in _build/html: run `make site` first")
    handler = functools.partial(QuietHandler, directory=str(ROOT / "_build/html"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.ensure(), args=FLAGS)
        print(f"Chromium {browser.version}, {platform.machine()}, {os.cpu_count()} cores, {SLOWDOWN}x slower, ", end="")
        print(f"load {os.getloadavg()[0]:.1f}; milliseconds from input to paint, budget p95 < {BUDGET}")
        print(f"{'':63} {'next paint':>15} {'with pictures':>15} {'bare slider':>15}")
        print(f"{'page':34} {'slider':28} " + f"{'median':>8} {'p95':>6} " * 3)
        for path, key, label, settings in SLIDERS:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            link = "&".join(
                f"{key}.{name}={json.dumps(value, separators=(',', ':'))}" for name, value in settings.items()
            )
            page.goto(f"http://127.0.0.1:{server.server_port}/{path}#{link}")
            widget = page.locator(f'.seglib-widget[data-key="{key}"][data-state="mounted"]')
            ours = measure(page, widget.get_by_role("slider", name=label, exact=True), pictures=True)
            widget.evaluate(BARE)
            bare = measure(page, widget.get_by_role("slider", name="bare", exact=True), pictures=False)["next"]
            page.close()
            name = f"{label} {' '.join(f'{k}={v}' for k, v in settings.items())}"[:28]
            columns = [f"{statistics.median(times):8.1f} {p95(times):6.1f} " for times in (*ours.values(), bare)]
            print(f"{path:34} {name:28} {''.join(columns)}".rstrip(), flush=True)
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()
