"""Find a Chromium for the browser tests, and get one where there is none.

`python -m tools.chromium` prints the path of one that starts. Looked for in this order: `$CHROMIUM`, the usual names on
PATH, Chrome on a Mac, the one that Playwright has downloaded. Where there is none, Playwright downloads its own; where
that fails too and we are root on Debian or Ubuntu, apt installs one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
PLACES = [
    "/usr/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
]

# Root, containers and machines without a screen need the first two; the rest keeps Chromium's own services quiet, so
# that every request a test sees comes from the page.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class NoChromiumError(SystemExit):
    """No Chromium is here and none could be had."""


def starts(path: str) -> bool:
    """Whether the file really is a browser that starts: Ubuntu's `chromium-browser` may be a stub that cannot."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and ("Chrom" in answer.stdout)


def playwrights_own() -> str | None:
    """Where Playwright would keep its own Chromium, whether it is there or not; None without Playwright.

    Asked in another process: Playwright's sync API cannot start where an event loop runs already.
    """
    script = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def candidates() -> Iterator[str]:
    """Files that may be a Chromium, best first."""
    yield from (path for name in NAMES if (path := shutil.which(name)))
    yield from (path for path in PLACES if os.path.exists(path))  # noqa: PTH110 - nothing is gained by a Path here
    own = playwrights_own()
    if own and os.path.exists(own):  # noqa: PTH110
        yield own


def find() -> str | None:
    """The path of a Chromium that starts, or None.

    Raises:
        NoChromiumError: `$CHROMIUM` is set, and what it names does not start. Whoever sets it wants no other.
    """
    wanted = os.environ.get("CHROMIUM")
    if wanted:
        if starts(wanted):
            return wanted
        raise NoChromiumError(f"CHROMIUM={wanted!r} is not a Chromium that starts: correct the path, or unset CHROMIUM")
    return next((path for path in candidates() if starts(path)), None)


def say_and_run(*command: str) -> bool:
    """Run one step of an installation, saying which; whether it went well."""
    print("No Chromium yet:", " ".join(command), file=sys.stderr, flush=True)
    options = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, stdout=sys.stderr, env=options, check=False).returncode == 0


def install() -> None:
    """Get a Chromium: Playwright's own, else the distribution's. `find` tells whether it worked."""
    can_apt = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None
    playwright = [sys.executable, "-m", "playwright"]
    if say_and_run(*playwright, "install", "chromium"):
        if not find() and can_apt:  # downloaded, but libraries are missing
            say_and_run(*playwright, "install-deps", "chromium")
        if find():
            return
    if can_apt and say_and_run("apt-get", "update", "-qq"):
        say_and_run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")


def ensure() -> str:
    """The path of a Chromium that starts; gets one where there is none.

    Raises:
        NoChromiumError: none is here and none could be had. The message says what to do.
    """
    found = find()
    if not found:
        install()
        found = find()
    if not found:
        raise NoChromiumError(
            f"The browser tests need Chromium or Chrome. None of {', '.join(NAMES)} starts here, Playwright could not "
            "download its own, and apt has none or may not be used (not root). Install Chromium or Chrome with your "
            "system's packages, or name one: CHROMIUM=/path/to/chromium"
        )
    return found


if __name__ == "__main__":
    print(ensure())
